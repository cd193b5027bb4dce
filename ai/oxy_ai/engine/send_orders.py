"""What ``oxy send`` asks for: a text or a file for one phone, and how far it has come."""

import asyncio
import time
from typing import BinaryIO, Final, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from oxy_ai.engine.outgoing import SendProgress, find_destination, outcome_of, queue_message
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.sanitize import storable_text
from oxy_core.message_limits import MAX_TEXT
from oxy_core.outbound import OutboundContent
from oxy_core.send_command import SendAnswer, SendOrder, SendState

POLL_SECONDS: Final = 0.2
"""How often the result is looked for while the command waits."""


class ReceivedOrder(NamedTuple):
    """An order with the bytes of its file."""

    order: SendOrder
    content: bytes


def read_order(stream: BinaryIO) -> ReceivedOrder:
    """Read an order and its file; raises AdministrationError if they are incomplete."""
    try:
        order = SendOrder.model_validate_json(stream.readline())
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, item["loc"])) for item in error.errors()}))
        message = f"standard input does not begin with a send order (check {fields or 'its form'})"
        raise AdministrationError(message) from None
    content = b"" if order.file is None else stream.read(order.file.size)
    if order.file is not None and len(content) < order.file.size:
        message = f"only {len(content)} of the file's {order.file.size} bytes arrived; try again"
        raise AdministrationError(message)
    return ReceivedOrder(order, content)


async def carry_out(engine: Engine, received: ReceivedOrder) -> SendAnswer:
    """Queue what was ordered, and wait for its result as long as the order says; raises AdministrationError."""
    order = received.order
    to = await find_destination(engine, order.organization, order.instance, order.phone)
    request = await queue_message(engine, to, _content_of(order))
    deadline = time.monotonic() + order.wait_seconds
    while (outcome := await outcome_of(engine, to.organization, request)).is_open and time.monotonic() < deadline:  # noqa: ASYNC110 another process closes it
        await asyncio.sleep(POLL_SECONDS)
    return answer_of(request, outcome)


def _content_of(order: SendOrder) -> str | OutboundContent:
    text = storable_text(order.text or "")
    if not 0 < len(text) <= MAX_TEXT:
        message = f"the text has {len(text)} characters; WhatsApp carries from 1 to {MAX_TEXT}"
        raise AdministrationError(message)
    return text


def answer_of(request: UUID, outcome: SendProgress) -> SendAnswer:
    """Return what the command prints. Pure."""
    return SendAnswer(
        id=request,
        state=_STATES.get(outcome.state, SendState.SENT),
        whatsapp_id=outcome.whatsapp_id,
        whatsapp_timestamp=outcome.whatsapp_at,
        refusal=outcome.refusal,
        error=outcome.error,
    )


_STATES: Final = {
    "pending": SendState.WAITING,
    "accepted": SendState.WAITING,
    "failed": SendState.FAILED,
    "superseded": SendState.FAILED,
    "expired": SendState.EXPIRED,
    "ambiguous": SendState.AMBIGUOUS,
}
"""By the column outbox.state; all others are stages of a sent message."""
