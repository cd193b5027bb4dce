"""Brings about the state before a dialogue, in an organization of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from oxy_ai.assistants.vertical import RecordKeeper, Vertical
from oxy_ai.contacts import mark_private
from oxy_ai.database import Connection, organization_transaction
from oxy_ai.engine.store import Engine, Entry, NewSettings
from oxy_ai.errors import AdministrationError
from oxy_ai.golden.dialogue import Booked, Change, Earlier, Person
from oxy_ai.golden.library import Golden
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.records import Recipient
from oxy_ai.scheduling.agenda import Agenda, read_agenda
from oxy_ai.scheduling.bookings import Appointment, Refused, book
from oxy_ai.scheduling.overlay_store import NewOverlay, add_overlay
from oxy_ai.scheduling.overlays import OverlayKind
from oxy_ai.scheduling.periods import parse_period
from oxy_ai.scheduling.services import find_service
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Jid

_BEFORE: Final = timedelta(days=3)
"""How long before it begins a booking was made."""
_EARLIER: Final = timedelta(hours=1)
"""How long before the dialogue earlier messages were written."""
_TAKEN_OVER: Final = timedelta(hours=12)
_ACTOR: Final = "evaluation"


class StagingError(AdministrationError):
    """The state before a dialogue cannot be brought about: the dialogue contradicts its business."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A dialogue's organization."""

    golden: Golden
    settings: InstanceSettings
    vertical: Vertical

    @property
    def organization(self) -> UUID:
        """Its key in the database."""
        return organization_id(self.settings.organization)

    @property
    def instance(self) -> UUID:
        """Likewise of its instance."""
        return instance_id(self.settings.organization, self.settings.instance)

    @property
    def timezone(self) -> ZoneInfo:
        """The business's."""
        return ZoneInfo(self.settings.timezone)

    @property
    def people(self) -> Sequence[Person]:
        """Whoever writes, then the others."""
        before = self.golden.dialogue.before
        return [before.person, *before.others]

    def local(self, moment: datetime) -> datetime:
        """Return a moment of the dialogue with its time zone."""
        return moment.replace(tzinfo=self.timezone)


async def stage(engine: Engine, staged: Staged) -> None:
    """Bring about the state before; raises StagingError and AdministrationError."""
    settings, golden = staged.settings, staged.golden
    stored = NewSettings(settings.model_dump_json(), settings.owners)
    entry = Entry(datetime.now(UTC), 1, 1, await engine.begin_settings_reading())
    await engine.apply_instance(staged.organization, staged.instance, stored, entry)
    async with organization_transaction(engine.pool, staged.organization) as connection:
        await staged.vertical.apply_catalog(connection, staged.organization, settings.organization, golden.catalog)
        for person in staged.people:
            await _add_person(connection, staged, person)
        for change in golden.dialogue.before.changes:
            await _add_change(connection, staged.organization, change)


async def _add_person(connection: Connection, staged: Staged, person: Person) -> None:
    recipient = Recipient.of(person.phone, staged.settings.phone_number)
    conversation = await connection.fetchval(
        "select conversation_of($1, $2, $3, null, $4, $5, $6, $7, null)",
        staged.organization,
        staged.instance,
        str(recipient.chat),
        person.phone,
        recipient.phone_key,
        person.name,
        recipient.self_chat,
    )
    contact = await connection.fetchval(
        "update contacts c set opt_out = $3 from conversations v where c.organization_id = $1 and v.id = $2 "
        "and v.organization_id = $1 and c.id = v.contact_id returning c.id",
        staged.organization,
        conversation,
        person.opt_out,
    )
    if person.private:
        await mark_private(connection, staged.organization, staged.instance, recipient, private=True)
    await _add_records(connection, staged, contact, person)
    await _add_bookings(connection, staged, contact, person.bookings)
    await _add_messages(connection, staged, conversation, person)
    if person.taken_over:
        await connection.fetchval(
            "select command_takeover($1, $2, $3, $4)", staged.organization, conversation, _TAKEN_OVER, _ACTOR
        )


async def _add_records(connection: Connection, staged: Staged, contact: int, person: Person) -> None:
    vertical = staged.vertical
    if isinstance(vertical, RecordKeeper):
        for fields in person.records:
            record = vertical.record.model_validate(fields)
            await vertical.keep_record(connection, staged.organization, contact, record)


async def _add_bookings(connection: Connection, staged: Staged, contact: int, bookings: Sequence[Booked]) -> None:
    agenda = await read_agenda(connection, staged.organization, staged.timezone) if bookings else None
    for wanted in bookings:
        if agenda is None:
            message = "before: there are bookings, but the catalog offers nothing to book"
            raise StagingError(message)
        await _add_booking(agenda, staged, contact, wanted)


async def _add_booking(agenda: Agenda, staged: Staged, contact: int, wanted: Booked) -> None:
    service = find_service(agenda.services, wanted.service)
    if service is None:
        message = f"before: no service is called {wanted.service!r}: write it as the catalog does"
        raise StagingError(message)
    starts_at = staged.local(wanted.at)
    made_at = starts_at - _BEFORE if wanted.made is None else staged.local(wanted.made)
    made = await book(agenda, Appointment(contact, None, service, wanted.subject, starts_at), made_at)
    if isinstance(made, Refused):
        message = f"before: {wanted.service} at {wanted.at} cannot be booked ({made.why.value}): choose a free time"
        raise StagingError(message)
    if wanted.status == "cancelled":
        await agenda.connection.execute("select cancel_booking($1, $2)", staged.organization, made.id)
    await agenda.connection.execute(
        "update bookings set status = $3, created_at = $4 where organization_id = $1 and id = $2",
        staged.organization,
        made.id,
        wanted.status,
        made_at,
    )


async def _add_messages(connection: Connection, staged: Staged, conversation: int, person: Person) -> None:
    """Store what was said before: in a journal of its own, older than that of the dialogue."""
    epoch, began = uuid4(), datetime.now(UTC) - timedelta(days=1)
    for number, said in enumerate(person.said, start=1):
        await _add_message(connection, staged, conversation, (person, said, (began, epoch, number)))
    if any(said.assistant is not None for said in person.said):
        await connection.execute(
            "update conversations set introduced_by = $3 where organization_id = $1 and id = $2",
            staged.organization,
            conversation,
            uuid4(),
        )


async def _add_message(
    connection: Connection,
    staged: Staged,
    conversation: int,
    written: tuple[Person, Earlier, tuple[datetime, UUID, int]],
) -> None:
    person, said, place = written
    chat = str(Jid.of_phone(person.phone))
    clock = staged.golden.dialogue.clock
    at = staged.local(clock - _EARLIER if said.at is None else said.at)
    await connection.execute(
        """
        insert into messages (
            organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, author, place, state, settled_at,
            kind, body, sent_at, arrived_at
        ) values ($1, $2, $3, $4, $5, $6, $7, row($8, $9, $10)::place, $11, $12, 'text', $13, $12, $12)
        """,
        staged.organization,
        staged.instance,
        conversation,
        chat,
        str(Jid.of_phone(staged.settings.phone_number)) if said.customer is None else chat,
        f"BEFORE{conversation}N{place[2]}",
        said.author,
        *place,
        "person" if said.customer is not None else None,
        at,
        said.text,
    )


async def _add_change(connection: Connection, organization: UUID, change: Change) -> None:
    hours = tuple(parse_period(text) for text in change.hours)
    kind = OverlayKind(change.kind)
    await add_overlay(
        connection, organization, NewOverlay(kind, change.begins, change.ends, hours, None, change.reason, _ACTOR)
    )
