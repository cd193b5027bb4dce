"""Finds missed calls among neonize's events about calls, which are safe: nothing in them is an enumeration. Pure."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from google.protobuf.message import DecodeError

from oxy_core.identity import Jid
from oxy_tenant.content.bounds import bounded_id, plausible_moment
from oxy_tenant.links.events import CallMissed
from oxy_tenant.links.neonize.arrivals import chat_and_alias, jid_of
from oxy_tenant.links.neonize.library import Untyped

_OFFER: Final = 36
_ACCEPT: Final = 37
_OFFER_NOTICE: Final = 40
_TERMINATE: Final = 42

CALL_EVENTS: Final = frozenset({_OFFER, _ACCEPT, _OFFER_NOTICE, _TERMINATE})
"""Source of the numbers: neonize/events.py, EVENT_TO_INT."""

_TIMEOUT: Final = "timeout"
_ANSWERED: Final = frozenset({"accepted_elsewhere", "rejected_elsewhere"})
"""Reasons of an end after the account's phone accepted or declined. Source: Baileys, src/Types/Call.ts."""

_MOST_RINGING: Final = 100
"""Calls remembered until they end; the ends of older ones may never come."""


@dataclass(slots=True)
class Calls:
    """The calls that ring; `owns` tells whether an address is the account's own."""

    owns: Callable[[Jid], bool]
    _ringing: dict[str, CallMissed] = field(default_factory=dict)

    def missed(self, envelopes: Untyped, number: int, data: bytes) -> CallMissed | None:
        """Take an event about a call; return the call if that shows that nobody answered it. Never raises."""
        with contextlib.suppress(DecodeError, ValueError):
            event = _EVENTS[number](envelopes).FromString(data)
            return self._take(number, event)
        return None

    def _take(self, number: int, event: Untyped) -> CallMissed | None:
        call = _call_of(number, event)
        if self.owns(call.chat):
            return None
        rang = self._ringing.pop(call.call_id, None)
        if number in {_OFFER, _OFFER_NOTICE}:
            self._ring(rang or call)
            return None
        # Without an offer it is unknown what ended: it may have been answered before this process started.
        answered = number == _ACCEPT or event.reason in _ANSWERED or (rang is None and event.reason != _TIMEOUT)
        return None if answered else (rang or call)

    def _ring(self, call: CallMissed) -> None:
        self._ringing[call.call_id] = call
        if len(self._ringing) > _MOST_RINGING:
            del self._ringing[next(iter(self._ringing))]


_EVENTS: Final[dict[int, Callable[[Untyped], Untyped]]] = {
    _OFFER: lambda envelopes: envelopes.CallOffer,
    _ACCEPT: lambda envelopes: envelopes.CallAccept,
    _OFFER_NOTICE: lambda envelopes: envelopes.CallOfferNotice,
    _TERMINATE: lambda envelopes: envelopes.CallTerminate,
}


def _call_of(number: int, event: Untyped) -> CallMissed:
    meta = event.basicCallMeta
    creator = jid_of(meta.callCreator).bare
    chat, alias = chat_and_alias(creator, meta.callCreatorAlt)
    call = CallMissed(bounded_id(meta.callID), chat, alias, plausible_moment(meta.timestamp))
    if number == _OFFER:
        return replace(call, video=any(child.Tag == "video" for child in event.data.Nodes))
    if number == _OFFER_NOTICE:
        return replace(call, video=event.media == "video", group=event.type == "group")
    return call
