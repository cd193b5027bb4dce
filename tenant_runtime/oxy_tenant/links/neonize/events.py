"""The events that we subscribe to in neonize, and their meaning. Pure."""

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
"""Events without content. Source of all numbers: neonize/events.py, EVENT_TO_INT."""

_OLD_COUNTER: Final = re.compile(r"Ignoring message (?P<id>\S+) from (?:\S+ in )?(?P<chat>\S+): .*old counter")
"""whatsmeow's warning about a message whose key was already used. Source: message.go, decryptMessages."""


@dataclass(frozen=True, slots=True)
class CopyRefused:
    """The library received a message whose key it had already used: a copy of one that was journalled or lost."""

    whatsapp_id: str
    chat: Jid | None


def wanted_events(*, receipts: bool) -> bytes:
    """Return the numbers of the events to subscribe to.

    Only those that are handled, because any other may contain a value unknown to neonize, which would end its event
    loop.
    """
    return bytes(sorted({*_PLAIN, _BAN, MESSAGE, UNDECRYPTABLE, *({_RECEIPT} if receipts else ())}))


def translate_event(envelopes: Untyped, number: int, data: bytes) -> LinkEvent | None:
    """Return the meaning of an event other than messages and the account; None if it is not used."""
    if number == _BAN:
        ban = envelopes.TemporaryBan.FromString(data)
        return Banned(datetime.now(UTC) + timedelta(seconds=ban.Expire) if ban.Expire > 0 else None)
    if number == _RECEIPT:
        receipt = envelopes.Receipt.FromString(data)
        return Delivered(tuple(receipt.MessageIDs)) if receipt.Type != receipt.RETRY else None
    return _PLAIN.get(number)


def copy_refused(warning: str) -> CopyRefused | None:
    """Read whatsmeow's warning about a message whose key was already used; None for any other warning."""
    match = _OLD_COUNTER.search(warning)
    if match is None:
        return None
    with contextlib.suppress(ValueError):
        return CopyRefused(match["id"], Jid.parse(match["chat"]).bare)
    return CopyRefused(match["id"], None)
