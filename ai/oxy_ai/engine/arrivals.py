"""Reports from the bus: decoded, checked against their subject, sorted. Pure."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nats.aio.msg import Msg

from oxy_ai.ids import instance_id, organization_id
from oxy_ai.portuguese.opt_out import is_opt_in, opt_out_scope
from oxy_ai.records import InboundReport, Wish
from oxy_ai.sanitize import storable_text
from oxy_core import subjects
from oxy_core.chat_commands import is_hand_back
from oxy_core.envelopes import (
    PUBLISHED_AGAIN_HEADER,
    REPLAYED_HEADER,
    WAITED_HEADER,
    MessageSeen,
    Report,
    Settled,
)
from oxy_core.errors import ContractError
from oxy_core.files import FileArrived
from oxy_core.identity import phone_key
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import MessageLost, NumberChanged

_NUL: Final = b"\\u0000"
"""The JSON escape of the one character that PostgreSQL cannot store."""

LOOKED_AT: Final = 1_000
"""Characters of a text that are looked at for an emergency before it is stored: a batch waits meanwhile."""

MAX_AGE_SECONDS: Final = 1e9
"""Greatest age that is believed, 30 years: PostgreSQL's intervals hold it."""


@dataclass(frozen=True, slots=True)
class Journey:
    """How a report came."""

    age_seconds: float
    """Of its message, if it is of one."""
    published_at: datetime
    """When the bus got it, by the bus's clock."""
    settled: Settled | None = None
    """What the pod knows of it, if it is published again."""


def inbound_report(
    report: Report, account: str, journey: Journey, is_emergency: Callable[[str], bool]
) -> InboundReport:
    """Return a report as input of the SQL function `ingest`.

    `is_emergency` tells whether a customer's text may be about one.
    """
    phone = _phone_of(report)
    return InboundReport(
        account=account,
        organization=organization_id(report.organization),
        instance=instance_id(report.organization, report.instance),
        phone=phone,
        phone_key=None if phone is None else phone_key(phone),
        age_seconds=journey.age_seconds,
        published_at=journey.published_at,
        settled=journey.settled,
        command=is_command(report) or None,
        wish=_wish_of(report),
        urgent=is_emergency(_beginning(report)) or None,
        report=report,
    )


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report with the bus message that carried it."""

    message: Msg
    account: str
    report: Report

    def item(self, now: datetime, is_emergency: Callable[[str], bool]) -> InboundReport:
        """Return the report as input of the SQL function `ingest`; `now` by the bus's clock."""
        age, published_at = _age(self.report, self.message, now), self.message.metadata.timestamp
        journey = Journey(age, published_at, _settled(self.message))
        return inbound_report(self.report, self.account, journey, is_emergency)


def is_command(report: Report) -> bool:
    """Whether a report is of an instruction to the assistant, written or edited by a person of the business."""
    match report.body:
        case MessageSeen(from_me=True, kind=MessageKind.TEXT | MessageKind.EDIT, text=text):
            return is_hand_back(text)
        case _:
            return False


def _beginning(report: Report) -> str:
    """Return the beginning of what a customer wrote himself, where an emergency would be spoken of."""
    match report.body:
        case MessageSeen(from_me=False, forwarded=False, text=str() as text):
            return text[:LOOKED_AT]
        case _:
            return ""


def _wish_of(report: Report) -> Wish | None:
    """Return what a customer's message asks for as a whole.

    It is carried out when the message is stored, not when it is answered: a person may have taken over by then, or the
    assistant be off.
    """
    body = report.body
    if not isinstance(body, MessageSeen) or body.from_me or body.kind is not MessageKind.TEXT or not body.text:
        return None
    return wish_in(body.text)


def wish_in(text: str) -> Wish | None:
    """Return what a whole message asks for: to be spared messages, or to get them again."""
    scope = opt_out_scope(text)
    if scope is not None:
        return scope.value
    return "in" if is_opt_in(text) else None


def _settled(message: Msg) -> Settled | None:
    """Return what the pod knows of a report that it publishes again; a senseless header counts as unknown."""
    header = (message.headers or {}).get(PUBLISHED_AGAIN_HEADER)
    if header is None or REPLAYED_HEADER in (message.headers or {}):
        return None
    return Settled(header) if header in set(Settled) else Settled.UNKNOWN


