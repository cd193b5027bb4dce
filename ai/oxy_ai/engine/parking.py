"""Parked reports: those that cannot be stored now but may be later.

A report is parked when a newer version wrote it, when nobody has known its account for a while, or when its instance is
deleted, which may be made again. Late arrival is harmless, because a message's place is in its data. What is of
somebody who was forgotten since waits for nothing, and is dropped.
"""

from typing import Final

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from oxy_ai.engine.store import Engine
from oxy_ai.engine.unstorable import is_forgotten
from oxy_core import subjects
from oxy_core.envelopes import PUBLISHED_AGAIN_HEADER, REPLAYED_HEADER, WAITED_HEADER

_KEPT: Final = (REPLAYED_HEADER, PUBLISHED_AGAIN_HEADER)
"""Headers that say how the report is to be taken."""


async def park(jetstream: JetStreamContext, engine: Engine, message: Msg, reason: str, waited: float) -> None:
    """Publish a report to where it waits; `waited` is how many seconds it has waited already.

    Raises the error of an outage, and may then be repeated.
    """
    sender = subjects.sender_of(message.subject)
    if await is_forgotten(engine, sender.account, message.data, waited):
        return
    subject = subjects.parked(reason, sender)
    kept = {key: value for key, value in (message.headers or {}).items() if key in _KEPT}
    await jetstream.publish(subject, message.data, headers={**kept, WAITED_HEADER: f"{waited:.3f}"})
