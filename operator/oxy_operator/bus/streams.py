"""What the server says of a stream: when it was created, which tells it from one that began anew, and its own clock."""

import json
from collections.abc import Mapping
from typing import Final

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from pydantic import AwareDatetime, BaseModel, ValidationError

from oxy_core.errors import BusError
from oxy_core.jetstream import BUCKETS, STREAMS
from oxy_operator.decide.backups import StreamUse
from oxy_operator.metrics import STREAMS_REFUSED

NAMES: Final = (*(str(stream.name) for stream in STREAMS), *(f"KV_{bucket}" for bucket in BUCKETS))
"""Every stream of the platform; JetStream keeps a bucket in a stream of this name."""

ANSWER_SECONDS: Final = 5.0

_NOT_FOUND: Final = 404

log = structlog.get_logger()


class StreamInfo(BaseModel):
    """Part of the server's answer (nats-server, server/jetstream_api.go, JSApiStreamInfoResponse)."""

    created: AwareDatetime
    """Kept over restarts; another one means that the stream began anew, without what it held."""
    ts: AwareDatetime
    """The server's clock when it answered."""


class _Missing(BaseModel):
    error: dict[str, object]


async def stream_info(client: Client, name: str) -> StreamInfo | None:
    """Ask about a stream; None if the server has none of this name. Raises BusError."""
    try:
        answer = await client.request(f"$JS.API.STREAM.INFO.{name}", timeout=ANSWER_SECONDS)
        return _read(answer.data)
    except (NatsError, ValidationError) as error:
        message = f"NATS did not answer about stream {name}: {str(error)[:200] or type(error).__name__}"
        raise BusError(message) from error


def _read(answer: bytes) -> StreamInfo | None:
    try:
        return StreamInfo.model_validate_json(answer)
    except ValidationError:
        # Raised again by this line, unless it is an answer of another kind.
        problem = _Missing.model_validate_json(answer).error
    if problem.get("code") == _NOT_FOUND:
        return None
    message = f"NATS refused a question about a stream: {problem.get('description')}"
    raise BusError(message)


class _Use(BaseModel):
    """Part of the same answer."""

    class State(BaseModel):
        bytes: int
        messages: int
        last_seq: int

    class Limits(BaseModel):
        max_bytes: int = 0
        max_msgs: int = 0

    state: State
    config: Limits


async def stream_use(client: Client, name: str) -> StreamUse | None:
    """Return how full a stream is; None if the server has none of this name. Raises BusError."""
    try:
        answer = await client.request(f"$JS.API.STREAM.INFO.{name}", timeout=ANSWER_SECONDS)
        found = _Use.model_validate_json(answer.data)
    except ValidationError:
        return None
    except NatsError as error:
        message = f"NATS did not answer about stream {name}: {str(error)[:200] or type(error).__name__}"
        raise BusError(message) from error
    state, config = found.state, found.config
    return StreamUse(state.bytes, state.messages, state.last_seq, config.max_bytes, config.max_msgs)


class _Subjects(BaseModel):
    """Part of the same answer, if it was asked for subjects; a large one comes in pages."""

    total: int = 0

    class State(BaseModel):
        subjects: dict[str, int] | None = None

    state: State


async def subjects_of(client: Client, name: str, pattern: str) -> dict[str, int]:
    """Return the subjects in a stream that match, each with its number of messages; none if there is no such stream.

    Raises BusError.
    """
    found: dict[str, int] = {}
    while True:
        asked = json.dumps({"subjects_filter": pattern, "offset": len(found)}).encode()
        try:
            answer = await client.request(f"$JS.API.STREAM.INFO.{name}", asked, timeout=ANSWER_SECONDS)
            page = _page(answer.data)
        except (NatsError, ValidationError) as error:
            message = f"NATS did not list the subjects of {name}: {str(error)[:200] or type(error).__name__}"
            raise BusError(message) from error
        new = page.state.subjects or {}
        found |= new
        if not new or len(found) >= page.total:
            return found


def _page(answer: bytes) -> _Subjects:
    try:
        return _Subjects.model_validate_json(answer)
    except ValidationError:
        if _Missing.model_validate_json(answer).error.get("code") == _NOT_FOUND:
            return _Subjects(state=_Subjects.State())
        raise


def report_refused(refused: Mapping[str, str]) -> None:
    """Log and count the streams that the server has no room for."""
    STREAMS_REFUSED.set(len(refused))
    for name, why in refused.items():
        log.error(
            "stream_refused",
            stream=name,
            error=why,
            advice="give NATS's volume, or its max_file_store, more; the streams together may hold 6.9 GiB",
        )


async def identities(client: Client) -> dict[str, str]:
    """Return when each of the platform's streams that exist was created. Raises BusError."""
    found = {name: await stream_info(client, name) for name in NAMES}
    return {name: info.created.isoformat() for name, info in found.items() if info is not None}