def _age(report: Report, message: Msg, now: datetime) -> float:
    """Seconds since a message was sent.

    A customer's message that a person has replayed counts as new: it is to be answered, however old it is. What the
    business wrote keeps its age, from which the silence of the assistant is counted.
    """
    by_customer = isinstance(report.body, MessageSeen) and not report.body.from_me
    if by_customer and REPLAYED_HEADER in (message.headers or {}):
        return 0.0
    return min(_delay(report) + waited_seconds(message, now), MAX_AGE_SECONDS)


def _delay(report: Report) -> float:
    """Seconds from the sending of a message to its place in the journal."""
    if isinstance(report.body, MessageLost) and report.body.sent_at is not None:
        return max((report.occurred_at - report.body.sent_at).total_seconds(), 0.0)
    if not isinstance(report.body, MessageSeen):
        return 0.0
    if report.body.delay_seconds is not None:
        return report.body.delay_seconds
    return max((report.occurred_at - report.body.sent_at).total_seconds(), 0.0)


def waited_seconds(message: Msg, now: datetime) -> float:
    """Seconds that a report has waited in the journal and on the bus; `now` by the bus's clock."""
    on_bus = (now - message.metadata.timestamp).total_seconds()
    return waited_before((message.headers or {}).get(WAITED_HEADER)) + max(on_bus, 0.0)


def waited_before(header: str | None) -> float:
    """Read the header in which a pod says how long a report waited; a header that makes no sense counts as none."""
    try:
        waited = float(header or 0)
    except ValueError:
        return 0.0
    return min(waited, MAX_AGE_SECONDS) if math.isfinite(waited) and waited > 0 else 0.0


def _phone_of(report: Report) -> str | None:
    """Return the phone number of a report's chat, which either of the chat's two addresses may contain."""
    match report.body:
        case MessageSeen(chat=chat, chat_alias=alias):
            return chat.phone or (None if alias is None else alias.phone)
        case MessageLost(chat=chat):
            return chat.phone
        case NumberChanged(new=new):
            return new.phone
        case _:
            return None


def read_arrival(message: Msg) -> Arrival:
    """Decode a bus message.

    Raises NewerVersionError if a newer worker can read it, and another ContractError if it is not a report or claims
    another instance than its subject.
    """
    sender = subjects.sender_of(message.subject)
    report = Report.decode(message.data)
    if _NUL in message.data:
        # Rare. The bytes may also be an escaped backslash before "u0000"; decoding such a report again is harmless.
        report = Report.decode(json.dumps(without_nul(report.model_dump(mode="json"))).encode())
    if report.instance != sender.instance:
        error = "the report claims another instance than its subject"
        raise ContractError(error)
    return Arrival(message, sender.account, report)


def without_nul(value: object) -> object:
    """Return a JSON value without NUL characters in its texts."""
    match value:
        case str():
            return storable_text(value)
        case dict():
            return {key: without_nul(item) for key, item in value.items()}
        case list():
            return [without_nul(item) for item in value]
        case _:
            return value


def in_journal_order(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Sort by account and journal position; an account's journals by their first message on the bus."""
    first_seen: dict[tuple[str, str], int] = {}
    for arrival in arrivals:
        journal = (arrival.account, str(arrival.report.journal_epoch))
        position = arrival.message.metadata.sequence.stream
        first_seen[journal] = min(position, first_seen.get(journal, position))
    return sorted(
        arrivals,
        key=lambda arrival: (
            arrival.account,
            first_seen[(arrival.account, str(arrival.report.journal_epoch))],
            arrival.report.journal_sequence,
        ),
    )


def has_new_message(arrivals: Sequence[Arrival], outcomes: Sequence[str]) -> bool:
    """Whether a batch brought a message: something may be due."""
    return _has_new(MessageSeen, arrivals, outcomes)


def has_new_file(arrivals: Sequence[Arrival], outcomes: Sequence[str]) -> bool:
    """Whether a batch said that a file has arrived: it may be stored."""
    return _has_new(FileArrived, arrivals, outcomes)


def _has_new(body: type[object], arrivals: Sequence[Arrival], outcomes: Sequence[str]) -> bool:
    return any(
        outcome == "stored" and isinstance(arrival.report.body, body)
        for arrival, outcome in zip(arrivals, outcomes, strict=True)
    )
