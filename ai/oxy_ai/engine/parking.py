"""Parked reports: those that cannot be stored now but may be later.

A report is parked when a newer version wrote it, when nobody has known its account for a while, or when its instance is
deleted, which may be made again. Late arrival is harmless, because a message's place is in its data.
"""

from typing import Final

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from oxy_core import subjects
from oxy_core.envelopes import PUBLISHED_AGAIN_HEADER, REPLAYED_HEADER, WAITED_HEADER

_KEPT: Final = (REPLAYED_HEADER, PUBLISHED_AGAIN_HEADER)
"""Headers that say how the report is to be taken."""


async def park(jetstream: JetStreamContext, message: Msg, reason: str, waited: float) -> None:
    """Publish a report to where it waits; `waited` is how many seconds it has waited already. Raises a NATS error."""
    subject = subjects.parked(reason, subjects.sender_of(message.subject))
    kept = {key: value for key, value in (message.headers or {}).items() if key in _KEPT}
    await jetstream.publish(subject, message.data, headers={**kept, WAITED_HEADER: f"{waited:.3f}"})
