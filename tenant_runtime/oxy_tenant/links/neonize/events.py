"""Which of neonize's events the runtime asks for, and what they mean. Pure."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from oxy_core.identity import Jid
from oxy_tenant.links.events import (
    CONNECT_FAILURE,
    Banned,
    CaughtUp,
    Connected,
    Delivered,
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
_BAN: Final = 8
_RECEIPT: Final = 18
_PLAIN: Final[Mapping[int, LinkEvent]] = {
    3: Connected(),
    4: Disconnected("KeepAliveTimeout"),
    5: Connected(),
    6: LoggedOut(),
    7: Replaced(),
    9: Disconnected(CONNECT_FAILURE),
    10: Outdated(),
    12: Disconnected("ConnectionLost"),
    27: CaughtUp(),
}
"""Events whose number says it all. Source of all numbers: neonize/events.py, EVENT_TO_INT."""

_OLD_COUNTER: Final = re.compile(r"Ignoring message (?P<id>\S+) from (?:\S+ in )?(?P<chat>\S+): .*old counter")
"""whatsmeow's warning about a message whose key was used. Source: whatsmeow message.go, decryptMessages."""


@dataclass(frozen=True, slots=True)
class CopyRefused:
    """The library got a message whose key it had used already: it was journalled before, or lost on its way there."""

    whatsapp_id: str
    chat: Jid | None


def wanted_events(*, receipts: bool) -> bytes:
    """Return the numbers of the events to subscribe to.

    Only those that are read here: any other may hold a value that neonize does not know, which ends its event loop.
    """
    return bytes(sorted({*_PLAIN, _BAN, MESSAGE, UNDECRYPTABLE, *({_RECEIPT} if receipts else ())}))


def translate_event(envelopes: Untyped, number: int, data: bytes) -> LinkEvent | None:
    """Return what an event other than a message or the account means; None for one without a meaning here."""
    if number == _BAN:
        ban = envelopes.TemporaryBan.FromString(data)
        return Banned(datetime.now(UTC) + timedelta(seconds=ban.Expire) if ban.Expire > 0 else None)
    if number == _RECEIPT:
        receipt = envelopes.Receipt.FromString(data)
        return Delivered(tuple(receipt.MessageIDs)) if receipt.Type != receipt.RETRY else None
    return _PLAIN.get(number)


def copy_refused(warning: str) -> CopyRefused | None:
    """Read whatsmeow's warning about a copy of a message whose key was used already; None for any other."""
    match = _OLD_COUNTER.search(warning)
    if match is None:
        return None
    with contextlib.suppress(ValueError):
        return CopyRefused(match["id"], Jid.parse(match["chat"]).bare)
    return CopyRefused(match["id"], None)
