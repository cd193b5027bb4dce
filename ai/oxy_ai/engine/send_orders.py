"""What ``oxy send`` asks for: a text or a file for one phone, and how far it has come."""

import asyncio
import hashlib
import time
from mimetypes import guess_type
from typing import BinaryIO, Final, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from oxy_ai.engine.outgoing import Destination, SendProgress, find_destination, outcome_of, queue_message
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError, FileLostError
from oxy_ai.media.library import FileLibrary
from oxy_ai.media.records import FileKey, OutboundFile
from oxy_ai.sanitize import storable_text
from oxy_core.file_types import HEAD_BYTES, UNKNOWN, kind_of, mime_of, objection_to
from oxy_core.identity import new_id
from oxy_core.message_limits import MAX_TEXT
from oxy_core.outbound import LARGEST_FILES, FileContent, FileKind
from oxy_core.send_command import FileOrder, SendAnswer, SendOrder, SendState

_VAGUE: Final = {UNKNOWN, "application/zip"}
"""Types of which the name tells more: text has no signature, and office documents are ZIP archives."""

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


async def carry_out(engine: Engine, library: FileLibrary, received: ReceivedOrder) -> SendAnswer:
    """Queue what was ordered, and wait for its result as long as the order says; raises AdministrationError."""
    order = received.order
    to = await find_destination(engine, order.organization, order.instance, order.phone)
    what: str | FileContent
    if order.file is None:
        what = _text_of(order)
    else:
        what = described(order.file, received.content)
        await _store(library, to, what, received.content)
    request = await queue_message(engine, to, what)
    deadline = time.monotonic() + order.wait_seconds
    while (outcome := await outcome_of(engine, to.organization, request)).is_open and time.monotonic() < deadline:  # noqa: ASYNC110 another process closes it
        await asyncio.sleep(POLL_SECONDS)
    return answer_of(request, outcome)


def _text_of(order: SendOrder) -> str:
    text = storable_text(order.text or "")
    if not 0 < len(text) <= MAX_TEXT:
        message = f"the text has {len(text)} characters; WhatsApp carries from 1 to {MAX_TEXT}"
        raise AdministrationError(message)
    return text


def described(file: FileOrder, content: bytes) -> FileContent:
    """Return a file as it is to be sent, judged by its content; raises AdministrationError if it cannot be. Pure."""
    mime = mime_of(content[:HEAD_BYTES])
    kind = FileKind.VOICE_NOTE if file.voice else _kind_of(mime, len(content))
    objection = objection_to(kind, len(content), content[:HEAD_BYTES])
    if objection is not None:
        raise AdministrationError(objection.remedy)
    try:
        return FileContent(
            kind=kind,
            media_id=new_id(),
            mime=mime if mime not in _VAGUE else guess_type(file.name)[0] or mime,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            name=storable_text(file.name) if kind is FileKind.DOCUMENT else None,
            caption=storable_text(file.caption) if file.caption else None,
        )
    except ValidationError as error:
        message = "; ".join(
            ": ".join((*map(str, item["loc"]), item["msg"].removeprefix("Value error, "))) for item in error.errors()
        )
        raise AdministrationError(message) from None


def _kind_of(mime: str, size: int) -> FileKind:
    """Return how a file is shown; what is too large for that is a document."""
    kind = kind_of(mime)
    return kind if size <= LARGEST_FILES[kind] else FileKind.DOCUMENT


async def _store(library: FileLibrary, to: Destination, file: FileContent, content: bytes) -> None:
    try:
        key = FileKey(to.organization, to.instance, file.media_id)
        await library.add_outbound(key, outbound_file(file), memoryview(content))
    except FileLostError as error:
        raise not_stored(error) from error


def outbound_file(file: FileContent) -> OutboundFile:
    """Return a file as the library stores it. Pure."""
    return OutboundFile(
        id=file.media_id,
        kind=file.kind.value,
        mime=file.mime,
        name=file.name,
        size_bytes=file.size,
        sha256=file.sha256,
    )


def not_stored(error: FileLostError) -> AdministrationError:
    """Return what a person reads whose file the library does not take. Pure."""
    return AdministrationError(
        f"the platform does not store this file ({error.reason}): see media limits of the workers"
    )


def answer_of(request: UUID, outcome: SendProgress) -> SendAnswer:
    """Return what the command prints. Pure."""
    return SendAnswer(
        id=request,
        state=_STATES.get(outcome.state, SendState.SENT),
        whatsapp_id=outcome.whatsapp_id,
        whatsapp_timestamp=outcome.whatsapp_at,
        refusal=outcome.refusal,
        error=_WITHHELD.get(outcome.error or "", outcome.error),
    )


_STATES: Final = {
    "pending": SendState.WAITING,
    "accepted": SendState.WAITING,
    "failed": SendState.FAILED,
    "superseded": SendState.FAILED,
    "expired": SendState.EXPIRED,
    "ambiguous": SendState.AMBIGUOUS,
    "withheld": SendState.FAILED,
}
"""By the column outbox.state; all others are stages of a sent message."""

_WITHHELD: Final = {"OptedOut": 'the contact asked not to be written to, and has not written "voltar" since'}
"""Why a text was withheld, by the column outbox.error (contacts.sql)."""
