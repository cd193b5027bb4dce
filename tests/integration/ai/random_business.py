"""A business with random messages, turns and bookings, and its figures counted here, one row after the other."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from statistics import fmean, median
from typing import Any, Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
from integration.ai.scene import OWNER

from oxy_core.identity import phone_key

ORGANIZATION, INSTANCE = UUID(int=1), UUID(int=2)
SAYS_NOTHING = ("reaction", "edit", "undecryptable")
SENT = ("sent", "delivered", "read")
BEFORE_PAIRING = "from before the first pairing"
SERVICES = ("Banho", "Tosa", "Consulta")
DAYS = 400


@dataclass(frozen=True)
class Message:
    conversation: int
    author: str
    kind: str
    at: datetime
    reason: str | None
    source: str | None
    command: bool
    sent: str | None


@dataclass(frozen=True)
class Answer:
    conversation: int
    asked: datetime
    closed: datetime
    finished: datetime
    state: str
    turn_state: str


@dataclass(frozen=True)
class HandOver:
    conversation: int
    at: datetime
    ended_at: datetime | None
    ended: str | None


@dataclass(frozen=True)
class Booking:
    contact: int
    service: int
    cents: int
    starts_at: datetime
    status: str
    made_at: datetime
    changed_at: datetime | None


@dataclass(frozen=True)
class Call:
    at: datetime
    cost: int | None
    outcome: str
    reserved: int | None

    @property
    def charge(self) -> int | None:
        return self.reserved if self.cost is None and self.outcome == "reserved" else self.cost


@dataclass(frozen=True)
class Window:
    """From `first` (included) to `last` (not included), in UTC."""

    first: datetime
    last: datetime

    def __contains__(self, at: datetime | None) -> bool:
        return at is not None and self.first <= at < self.last

    @classmethod
    def of(cls, start: datetime, until: datetime) -> Self:
        return cls(start.astimezone(UTC), until.astimezone(UTC))


@dataclass
class Business:
    """The rows, and what counts among them."""

    zone: ZoneInfo
    now: datetime
    random: Random
    customers: set[int] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    hand_overs: list[HandOver] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def moment(self, ahead: int = 0) -> datetime:
        """A moment of the last days, or of as many days `ahead`: often when a local day begins, or just before."""
        day = self.now.date() - timedelta(days=int(abs(self.random.gauss(0, 25))) % DAYS)
        if ahead and self.random.random() < 0.3:
            day = self.now.date() + timedelta(days=self.random.randrange(ahead))
        start = datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)
        kind = self.random.random()
        if kind < 0.1:
            return start
        if kind < 0.2:
            return start - timedelta(microseconds=1)
        return start + timedelta(seconds=self.random.randrange(24 * 3600))

    def past(self) -> datetime:
        """Such a moment that has come."""
        return min(self.moment(), self.now.astimezone(UTC) - timedelta(microseconds=1))

    # -- what is counted

    def between(self, start: datetime, until: datetime) -> dict[str, Any]:
        """All figures from `start` to `until`."""
        window = Window.of(start, until)
        return self._of_conversations(window) | self._of_bookings(window) | self._of_calls(window)

    def _of_calls(self, window: Window) -> dict[str, Any]:
        charges = [call.charge for call in self.calls if call.at in window]
        known = [charge for charge in charges if charge is not None]
        return {"calls": len(charges), "microdollars": sum(known), "unpriced": len(charges) - len(known)}

    def _of_conversations(self, window: Window) -> dict[str, Any]:
        asked = [message for message in self.messages if self._is_asked(message)]
        received = [message for message in asked if message.at in window and message.reason != BEFORE_PAIRING]
        writers = {message.conversation for message in received}
        seconds = [
            (answer.closed - answer.asked).total_seconds()
            for answer in self.answers
            if answer.finished in window and answer.conversation in self.customers and self._counts(answer)
        ]
        waited = [
            (order.ended_at - order.at).total_seconds()
            for order in self.hand_overs
            if order.ended_at and order.ended == "answered" and order.ended_at in window and self._is_customer(order)
        ]
        return {
            "received": len(received),
            "sent": sum(message.at in window and self._is_sent(message) for message in self.messages),
            "conversations": len(writers),
            "newcomers": len(writers - {message.conversation for message in asked if message.at < window.first}),
            "response_seconds": fmean(seconds) if seconds else None,
            "response_median": median(seconds) if seconds else None,
            "handed_over": sum(order.at in window and self._is_customer(order) for order in self.hand_overs),
            "people_median": median(waited) if waited else None,
        }

    def _is_customer(self, row: HandOver) -> bool:
        return row.conversation in self.customers

    def _is_asked(self, message: Message) -> bool:
        says = message.kind not in SAYS_NOTHING
        return message.author == "customer" and says and message.conversation in self.customers

    def _is_sent(self, message: Message) -> bool:
        if message.author == "customer" or message.kind in SAYS_NOTHING or message.conversation not in self.customers:
            return False
        if message.author == "assistant":
            return message.sent in SENT
        return not message.command and message.source != "greeting"

    def _counts(self, answer: Answer) -> bool:
        return answer.turn_state == "answered" and answer.state in SENT

    def _of_bookings(self, window: Window) -> dict[str, Any]:
        made = [b for b in self.bookings if b.made_at in window and b.status != "cancelled"]
        starting = [b for b in self.bookings if b.starts_at in window]
        visits = [b for b in starting if b.status in {"confirmed", "done"}]
        missed = [b for b in starting if b.status == "no_show"]
        cancelled = [b for b in self.bookings if b.status == "cancelled" and b.changed_at in window]
        return {
            "booked": len(made),
            "booked_cents": _cents(made),
            "visitors": len({b.contact for b in visits}),
            "missed": len(missed),
            "missed_cents": _cents(missed),
            "cancelled": len(cancelled),
            "cancelled_cents": _cents(cancelled),
            "by_service": {
                SERVICES[service]: (len(found), _cents(found))
                for service in range(len(SERVICES))
                if (found := [b for b in visits if b.service == service])
            },
        }

    def visits_by(self, start: datetime, until: datetime, part: Callable[[datetime], datetime]) -> dict[datetime, int]:
        """Cents of the visits by the part of the period in which they are, in local time."""
        found: dict[datetime, int] = {}
        for booking in self.bookings:
            if start <= booking.starts_at < until and booking.status in {"confirmed", "done"}:
                key = part(booking.starts_at.astimezone(self.zone).replace(tzinfo=None))
                found[key] = found.get(key, 0) + booking.cents
        return found

    def received_by(
        self, start: datetime, until: datetime, part: Callable[[datetime], datetime]
    ) -> dict[datetime, int]:
        """Messages received, likewise."""
        found: dict[datetime, int] = {}
        for message in self.messages:
            if start <= message.at < until and self._is_asked(message) and message.reason != BEFORE_PAIRING:
                key = part(message.at.astimezone(self.zone).replace(tzinfo=None))
                found[key] = found.get(key, 0) + 1
        return found


def _cents(bookings: Iterable[Booking]) -> int:
    return sum(booking.cents for booking in bookings)


def drawn(seed: int, zone: ZoneInfo, now: datetime) -> Business:
    """A business whose rows follow from a seed; conversations 1 to 8 are customers'."""
    random = Random(seed)
    business = Business(zone, now, random, set(range(1, 9)))
    business.messages = [_message(business) for _ in range(500)]
    business.answers = [_answer(business) for _ in range(60)]
    business.hand_overs = _one_open_of_each([_hand_over(business) for _ in range(30)])
    business.bookings = [_booking(business) for _ in range(300)]
    business.calls = [_call(business) for _ in range(60)]
    return business


