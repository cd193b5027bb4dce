"""The events that we subscribe to in neonize, and their meaning. Pure."""

import contextlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from oxy_core.identity import Jid
from oxy_tenant.links.events import (
    AccountBanned,
    AccountLocked,
    CaughtUp,
    Connected,
    Disconnected,
    LinkEvent,
    LoggedOut,
    Outdated,
    Replaced,
)
from oxy_tenant.links.neonize.library import Untyped

ACCOUNT: Final = 0
MESSAGE: Final = 17
UNDECRYPTABLE: Final = 44
_LOGGED_OUT: Final = 6
LOST: Final = 12
QUEUE_ANNOUNCED: Final = 26
QUEUE_DELIVERED: Final = 27
_PLAIN: Final[Mapping[int, LinkEvent]] = {
    3: Connected(),
    7: Replaced(),
    10: Outdated(),
    LOST: Disconnected("ConnectionLost"),
    QUEUE_DELIVERED: CaughtUp(),
}
"""Events without content. Source of all numbers: neonize/events.py, EVENT_TO_INT."""

_REASONS: Final[Mapping[str, LinkEvent]] = {
    "MAIN_DEVICE_GONE": AccountLocked(),
    "UNKNOWN_LOGOUT": AccountBanned(),
}
"""By neonize's names for the server's codes 403 and 406. Source: whatsmeow types/events/events.go,
ConnectFailureReason, whose comments give WhatsApp's own names LOCKED and BANNED for them."""

_IGNORED: Final = "Ignoring message "
_OLD_COUNTER: Final = "old counter"
"""Parts of whatsmeow's warning about a message whose key was already used, ``Ignoring message <id> from [<sender> in ]
<chat>: <error>``. Source: message.go, decryptMessages."""


@dataclass(frozen=True, slots=True)
class CopyRefused:
    """The library received a message whose key it had already used: a copy of one that was journalled or lost."""

    whatsapp_id: str
    chat: Jid | None


def wanted_events(others: AbstractSet[int]) -> bytes:
    """Return the numbers of the events to subscribe to; `others`: those that are handled elsewhere.

    Only those that are handled, because any other may contain a value unknown to neonize, which would end its event
    loop. So do the events for bans and refused logins, which are read from the log (`troubles`).
    """
    return bytes(sorted({*_PLAIN, _LOGGED_OUT, QUEUE_ANNOUNCED, MESSAGE, UNDECRYPTABLE, *others}))


def caught_up_after(number: int, *, before: bool) -> bool:
    """Return whether messages after an event come as soon as they are sent; `before`: whether they did before it.

    A login says nothing about that: the library reports it from a thread of its own, before or after the end of what
    the server had queued.
    """
    return {LOST: False, QUEUE_ANNOUNCED: False, QUEUE_DELIVERED: True}.get(number, before)


def translate_event(envelopes: Untyped, number: int, data: bytes) -> LinkEvent | None:
    """Return the meaning of an event other than messages and the account; None if it is not used.

    Whatever the server sent, it does not raise: an event whose content cannot be read still means what its number says.
    """
    if number == _LOGGED_OUT:
        return _REASONS.get(_reason_of(envelopes, data), LoggedOut())
    return _PLAIN.get(number)


def _reason_of(envelopes: Untyped, data: bytes) -> str:
    """Return neonize's name for the reason of a removed device; empty if it has none for this one."""
    with contextlib.suppress(DecodeError, ValueError):
        return str(envelopes.ConnectFailureReason.Name(envelopes.LoggedOut.FromString(data).Reason))
    return ""


def copy_refused(warning: str) -> CopyRefused | None:
    """Read whatsmeow's warning about a message whose key was already used; None for any other warning.

    The sender chooses the id, which may look like such a warning itself; what follows it comes from the server.
    """
    whatsapp_id, found, rest = warning.removeprefix(_IGNORED).rpartition(" from ")
    source, _, error = rest.partition(": ")
    if not (found and warning.startswith(_IGNORED) and _OLD_COUNTER in error):
        return None
    with contextlib.suppress(ValueError):
        return CopyRefused(whatsapp_id, Jid.parse(source.rpartition(" in ")[2]).bare)
    return CopyRefused(whatsapp_id, None)
