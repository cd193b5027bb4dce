"""The tools with which Aurora acts, of any business."""

from oxy_ai.assistants.vertical import Tool
from oxy_ai.aurora.acting.agenda_acts import AGENDA_ACTS
from oxy_ai.aurora.acting.assistant_acts import ASSISTANT_ACTS
from oxy_ai.aurora.acting.booking_acts import SETTLE_BOOKING, SubjectFinder, any_subject, booking_for
from oxy_ai.aurora.acting.campaign_acts import campaign_acts
from oxy_ai.aurora.acting.conversation_acts import CONVERSATION_ACTS
from oxy_ai.aurora.acting.report_acts import REPORT_ACTS
from oxy_ai.aurora.acting.sending_acts import SENDING_TOOLS
from oxy_ai.campaigns.audience import Audience


def acting_tools(find_subject: SubjectFinder = any_subject, audience: Audience | None = None) -> tuple[Tool, ...]:
    """Return the tools; `find_subject` says for whom or what bookings are, `audience` who may get campaigns."""
    campaigns = () if audience is None else campaign_acts(audience)
    bookings = (SETTLE_BOOKING, booking_for(find_subject))
    return (*CONVERSATION_ACTS, *ASSISTANT_ACTS, *REPORT_ACTS, *SENDING_TOOLS, *AGENDA_ACTS, *bookings, *campaigns)
