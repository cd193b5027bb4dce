"""The tools with which Aurora acts, of any business."""

from oxy_ai.assistants.vertical import Tool
from oxy_ai.aurora.acting.agenda_acts import AGENDA_ACTS
from oxy_ai.aurora.acting.assistant_acts import ASSISTANT_ACTS
from oxy_ai.aurora.acting.booking_acts import SETTLE_BOOKING, SubjectFinder, any_subject, booking_for
from oxy_ai.aurora.acting.conversation_acts import CONVERSATION_ACTS
from oxy_ai.aurora.acting.report_acts import REPORT_ACTS


def acting_tools(find_subject: SubjectFinder = any_subject) -> tuple[Tool, ...]:
    """Return the tools; `find_subject` says for whom or what a business's bookings are."""
    return (*CONVERSATION_ACTS, *ASSISTANT_ACTS, *REPORT_ACTS, *AGENDA_ACTS, SETTLE_BOOKING, booking_for(find_subject))
