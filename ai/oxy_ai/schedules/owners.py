"""The owners to whom a report goes, and how it is queued for them."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

import structlog

from oxy_ai.aurora.charts.picture import rendered
from oxy_ai.database import Connection
from oxy_ai.engine.notices import recipients
from oxy_ai.errors import FileLostError
from oxy_ai.jobs.records import Job
from oxy_ai.media.library import FileLibrary
from oxy_ai.media.records import FileKey, OutboundFile
from oxy_ai.records import OpenNotices, Recipient, Shown
from oxy_ai.reputation import ProactiveMessage, Purpose, queue_proactive
from oxy_ai.sanitize import label_text, shorten, storable_text
from oxy_ai.schedules.plan import OF_ORGANIZATION, ScheduleName, is_on
from oxy_ai.schedules.report import Picture
from oxy_core.envelopes import InstanceSettings
from oxy_core.errors import ContractError
from oxy_core.file_types import HEAD_BYTES, mime_of
from oxy_core.identity import new_id
from oxy_core.outbound import MAX_CAPTION, FileContent, FileKind

_CHATS: Final = "select contact, conversation from chats_of_owners($1, $2, $3)"
_OTHERS: Final = """
with numbers as (
    select i.id, i.name, i.settings, i.owner_keys, coalesce(c.state, 'connected') = 'connected' as is_there
    from instances i
    left join connection_states c on c.organization_id = i.organization_id and c.instance_id = i.id
    where i.organization_id = $1 and i.closed_at is null
)
select n.settings, n.owner_keys from numbers n join numbers own on own.id = $2
where n.id <> $2 and n.is_there and (n.name < own.name or not own.is_there) and n.owner_keys && $3 order by n.name
"""
_OTHERS_AT_ONCE: Final = 10

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OwnerChat:
    """An owner's chat with the business."""

    contact: int
    conversation: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What owners get."""

    text: str
    picture: Picture | None
    keep_seconds: float
    """How long it is worth sending."""


async def owners_to_tell(connection: Connection, job: Job) -> list[Recipient]:
    """Return all owners, or the business itself if none is named.

    An owner of several of an organization's numbers gets what is about all of it from the first of them that is there.
    """
    settings = job.settings
    named = (*map(str, settings.owners), *map(str, settings.owner_lids))
    to = recipients(OpenNotices(owners=named, own_phone=settings.phone_number, notices=()))
    if job.kind not in OF_ORGANIZATION:
        return to
    left = await _untold(connection, job, {_key(person) for person in to})
    return [person for person in to if _key(person) in left]


def _key(person: Recipient) -> str:
    return person.phone_key or str(person.chat)


async def _untold(connection: Connection, job: Job, left: set[str]) -> set[str]:
    """Return the keys of those who get such a report from no number of the organization that goes before this one.

    There may be thousands of numbers, the first of which nearly always tells.
    """
    about, name = (job.organization, job.instance, sorted(left)), ScheduleName(job.kind)
    async for row in connection.cursor(_OTHERS, *about, prefetch=_OTHERS_AT_ONCE):
        left = left - set(row["owner_keys"]) if _tells(row["settings"], name) else left
        if not left:
            break
    return left


def _tells(document: str, name: ScheduleName) -> bool:
    """Return whether an instance with these settings writes such a report; not if they cannot be read."""
    try:
        return is_on(InstanceSettings.decode(document.encode()), name)
    except ContractError:
        return False


async def chats_with(connection: Connection, job: Job, people: Iterable[Recipient]) -> list[OwnerChat]:
    """Return the chats with owners; they begin if there are none yet."""
    document = json.dumps([person.model_dump(mode="json") for person in people])
    rows = await connection.fetch(_CHATS, job.organization, job.instance, document)
    return [OwnerChat(row["contact"], row["conversation"]) for row in rows]


class ReportPost:
    """Queues reports, as a part of the transaction that ends their jobs."""

    def __init__(self, library: FileLibrary) -> None:
        self._library = library

    async def queue(self, connection: Connection, job: Job, chats: list[OwnerChat], what: Outgoing) -> None:
        """Queue a report for owners: its picture, then its text. Neither leaves for one before the other."""
        file = None if what.picture is None else await self._kept(connection, job, what.picture)
        for chat in chats:
            if file is not None:
                shown = Shown(kind=file.kind.value, text=file.caption)
                await _queue(connection, job, chat, what, content=file, shown=shown)
            await _queue(connection, job, chat, what, text=what.text, introduction=introduction(job.settings))

    async def _kept(self, connection: Connection, job: Job, picture: Picture) -> FileContent | None:
        """Keep a chart as a file; None: there is no room, and the text has to do."""
        image = rendered(picture.svg)
        file = _described(uuid5(job.instance, f"{job.kind}:{job.key}"), image, picture.caption)
        stored = OutboundFile(
            id=file.media_id, kind=file.kind.value, mime=file.mime, size_bytes=file.size, sha256=file.sha256
        )
        key = FileKey(job.organization, job.instance, file.media_id)
        try:
            await self._library.add_with(connection, key, stored, memoryview(image))
        except FileLostError as error:
            log.warning("chart_not_kept", reason=error.reason)
            return None
        return file


def _described(file: UUID, image: bytes, caption: str) -> FileContent:
    return FileContent(
        kind=FileKind.IMAGE,
        media_id=file,
        mime=mime_of(image[:HEAD_BYTES]),
        size=len(image),
        sha256=hashlib.sha256(image).hexdigest(),
        caption=shorten(storable_text(caption), MAX_CAPTION) or None,
    )


async def _queue(connection: Connection, job: Job, chat: OwnerChat, what: Outgoing, **parts: object) -> None:
    message = ProactiveMessage.model_validate(
        {
            "id": new_id(),
            "purpose": Purpose.REPORT,
            "reference": f"schedule:{job.kind}:{job.key}",
            "lane": job.lane,
            "keep_seconds": what.keep_seconds,
            "trace": job.trace,
        }
        | parts
    )
    await queue_proactive(connection, job.organization, job.instance, chat.contact, message)


def introduction(settings: InstanceSettings) -> str:
    """Return what follows the first text that an owner ever gets."""
    name = label_text(settings.display_name)
    of = f" de {name}" if name else ""
    return f"🤖 Quem escreve é a Aurora, assistente virtual{of}. Se não quiser receber isto, é só me dizer."