def _call(business: Business) -> Call:
    random, at = business.random, business.past()
    if random.random() < 0.2:
        return Call(at, None, "reserved", random.randrange(1, 90_000))
    cost = None if random.random() < 0.2 else random.randrange(0, 90_000)
    return Call(at, cost, "answered", random.choice((None, 100_000)))


def _message(business: Business) -> Message:
    random = business.random
    author = random.choice(("customer", "customer", "phone", "assistant"))
    return Message(
        conversation=random.randrange(1, 14),
        author=author,
        kind=random.choice(("text", "text", "text", "image", *SAYS_NOTHING)),
        at=business.past(),
        reason=BEFORE_PAIRING if author == "customer" and random.random() < 0.1 else None,
        source="greeting" if author == "phone" and random.random() < 0.2 else None,
        command=author == "phone" and random.random() < 0.2,
        sent=random.choice((*SENT, "failed", "pending")) if author == "assistant" else None,
    )


def _answer(business: Business) -> Answer:
    random, finished = business.random, business.past()
    asked = finished - timedelta(seconds=random.randrange(2, 900))
    closed = finished + timedelta(seconds=random.randrange(60))
    states = (random.choice((*SENT, "failed")), random.choice(("answered", "answered", "skipped")))
    return Answer(random.randrange(1, 14), asked, closed, finished, *states)


