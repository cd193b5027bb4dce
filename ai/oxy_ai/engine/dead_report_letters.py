"""Dead reports as dead letters: listed, shown, replayed and dropped. Their ids are ``bus:<sequence>``."""

import base64
from collections.abc import AsyncIterator, Mapping
from typing import Final, NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError
from pydantic import AwareDatetime

from oxy_ai.engine.arrivals import waited_before
from oxy_ai.engine.bus_clock import BusClock
from oxy_ai.engine.dead_letters import NUMBER, PAGE, Action, DeadLetter, Detail, Wanted, unknown_letter
from oxy_ai.engine.dead_reports import ERROR_HEADER, SUBJECT_HEADER, WHOLE_HEADER, LetterPart, joined, part_number
from oxy_ai.engine.store import Engine
from oxy_ai.engine.stream_pages import stream_page
from oxy_ai.errors import AdministrationError
from oxy_core.envelopes import REPLAYED_HEADER, WAITED_HEADER
from oxy_core.jetstream import DEAD_LETTER_STREAM

_ALL: Final = ">"


class _Sender(NamedTuple):
    """Whose account has published a report."""

    organization: str
    instance: str


class DeadReports:
    """Reports that could not be read or stored. A report's id is the sequence of its first part."""

    def __init__(self, client: Client, engine: Engine) -> None:
        self._engine = engine
        self._jetstream = client.jetstream()
        self._clock = BusClock(client, refresh_seconds=0)

    async def letters(self, wanted: Wanted) -> AsyncIterator[DeadLetter]:
        """Yield those that the stream has now, the oldest first."""
        senders: dict[str, _Sender | None] = {}
        end = (await self._jetstream.stream_info(DEAD_LETTER_STREAM)).state.last_seq
        last = 0
        while last < end:
            page = await stream_page(self._jetstream, DEAD_LETTER_STREAM, _ALL, after=last, most=PAGE)
            firsts = [m for m in page if part_number(m.headers or {})[0] == 1 and m.metadata.sequence.stream <= end]
            await self._learn(senders, {_account(message.subject) for message in firsts})
            for message in firsts:
                letter = _listed(message, senders[_account(message.subject)])
                if wanted.takes(letter):
                    yield letter
            last = page[-1].metadata.sequence.stream if page else end

    async def _learn(self, senders: dict[str, _Sender | None], accounts: set[str]) -> None:
        new = sorted(accounts - senders.keys())
        senders.update(dict.fromkeys(new))
        rows = await self._engine.pool.fetch("select * from senders_of($1)", new) if new else []
        senders.update({row["account"]: _Sender(row["organization"], row["instance"]) for row in rows})

    async def _sender(self, account: str) -> _Sender | None:
        found: dict[str, _Sender | None] = {}
        await self._learn(found, {account})
        return found[account]

    async def show(self, key: str) -> Detail:
        """Return one with the report as it was published, or with what is left of it."""
        parts = await self._parts(key)
        first, data = parts[0], b"".join(part.data or b"" for part in parts)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = base64.b64encode(data).decode()
        headers = first.headers or {}
        sender = await self._sender(_account(str(first.subject)))
        letter = _letter(first.seq, str(first.subject), first.time, headers, sender)
        return Detail(**letter.model_dump(), subject=headers.get(SUBJECT_HEADER), data=text)

    async def replay(self, key: str, *, unless_answered: bool = False) -> Action:  # noqa: ARG002 the ledger's places decide whether a person has answered
        """Publish a report again on its original subject, then delete the dead letter."""
        parts = await self._parts(key)
        headers = parts[0].headers or {}
        subject = headers.get(SUBJECT_HEADER)
        if subject is None:
            error = f"bus:{key} has no original subject, so it cannot be replayed; drop it instead"
            raise AdministrationError(error)
        data = joined([LetterPart(part.headers or {}, part.data or b"") for part in parts])
        if data is None:
            error = f"bus:{key} has lost a part to newer dead letters, so it cannot be replayed; drop it instead"
            raise AdministrationError(error)
        # Publish first: a crash in between leaves a duplicate, which is stored once, and loses nothing.
        replayed = {REPLAYED_HEADER: "1", WAITED_HEADER: f"{await self._waited(parts[0]):.3f}"}
        await self._jetstream.publish(subject, data, headers=replayed)
        await self._delete(parts)
        happened = f"bus:{key} is published again to {subject}; if it still cannot be stored, it is listed again."
        return Action(id=f"bus:{key}", outcome="replayed", message=happened)

    async def drop(self, key: str) -> Action:
        """Delete a dead letter."""
        await self._delete(await self._parts(key))
        return Action(id=f"bus:{key}", outcome="dropped", message=f"bus:{key} is dropped; it no longer exists.")

    async def _parts(self, key: str) -> list[RawStreamMsg]:
        """Return the parts of a report that the stream still has, in order; raises AdministrationError."""
        if NUMBER.fullmatch(key) is None:
            raise AdministrationError(unknown_letter(f"bus:{key}"))
        try:
            parts = [await self._jetstream.get_msg(DEAD_LETTER_STREAM, seq=int(key))]
        except NotFoundError:
            raise AdministrationError(unknown_letter(f"bus:{key}")) from None
        _, count = part_number(parts[0].headers or {})
        while len(parts) < count and (part := await self._next(parts[-1])) is not None:
            parts.append(part)
        return parts

    async def _next(self, part: RawStreamMsg) -> RawStreamMsg | None:
        """Return the part that follows on the subject, among those of other reports."""
        found: RawStreamMsg | None = part
        while (found := await self._after(found or part)) is not None:
            if _follows(found.headers or {}, part.headers or {}):
                return found
        return None

    async def _after(self, message: RawStreamMsg) -> RawStreamMsg | None:
        position = (message.seq or 0) + 1
        try:
            return await self._jetstream.get_msg(DEAD_LETTER_STREAM, position, str(message.subject), next=True)
        except NotFoundError:
            return None

    async def _delete(self, parts: list[RawStreamMsg]) -> None:
        # The first part last: while it exists, so does the letter, and a second try deletes the rest.
        for part in reversed(parts):
            await self._jetstream.delete_msg(DEAD_LETTER_STREAM, part.seq or 0)
        await self._forget(parts[0])

    async def _forget(self, first: RawStreamMsg) -> None:
        whole = (first.headers or {}).get(WHOLE_HEADER)
        if whole is not None:
            await self._engine.forget_dead_report(_account(str(first.subject)), whole, first.seq or 0)

    async def _waited(self, part: RawStreamMsg) -> float:
        await self._clock.keep()
        since = 0.0 if part.time is None else (self._clock.now() - part.time).total_seconds()
        return waited_before((part.headers or {}).get(WAITED_HEADER)) + max(since, 0.0)


def _follows(headers: Mapping[str, str], before: Mapping[str, str]) -> bool:
    return (
        headers.get(WHOLE_HEADER) == before.get(WHOLE_HEADER) and part_number(headers)[0] == part_number(before)[0] + 1
    )


def _account(subject: str) -> str:
    """Return the account that has published the report of a dead letter."""
    return subject.rpartition(".")[2]


def _listed(message: Msg, sender: _Sender | None) -> DeadLetter:
    metadata = message.metadata
    headers = message.headers or {}
    return _letter(metadata.sequence.stream, message.subject, metadata.timestamp, headers, sender)


def _letter(
    sequence: int | None, subject: str, at: AwareDatetime | None, headers: Mapping[str, str], sender: _Sender | None
) -> DeadLetter:
    reason = subject.removeprefix("oxy.dlq.").partition(".")[0]
    claimed = headers[SUBJECT_HEADER].rpartition(".")[2] if SUBJECT_HEADER in headers else None
    return DeadLetter(
        id=f"bus:{sequence}",
        kind="report",
        organization=None if sender is None else sender.organization,
        instance=claimed if sender is None else sender.instance,
        reason=f"{reason}: {headers[ERROR_HEADER]}" if ERROR_HEADER in headers else reason,
        at=at,
    )
