"""Whether a customer's message was answered.

The journal keeps which texts it accepted, and where the business itself last wrote. This is asked when everything is
published again: the platform, which knew, may have lost it.
"""

from typing import Final

from oxy_core.envelopes import MessageSeen, Report, SendOutcome, Settled
from oxy_core.errors import ContractError
from oxy_tenant.journal.database import JournalDatabase

_SAID: Final = f"state IN ('accepted', 'sending', '{SendOutcome.SENT}', '{SendOutcome.AMBIGUOUS}')"
"""What the customer has got, may have got, or will get."""

_OF_CHAT: Final = "chat = coalesce((SELECT chat FROM chat_aliases WHERE alias = :chat), :chat)"

_ANSWERED: Final = (
    f"SELECT 1 FROM sends WHERE {_OF_CHAT} AND {_SAID} AND based_on_epoch = :epoch AND based_on >= :sequence"  # noqa: S608 constants
)
_PERSON: Final = f"SELECT 1 FROM chats WHERE {_OF_CHAT} AND own_sequence > :sequence AND :epoch = :current"  # noqa: S608 constants
_LATER: Final = (
    f"SELECT 1 FROM sends WHERE {_OF_CHAT} AND {_SAID} AND accepted_at >= :written_at "  # noqa: S608 constants
    "AND (based_on = -1 OR based_on >= 0 AND based_on_epoch <> :epoch)"
)
"""A text of older code, or one that is based on another journal's numbers."""


def settled(journal: JournalDatabase, envelope: bytes, written_at: float) -> Settled:
    """Return what the journal says of a report of its own."""
    try:
        report = Report.decode(envelope)
    except ContractError:
        return Settled.UNKNOWN  # a newer version wrote it
    body = report.body
    if not isinstance(body, MessageSeen) or (body.from_me and not body.self_chat):
        return Settled.OPEN
    values = {
        "chat": str(body.chat),
        "epoch": str(report.journal_epoch),
        "current": str(journal.epoch),
        "sequence": body.chat_sequence,
        "written_at": written_at,
    }
    for query, answer in ((_ANSWERED, Settled.ANSWERED), (_PERSON, Settled.PERSON), (_LATER, Settled.UNKNOWN)):
        if journal.read_named(query, values):
            return answer
    return Settled.OPEN