def _hand_over(business: Business) -> HandOver:
    random, at = business.random, business.past()
    if random.random() < 0.2:
        return HandOver(random.randrange(1, 14), at, None, None)
    ended = random.choice(("answered", "answered", "handed_back", "timed_out"))
    return HandOver(random.randrange(1, 14), at, at + timedelta(seconds=random.randrange(1, 9000)), ended)


def _booking(business: Business) -> Booking:
    random, starts_at = business.random, business.moment(ahead=40)
    status = random.choice(("confirmed", "confirmed", "done", "cancelled", "no_show"))
    changed = business.past() if status == "cancelled" or random.random() < 0.2 else None
    cents = random.randrange(3_000, 30_000)
    return Booking(random.randrange(1, 9), random.randrange(3), cents, starts_at, status, business.past(), changed)


# -- its rows


async def store(connection: asyncpg.Connection, business: Business) -> None:
    """Write everything as the superuser."""
    await connection.execute("insert into organizations (id, name) values ($1, 'random')", ORGANIZATION)
    await connection.execute(
        "insert into instances (organization_id, id, name, settings, owner_keys) values ($1, $2, 'main', '{}', $3)",
        ORGANIZATION,
        INSTANCE,
        [phone_key(OWNER)],
    )
    await _people(connection)
    await _messages(connection, business)
    await _turns(connection, business)
    await _agenda(connection, business)
    for call in business.calls:
        await connection.execute(
            "insert into ai_interactions (organization_id, id, instance_id, conversation_id, kind, assistant, model, "
            "prompt_tokens, cached_tokens, completion_tokens, audio_seconds, cost_microdollars, latency_ms, "
            "tool_calls, outcome, month, reserved_microdollars, created_at) values ($1, $2, $3, 1, 'chat', 'customer', "
            "'m', 1, 0, 1, 0, $4, 1, '{}', $5, cast($6 as timestamptz)::date, $7, $6)",
            *(ORGANIZATION, uuid4(), INSTANCE, call.cost, call.outcome, call.at, call.reserved),
        )


def chat_of(number: int) -> tuple[str, str, bool]:
    """Chat, phone, whether it is the account's own: 10 the owner, 11 a group, 12 the account itself; 9 was merged."""
    match number:
        case 10:
            return f"{OWNER[1:]}@s.whatsapp.net", OWNER, False
        case 11:
            return "123-456@g.us", "+5511900000011", False
        case 12:
            return "5511999990000@s.whatsapp.net", "+5511999990000", True
        case _:
            return f"{number}@lid", f"+55119000000{number:02d}", False


async def _people(connection: asyncpg.Connection) -> None:
    for number in range(1, 14):
        chat, phone, own = chat_of(number)
        await connection.execute(
            "insert into contacts (organization_id, id, instance_id, phone, phone_key, name) overriding system value "
            "values ($1, $2, $3, $4, $5, 'Ana')",
            *(ORGANIZATION, number, INSTANCE, phone, phone_key(phone)),
        )
        await connection.execute(
            "insert into conversations (organization_id, id, instance_id, contact_id, chat, self_chat, merged_into) "
            "overriding system value values ($1, $2, $3, $2, $4, $5, $6)",
            *(ORGANIZATION, number, INSTANCE, chat, own, 1 if number in {9, 13} else None),
        )


async def _messages(connection: asyncpg.Connection, business: Business) -> None:
    for number, message in enumerate(business.messages):
        outbox = None if message.sent is None else uuid4()
        if outbox is not None:
            await _text(connection, outbox, message.conversation, (None, message.sent, message.at), (3, 0))
        state = "ignored" if message.reason else "person"
        await connection.execute(
            "insert into messages (organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, author, "
            "place, state, reason, kind, body, sent_at, arrived_at, source, command, outbox_id) "
            "values ($1, $2, $3, 'x', 'x', $4, $5, row(now(), $1, $6)::place, $7::text::message_state, $8, $9, 'Oi', "
            "$10, $10, $11, $12, $13)",
            *(ORGANIZATION, INSTANCE, message.conversation, f"M{number}", message.author, number),
            *(state if message.author == "customer" else None, message.reason, message.kind, message.at),
            *(message.source, message.command, outbox),
        )


