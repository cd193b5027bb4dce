"""The owners to whom a report goes, and how it is queued for them."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

import structlog
from pydantic import ValidationError

from oxy_ai.aurora.charts.picture import rendered
from oxy_ai.database import Connection
from oxy_ai.engine.notices import recipients
from oxy_ai.errors import FileLostError
from oxy_ai.jobs.records import Job
from oxy_ai.media.library import FileLibrary
from oxy_ai.media.records import FileKey, OutboundFile
from oxy_ai.records import OpenNotices, Shown
from oxy_ai.reputation import ProactiveMessage, Purpose, queue_proactive
from oxy_ai.sanitize import label_text, shorten, storable_text
from oxy_ai.schedules.plan import OF_ORGANIZATION, ScheduleName, is_on
from oxy_ai.schedules.report import Picture
from oxy_core.envelopes import InstanceSettings
from oxy_core.file_types import HEAD_BYTES, mime_of
from oxy_core.identity import new_id
from oxy_core.outbound import MAX_CAPTION, FileContent, FileKind

_CHATS: Final = "select contact, conversation from chats_of_owners($1, $2, $3)"
_EARLIER: Final = """
select i.settings, i.owner_keys from instances i
left join connection_states c on c.organization_id = i.organization_id and c.instance_id = i.id
where i.organization_id = $1 and i.closed_at is null and i.name < $2 and coalesce(c.state, 'connected') = 'connected'
"""

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


async def chats_of_owners(connection: Connection, job: Job) -> list[OwnerChat]:
    """Return the chats of all owners, or the business's own if none is named; they begin if there are none yet.

    An owner of several of an organization's numbers gets what is about all of it from the first of them that is there.
    """
    settings = job.settings
    named = (*map(str, settings.owners), *map(str, settings.owner_lids))
    to = recipients(OpenNotices(owners=named, own_phone=settings.phone_number, notices=()))
    told = await _told_by_others(connection, job) if job.kind in OF_ORGANIZATION else frozenset[str]()
    left = (person for person in to if (person.phone_key or str(person.chat)) not in told)
    people = json.dumps([person.model_dump(mode="json") for person in left])
    rows = await connection.fetch(_CHATS, job.organization, job.instance, people)
    return [OwnerChat(row["contact"], row["conversation"]) for row in rows]


async def _told_by_others(connection: Connection, job: Job) -> frozenset[str]:
    """Return the keys of those who get such a report from an earlier number of the organization."""
    rows = await connection.fetch(_EARLIER, job.organization, job.settings.instance)
    name, told = ScheduleName(job.kind), set[str]()
    for row in rows:
        try:
            settings = InstanceSettings.model_validate_json(row["settings"])
        except ValidationError:
            continue  # nothing is written by its number
        told |= set(row["owner_keys"]) if is_on(settings, name) else set()
    return frozenset(told)


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
