"""Reports from the bus: decoded, checked against their subject, sorted. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nats.aio.msg import Msg

from oxy_ai.ids import instance_id, organization_id
from oxy_ai.records import InboundReport
from oxy_ai.sanitize import storable_text
from oxy_core import subjects
from oxy_core.envelopes import MessageSeen, Report
from oxy_core.errors import ContractError
from oxy_core.identity import phone_key

_NUL: Final = b"\\u0000"
"""The JSON escape of the one character that PostgreSQL cannot store."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report with the bus message that carried it."""

    message: Msg
    account: str
    report: Report

    @property
    def item(self) -> InboundReport:
        """The report as input of the SQL function `ingest`."""
        phone = _phone_of(self.report)
        return InboundReport(
            account=self.account,
            organization=organization_id(self.report.organization),
            instance=instance_id(self.report.organization, self.report.instance),
            phone=phone,
            phone_key=None if phone is None else phone_key(phone),
            report=self.report,
        )


def _phone_of(report: Report) -> str | None:
    """Return the phone number of a message's chat, which either of the chat's two addresses may contain."""
    if not isinstance(report.body, MessageSeen):
        return None
    alias = report.body.chat_alias
    return report.body.chat.phone or (None if alias is None else alias.phone)


def read_arrival(message: Msg) -> Arrival:
    """Decode a bus message; raises ContractError if it is not a report, or claims another instance than its subject."""
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
