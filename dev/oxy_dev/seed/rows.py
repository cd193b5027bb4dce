"""The rows of conversations, as lines for PostgreSQL's COPY in text format. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from oxy_core.identity import Jid
from oxy_dev.seed.agenda import Booking
from oxy_dev.seed.plan import Customer, Event

NULL: Final = r"\N"
TABLES: Final[Mapping[str, str]] = {
    "turns": "organization_id id conversation_id instance_id place state assistant created_at finished_at",
    "outbox": (
        "organization_id id instance_id conversation_id turn_id part position chat body state whatsapp_id created_at "
        "accepted_at closed_at lane purpose reference held_until held_for released_at expires_at as_queued"
    ),
    "messages": (
        "organization_id id instance_id conversation_id chat sender whatsapp_id author place state turn_id settled_at "
        "kind body content sent_at arrived_at outbox_id"
    ),
    "media": (
        "organization_id instance_id id direction message_id kind mime found_mime size_bytes chunks state created_at "
        "settled_at"
    ),
    "readings": "organization_id instance_id media_id message_id way text created_at settled_at",
    "turn_steps": "organization_id turn_id round response created_at",
    "ai_interactions": (
        "organization_id id instance_id conversation_id turn_id round message_id kind assistant model prompt_tokens "
        "cached_tokens completion_tokens audio_seconds cost_microdollars price_source latency_ms tool_calls outcome "
        "month created_at"
    ),
}
"""Columns of the tables that grow with the messages, in the order in which their rows are made."""

PEOPLE_TABLES: Final[Mapping[str, str]] = {
    "contacts": "organization_id id instance_id phone phone_key name created_at",
    "pets": "organization_id id contact_id name species breed size created_at",
    "conversations": "organization_id id instance_id contact_id chat place last_inbound_at created_at",
    "chat_journals": "organization_id conversation_id epoch seen",
    "chat_alias": "organization_id instance_id jid conversation_id",
}
"""Of the tables with a row for each customer."""

AGENDA_TABLES: Final[Mapping[str, str]] = {
    "bookings": (
        "organization_id id contact_id service_id subject subject_id price_cents starts_at ends_at status created_at"
    ),
    "booking_resources": "organization_id booking_id resource_id starts_at busy_until",
}

_MODEL: Final = "gpt-4o-mini"
_HEARING: Final = "gpt-4o-mini-transcribe"
_SECONDS: Final = 4
"""Length of a voice note."""
_VOICE: Final = "audio/ogg; codecs=opus"
_NOWHERE: Final = "(-infinity,00000000-0000-0000-0000-000000000000,0)"
"""Place of a conversation in which nobody has written."""
_GAP: Final = timedelta(seconds=7)
"""Between two messages of a customer, and before the answer."""


@dataclass(slots=True)
class Ids:
    """The newest id of each table with numbers of its own, before the first row is made."""

    contacts: int
    pets: int
    bookings: int
    conversations: int
    turns: int
    messages: int
    position: int


@dataclass(frozen=True, slots=True)
class _Said:
    """A message; texts as COPY reads them."""

    at: datetime
    text: str
    author: str
    state: str = NULL
    turn: str = NULL
    own: str = NULL
    """Its row of the outbox."""
    file: str | None = None
    """Of a voice note."""


@dataclass(frozen=True, slots=True)
class OwnText:
    """A text that nobody asked for. While it is held, `at` is when it is looked at again."""

    id: str
    at: datetime
    made_at: datetime
    expires_at: datetime
    body: str
    state: str
    lane: str
    purpose: str
    reference: str


@dataclass(slots=True)
class _Chat:
    """What a conversation has come to."""

    messages: int = 0
    place: str = _NOWHERE
    last_inbound: str = NULL


@dataclass(slots=True)
class Rows:
    """Makes rows; `lines` holds those of each table that were not taken yet."""

    ids: Ids
    lines: dict[str, list[str]] = field(default_factory=lambda: {table: [] for table in TABLES})
    _chats: dict[int, _Chat] = field(default_factory=dict)
    _sequences: dict[int, int] = field(default_factory=dict)

    def conversation(self, customer: Customer) -> int:
        """Return the id of a customer's conversation."""
        return self.ids.conversations + 1 + customer.number

    def contact(self, customer: Customer) -> int:
        """Return the id of a customer's contact."""
        return self.ids.contacts + 1 + customer.number

    def pet(self, customer: Customer) -> int:
        """Return the id of a customer's pet."""
        return self.ids.pets + 1 + customer.number

    def agenda(self, booked: Iterable[Booking]) -> dict[str, bytes]:
        """Return the rows of bookings."""
        lines: dict[str, list[str]] = {table: [] for table in AGENDA_TABLES}
        for booking in booked:
            self.ids.bookings += 1
            who, organization, starts_at = booking.customer, booking.customer.shop.organization, booking.starts_at
            about = (self.contact(who), booking.service.id, who.pet, self.pet(who), booking.service.price_cents)
            times = (starts_at, booking.ends_at, booking.status, booking.made_at)
            lines["bookings"].append(copy_line(organization, self.ids.bookings, *about, *times))
            lines["booking_resources"].extend(
                copy_line(organization, self.ids.bookings, resource, starts_at, booking.busy_until)
                for resource in booking.resources
            )
        return joined(lines)

    def take(self) -> dict[str, bytes]:
        """Return the lines by table, as COPY reads them, and begin anew."""
        taken = joined(self.lines)
        for lines in self.lines.values():
            lines.clear()
        return taken

    def add(self, event: Event) -> None:
        """Make the rows of an exchange."""
        customer, exchange = event.customer, event.exchange
        turn = NULL
        if not exchange.by_person:
            self.ids.turns += 1
            turn = str(self.ids.turns)
        for number, text in enumerate(exchange.asked):
            self._asked(customer, event.at + number * _GAP, text, turn, spoken=exchange.spoken and number == 0)
        answered_at = event.at + len(exchange.asked) * _GAP
        if exchange.by_person and exchange.answered:
            self._message(customer, _Said(answered_at, exchange.answered, "phone"))
        elif exchange.answered:
            self._answer(customer, event.at, answered_at, exchange.answered)

    def _asked(self, customer: Customer, at: datetime, text: str, turn: str, *, spoken: bool) -> None:
        state, file = "person" if turn == NULL else "answered", seeded_id(at, self.ids.messages + 1) if spoken else None
        self._message(customer, _Said(at, text, "customer", state=state, turn=turn, file=file))
        self._chats[customer.number].last_inbound = str(at)
        if file is not None:
            self._heard(customer, at, text, file)

    def _heard(self, customer: Customer, at: datetime, text: str, file: str) -> None:
        """Add what became of a voice note: its file was deleted since, its words are kept."""
        shop, message = customer.shop, self.ids.messages
        facts = ("in", message, "voice_note", _VOICE, _VOICE, _SECONDS * 2000, 1, "deleted", at, at)
        self._line("media", shop.organization, shop.instance, file, *facts)
        self._line("readings", shop.organization, shop.instance, file, message, "heard", text, at, at)
        call = (file, shop.instance, self.conversation(customer), NULL, NULL, message, "transcription", "customer")
        figures = (_HEARING, _SECONDS * 10, 0, len(text) // 4, _SECONDS, 200, "table", 700)
        self._line("ai_interactions", shop.organization, *call, *figures, "{}", "answered", f"{at:%Y-%m}-01", at)

    def _answer(self, customer: Customer, asked_at: datetime, at: datetime, text: str) -> None:
        turn, whatsapp_id, own = str(self.ids.turns), f"OUT{self.ids.turns}", seeded_id(at, self.ids.turns)
        shop, conversation, place = customer.shop, self.conversation(customer), self._chats[customer.number].place
        organization = shop.organization
        self.ids.position += 1
        ended = ("answered", "customer", asked_at, at)
        self._line("turns", organization, turn, conversation, shop.instance, place, *ended)
        text_row = (0, self.ids.position, customer.chat, text, "read", whatsapp_id, at, at, at, "reply", *(NULL,) * 7)
        self._line("outbox", organization, own, shop.instance, conversation, turn, *text_row)
        self._message(customer, _Said(at, text, "assistant", own=own))
        response = json.dumps({"text": text, "tool_calls": []}, ensure_ascii=False)
        self._line("turn_steps", organization, turn, 0, response, at)
        call = (own, shop.instance, conversation, turn, 0, NULL, "chat", "customer", _MODEL)
        figures = (900 + len(text), 0, len(text) // 4, 0, 200, "table", 800)
        self._line("ai_interactions", organization, *call, *figures, "{}", "answered", f"{at:%Y-%m}-01", at)

    def add_told(self, customer: Customer, text: OwnText) -> None:
        """Make the rows of a text that nobody asked for; it joins its conversation once it is sent."""
        shop, held = customer.shop, text.state == "held"
        self.ids.position += 1
        whatsapp_id = NULL if held else f"TOLD{self.ids.position}"
        times = (text.made_at, *((NULL, NULL) if held else (text.at, text.at)))
        waits = (text.at, "budget", NULL) if held else (NULL, NULL, text.at)
        row = (8, self.ids.position, customer.chat, text.body, text.state, whatsapp_id, *times, text.lane, text.purpose)
        own = (shop.organization, text.id, shop.instance, self.conversation(customer), NULL)
        queued = json.dumps({"text": text.body}, ensure_ascii=False)
        self._line("outbox", *own, *row, text.reference, *waits, text.expires_at, queued)
        if not held:
            self._message(customer, _Said(text.at, text.body, "assistant", own=text.id))

    def _message(self, customer: Customer, said: _Said) -> None:
        shop, ours = customer.shop, said.author == "assistant"
        self.ids.messages += 1
        place = self._newest(customer).place if ours else self._next_place(customer)
        sender = str(Jid.of_phone(shop.settings.phone_number)) if said.author == "phone" else customer.chat
        whatsapp_id = NULL if ours else f"IN{self.ids.messages}"
        settled = NULL if said.state == NULL else said.at
        address = (shop.instance, self.conversation(customer), customer.chat, sender, whatsapp_id, said.author, place)
        content = ("text", said.text, NULL) if said.file is None else ("voice_note", NULL, _offered(said.file))
        fate = (said.state, said.turn, settled, *content, said.at, said.at, said.own)
        self._line("messages", shop.organization, self.ids.messages, *address, *fate)

    def _newest(self, customer: Customer) -> _Chat:
        return self._chats.setdefault(customer.number, _Chat())

    def _next_place(self, customer: Customer) -> str:
        """Count a message in its chat and its instance's journal."""
        chat = self._newest(customer)
        chat.messages += 1
        journal = id(customer.shop)
        self._sequences[journal] = self._sequences.get(journal, 0) + 1
        chat.place = f"(2026-01-01T00:00:00Z,{customer.shop.epoch},{self._sequences[journal]})"
        return chat.place

    def people(self, everybody: Iterable[Customer], since: datetime) -> dict[str, bytes]:
        """Return the rows of the customers and of what their conversations have come to."""
        lines: dict[str, list[str]] = {table: [] for table in PEOPLE_TABLES}
        for customer in everybody:
            for table, line in self._person(customer, since).items():
                lines[table].append(line)
        return joined(lines)

    def _person(self, customer: Customer, since: datetime) -> dict[str, str]:
        shop, conversation, contact = customer.shop, self.conversation(customer), self.contact(customer)
        organization, chat = shop.organization, self._chats.get(customer.number, _Chat())
        seen = f"{{[1,{chat.messages + 1})}}" if chat.messages else "{}"
        return {
            "contacts": copy_line(
                organization, contact, shop.instance, customer.phone, customer.phone_key, customer.name, since
            ),
            "pets": copy_line(organization, self.pet(customer), contact, customer.pet, *customer.breed, since),
            "conversations": copy_line(
                organization, conversation, shop.instance, contact, customer.chat, chat.place, chat.last_inbound, since
            ),
            "chat_journals": copy_line(organization, conversation, shop.epoch, seen),
            "chat_alias": copy_line(organization, shop.instance, customer.chat, conversation),
        }

    def _line(self, table: str, *values: object) -> None:
        self.lines[table].append(copy_line(*values))


def _offered(file: str) -> str:
    return json.dumps({"file": {"id": file, "mime": _VOICE, "seconds": _SECONDS}})


def joined(lines: Mapping[str, list[str]]) -> dict[str, bytes]:
    """Return the lines of each table as COPY reads them."""
    return {table: "".join(found).encode() for table, found in lines.items()}


def copy_line(*values: object) -> str:
    """Return a row as COPY reads it; a text with tabs, backslashes or line ends must be escaped already."""
    return "\t".join(map(str, values)) + "\n"


def seeded_id(at: datetime, number: int) -> str:
    """Return an id like those of `oxy_core.identity.new_id`: of version 7, its first 48 bits the milliseconds."""
    milliseconds = int(at.timestamp() * 1000)
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7000-8000-{number:012x}"