async def _text(
    connection: asyncpg.Connection,
    outbox: UUID,
    conversation: int,
    of: tuple[int | None, str, datetime],
    place: tuple[int, int],
) -> None:
    turn, state, closed = of
    await connection.execute(
        "insert into outbox (organization_id, id, instance_id, conversation_id, turn_id, part, piece, chat, body, "
        "state, closed_at) values ($1, $2, $3, $4, $5, $6, $7, 'x', 'x', $8, $9)",
        *(ORGANIZATION, outbox, INSTANCE, conversation, turn, *place, state, closed),
    )


async def _turns(connection: asyncpg.Connection, business: Business) -> None:
    for number, answer in enumerate(business.answers, 1):
        await connection.execute(
            "insert into turns (organization_id, id, conversation_id, instance_id, place, state, finished_at) "
            "overriding system value values ($1, $2, $3, $4, row(now(), $1, 0)::place, $5, $6)",
            *(ORGANIZATION, number, answer.conversation, INSTANCE, answer.turn_state, answer.finished),
        )
        for piece in range(business.random.randrange(1, 3)):
            text = (number, answer.state, answer.closed + piece * timedelta(minutes=5))
            await _text(connection, uuid4(), answer.conversation, text, (0, piece))
        await connection.execute(
            "insert into messages (organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, author, "
            "place, state, turn_id, kind, body, sent_at, arrived_at) values ($1, $2, $3, 'x', 'x', $4, 'customer', "
            "row(now(), $1, 0)::place, 'answered', $5, 'notice', 'Oi', $6, $6)",
            *(ORGANIZATION, INSTANCE, answer.conversation, f"T{number}", number, answer.asked),
        )
    for order in business.hand_overs:
        await connection.execute(
            "insert into hand_overs (organization_id, instance_id, conversation_id, turn_id, place, reason, urgency, "
            "summary, silences, created_at, ended_at, ended) "
            "values ($1, $2, $3, 1, row(now(), $1, 0)::place, 'asked', 'normal', '', true, $4, $5, $6)",
            *(ORGANIZATION, INSTANCE, order.conversation, order.at, order.ended_at, order.ended),
        )


async def _agenda(connection: asyncpg.Connection, business: Business) -> None:
    for number, name in enumerate(SERVICES, 1):
        await connection.execute(
            "insert into services (organization_id, id, key, name, price_cents, duration_minutes, buffer_minutes) "
            "overriding system value values ($1, $2, $3, $3, 1, 30, 0)",
            *(ORGANIZATION, number, name),
        )
    for booking in business.bookings:
        await connection.execute(
            "insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, "
            "status, created_at, changed_at) "
            "values ($1, $2, $3, 'Rex', $4, $5, cast($5 as timestamptz) + interval '1 hour', $6, $7, $8)",
            *(ORGANIZATION, booking.contact, booking.service + 1, booking.cents, booking.starts_at, booking.status),
            *(booking.made_at, booking.changed_at),
        )


def _one_open_of_each(hand_overs: Sequence[HandOver]) -> list[HandOver]:
    """One open order at most of a conversation, as the database demands."""
    kept: list[HandOver] = []
    opened: set[int] = set()
    for order in hand_overs:
        if order.ended is None and order.conversation in opened:
            continue
        opened |= {order.conversation} if order.ended is None else set()
        kept.append(order)
    return kept


def first_of(part: str) -> Callable[[datetime], datetime]:
    """The beginning of the part of a period in which a local moment is."""

    def begins(at: datetime) -> datetime:
        day: date = at.date()
        match part:
            case "hour":
                return at.replace(minute=0, second=0, microsecond=0)
            case "week":
                day -= timedelta(days=day.weekday())
            case "month":
                day = day.replace(day=1)
            case "year":
                day = day.replace(month=1, day=1)
        return datetime(day.year, day.month, day.day)  # noqa: DTZ001 local time

    return begins
