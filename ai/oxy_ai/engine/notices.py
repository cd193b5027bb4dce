"""Tells owners what went wrong: the notices of an instance are gathered for a while, then sent as one text per kind."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from itertools import groupby

import structlog
from pydantic import Field, ValidationError

from oxy_ai import metrics
from oxy_ai.assistants.fixed_texts import ASK_TO_REPEAT, notice_to_owner
from oxy_ai.engine.outages import is_outage, report_failure
from oxy_ai.engine.store import Engine
from oxy_ai.records import Answer, DueNotices, NoticeKind, OpenNotice, OpenNotices, Recipient, RelayTarget
from oxy_core.identity import new_id
from oxy_core.settings import ProcessSettings

log = structlog.get_logger()


class NoticeSettings(ProcessSettings):
    """How owners are told. The steps are in `oxy_ai/schema/notices.sql`."""

    notice_grouping_seconds: float = Field(
        default=60, gt=0, description="How long notices to an owner are gathered into one text."
    )
    notice_sweep_seconds: float = Field(default=5, gt=0, description="How often notices to tell are looked for.")
    notice_instances: int = Field(default=50, ge=1, description="Instances whose owners are told in one sweep.")
    notice_batch: int = Field(default=200, ge=1, description="Notices of one instance told at a time.")
    notice_retry_max_seconds: float = Field(
        default=3600, gt=0, description="Longest pause before a notice that was not sent is told again; it doubles."
    )
    request_expires_seconds: float = Field(
        default=3600, gt=0, description="Age at which an unsent request to send something again expires."
    )
    notice_attempts: int = Field(default=10, ge=1, description="Times that a notice is tried to be told.")
    notice_expires_seconds: float = Field(
        default=24 * 3600, gt=0, description="Age at which an unsent notice to an owner expires."
    )


class OwnerNotices:
    """Queues the texts that tell owners of notices; `on_text` is called with each instance that has one to send."""

    def __init__(self, engine: Engine, settings: NoticeSettings, on_text: Callable[[RelayTarget], None]) -> None:
        self._engine = engine
        self._settings = settings
        self._on_text = on_text

    async def run(self) -> None:
        """Tell until cancelled; raises the error of an outage."""
        while True:
            for due in await self._due():
                try:
                    await self._tell(due)
                except Exception as error:
                    if is_outage(error):
                        raise
                    report_failure("notices", error)  # of this instance: the owners of others are told all the same
                    await self._tell_again(due)
            await asyncio.sleep(self._settings.notice_sweep_seconds)

    async def _due(self) -> list[DueNotices]:
        settings = self._settings
        rows = await self._engine.pool.fetch(
            "select organization, instance, notices from due_notices($1, $2, $3, $4, $5)",
            timedelta(seconds=settings.notice_grouping_seconds),
            timedelta(seconds=settings.notice_retry_max_seconds),
            settings.notice_attempts,
            settings.notice_batch,
            settings.notice_instances,
        )
        return [DueNotices(*row) for row in rows]

    async def _tell(self, due: DueNotices) -> None:
        document = await self._engine.pool.fetchval("select open_notices($1, $2, $3)", *due)
        found = OpenNotices.model_validate_json(document)
        await self._ask_customers(due, found.notices)
        owners = recipients(found)
        if not owners:
            log.warning("owner_unknown", notices=len(found.notices))
            await self._tell_again(due)
            return
        ordered = sorted(found.notices, key=lambda notice: (*_told_together(notice), notice.id))
        for (kind, _), group in groupby(ordered, key=_told_together):
            await self._send(due, owners, kind, list(group))

    async def _ask_customers(self, due: DueNotices, notices: Sequence[OpenNotice]) -> None:
        """Ask the customers to send again what was lost, where the settings say so: once, however much was lost."""
        for notice in notices:
            text = ASK_TO_REPEAT.get(notice.kind)
            if text is not None and await self._ask(due, notice.id, text):
                metrics.REQUESTS_TO_REPEAT.labels(kind=notice.kind).inc()
                log.info("customer_asked_to_repeat", kind=notice.kind)
                self._on_text(RelayTarget(due.organization, due.instance))

    async def _ask(self, due: DueNotices, notice: int, text: str) -> bool:
        message = Answer(
            id=new_id(), part=4, text=text, introduction="", keep_seconds=self._settings.request_expires_seconds
        )
        asked: bool = await self._engine.pool.fetchval(
            "select ask_to_repeat($1, $2, $3, $4)", due.organization, due.instance, notice, message.model_dump_json()
        )
        return asked

    async def _send(
        self, due: DueNotices, owners: Sequence[Recipient], kind: str, notices: Sequence[OpenNotice]
    ) -> None:
        """Queue the text for notices of one kind; another worker may have told them meanwhile.

        What is urgent is told to the other owners as well, without care for whether it reaches them: who sees it first
        acts.
        """
        first, *others = owners
        text = notice_to_owner(kind, notices)
        if await self._queue(due, first, text, notices):
            for other in others if kind == NoticeKind.HAND_OVER_URGENT else ():
                await self._queue(due, other, text, notices, as_well=True)
            metrics.NOTICES.labels(kind=kind).inc(len(notices))
            log.info("owner_told", kind=kind, notices=len(notices))
            self._on_text(RelayTarget(due.organization, due.instance))

    async def _queue(
        self, due: DueNotices, owner: Recipient, text: str, notices: Sequence[OpenNotice], *, as_well: bool = False
    ) -> bool:
        message = Answer(id=new_id(), part=2, text=text, keep_seconds=self._settings.notice_expires_seconds)
        told: bool = await self._engine.pool.fetchval(
            "select tell_owner($1, $2, $3, $4, $5, $6)",
            due.organization,
            due.instance,
            owner.model_dump_json(),
            message.model_dump_json(),
            [notice.id for notice in notices],
            as_well,
        )
        return told

    async def _tell_again(self, due: DueNotices) -> None:
        await self._engine.pool.execute("select tell_again($1, $2, $3)", *due)


def _told_together(notice: OpenNotice) -> tuple[str, bool]:
    """Return what the notices have in common that one text tells."""
    return notice.kind, notice.commanded


def recipients(found: OpenNotices) -> list[Recipient]:
    """Return whom to tell, the first being told of everything: the owners' numbers, else the business's own number.

    Customers are promised a person, so somebody must hear of it where no owner is named, too: whoever reads the
    business's phone finds the text in its chat with itself. Empty: no number can be read.
    """
    for phones in (found.owners, tuple(filter(None, [found.own_phone]))):
        named = {to.phone_key or str(to.chat): to for to in _readable(phones, found.own_phone)}
        if named:
            return list(named.values())
    return []


def _readable(phones: Iterable[str], own: str | None) -> Iterable[Recipient]:
    for phone in phones:
        try:
            yield Recipient.of(phone, own)
        except ValidationError:
            log.warning("owner_invalid")
