"""Accounting: the life line of every message, to count loss, duplication and order.

A line is one message on its way to or from one linked device. Times are Unix seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import structlog

from oxy_simulator.tables import Table

Direction = Literal["inbound", "outbound"]
Stage = Literal[
    "sent",  # the phone encrypted it (inbound)
    "queued",  # the device was away: kept for it (inbound)
    "dropped",  # a fault lost it, latest time: it never arrives (either way)
    "relayed",  # written to the device's connection, first time (inbound)
    "redelivered",  # written again after a reconnect, latest time (inbound)
    "acked",  # the device acknowledged (inbound); the server acknowledged (outbound)
    "receipted",  # the device's delivery receipt came (inbound); the phone's went out (outbound)
    "played",  # a played receipt: a voice note was heard (either way)
    "read",  # a read receipt (either way)
    "rejected",  # the device refused it with an error code (inbound)
    "retried",  # a retry receipt asked for it again, latest time (either way)
    "abandoned",  # asked for again in vain, until one of both gave up (either way)
    "refused",  # the server refused it with an error code, latest time (outbound)
    "blocked",  # its recipient blocked the sender: it goes no further (outbound)
    "received",  # the server took it from the device (outbound)
    "delivered",  # it reached the contact's phone (outbound)
    "decrypted",  # that phone could read it (outbound)
    "undecryptable",  # that phone could not read it, latest time (outbound)
    "key_reused",  # its key had encrypted another message: that phone dropped it unseen, latest time (outbound)
    "duplicate",  # its id came again, latest time (outbound)
    "downloaded",  # the device fetched its file (inbound); the contact's phone did, and it is right (outbound)
    "own_phone",  # the account's own phone read its copy (outbound)
]

KEPT_LINES: Final = 100_000

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class LifeLine:
    """One message's way between a linked device and the rest of the world."""

    number: int
    id: str
    direction: Direction
    account: str
    device: int
    chat: str
    sender: str
    text: str | None
    stages: dict[Stage, float] = field(default_factory=dict)
    deliveries: int = 0
    duplicates: int = 0
    error: str | None = None
    kind: str = "text"


@dataclass(slots=True)
class Ledger:
    """All life lines, in the order in which they began; the oldest go beyond the limit."""

    lines: Table[str, LifeLine] = field(default_factory=Table)
    next_number: int = 1
    kept: int = field(default=KEPT_LINES, compare=False)

    @property
    def forgotten(self) -> int:
        """How many lines went because there were too many."""
        return self.next_number - 1 - len(self.lines)

    def open(  # noqa: PLR0913 - a line's facts, all by name
        self,
        *,
        message_id: str,
        direction: Direction,
        account: str,
        device: int,
        chat: str,
        sender: str,
        text: str | None,
        kind: str = "text",
    ) -> LifeLine:
        """Begin a line, or return the one that this message has already."""
        key = line_key(direction, account, device, chat, message_id)
        line = self.lines.get(key)
        if line is None:
            line = LifeLine(self.next_number, message_id, direction, account, device, chat, sender, text)
            line.kind = kind
            self.next_number += 1
            self.lines[key] = line
            self._forget_oldest()
        return line

    def find(self, key: str | None) -> LifeLine | None:
        """Return the line of a key, or None if it is not accounted (peer messages are not)."""
        return self.lines.get(key) if key else None

    def _forget_oldest(self) -> None:
        while len(self.lines) > self.kept:
            if not self.forgotten:
                log.warning("life_lines_forgotten", reason=f"there are more than {self.kept}", remedy="--kept-messages")
            del self.lines[next(iter(self.lines))]

    def __iter__(self) -> Iterator[LifeLine]:
        return iter(self.lines.values())


def mark(line: LifeLine | None, stage: Stage, at: float, *, latest: bool = False) -> None:
    """Record when a line reached a stage: the first time, or the latest if asked."""
    if line is not None and (latest or stage not in line.stages):
        line.stages[stage] = at


def unmark(line: LifeLine | None, stage: Stage) -> None:
    """Take back a stage that turned out not to be the end."""
    if line is not None:
        line.stages.pop(stage, None)


def line_key(direction: Direction, account: str, device: int, chat: str, message_id: str) -> str:
    """Name a life line."""
    return f"{direction}/{account}:{device}/{chat}/{message_id}"
