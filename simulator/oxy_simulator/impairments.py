"""Rules that impair delivery: which messages, acknowledgements, requests and frames go wrong, and how.

A rule names a phone (whose linked devices it concerns), a kind, and when it ends: after `left` times
or at `until`. The relay asks here what to do with each message; nothing here does I/O.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from oxy_simulator.faultkind import FaultKind
from oxy_simulator.schedule import Action, Schedule

Direction: TypeAlias = Literal["inbound", "outbound"]

RATE_OVERLIMIT: Final = 429  # whatsmeow errors.go, ErrIQRateOverLimit
# Source: Baileys decode-wa-message.ts, SERVER_ERROR_CODES.MessageAccountRestriction.
REACHOUT_LOCKED: Final = 463

RULE_KINDS: Final = frozenset(
    {
        FaultKind.CORRUPT,
        FaultKind.CORRUPT_FRAME,
        FaultKind.DROP,
        FaultKind.DUPLICATE,
        FaultKind.DELAY,
        FaultKind.REORDER,
        FaultKind.NO_ACK,
        FaultKind.LATE_ACK,
        FaultKind.REFUSE,
        FaultKind.REACHOUT_LOCK,
        FaultKind.RATE_LIMIT,
        FaultKind.RATE_LIMIT_REQUESTS,
    }
)

_CARRIAGE: Final = (FaultKind.DROP, FaultKind.DUPLICATE, FaultKind.DELAY, FaultKind.REORDER)


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What a rule keeps back: how it goes its way at last, or is lost."""

    carry: Action
    lose: Action


class Carriage(NamedTuple):
    """A message on its way: between which phone's devices and whom, and what can be done with it.

    `hold` is told when a rule keeps it back, and returns how it is carried then.
    """

    phone: str
    peer: str
    direction: Direction
    carry: Action
    lose: Action
    hold: Callable[[], Action]


@dataclass(slots=True)
class Rule:
    """One impairment. `peer` and `direction` narrow it; `left` None means: until it ends by time."""

    kind: FaultKind
    phone: str
    left: int | None = 1
    until: float | None = None
    direction: Direction | None = None
    peer: str | None = None
    delay: float = 0.0
    code: int = 0
    limit: int = 0
    window: float = 0.0
    stanza: str | None = None
    taken: int = 0
    _held: list[Held] = field(default_factory=list)
    _passed: deque[float] = field(default_factory=deque)

    def concerns(self, phone: str, peer: str | None, direction: Direction | None) -> bool:
        """Say whether a message or request falls under the rule."""
        return (
            phone == self.phone
            and (self.peer is None or peer == self.peer)
            and (self.direction is None or direction is None or direction == self.direction)
        )

    def ended(self, now: float) -> bool:
        """Say whether the rule has done its work."""
        return self.left == 0 or (self.until is not None and now >= self.until)

    def take(self) -> None:
        """Count one use."""
        self.taken += 1
        if self.left is not None:
            self.left -= 1

    def within_limit(self, now: float) -> bool:
        """Say whether something may still pass in this window, and count it if so."""
        while self._passed and self._passed[0] <= now - self.window:
            self._passed.popleft()
        if len(self._passed) >= self.limit:
            return False
        self._passed.append(now)
        return True

    @property
    def held(self) -> int:
        """How much it keeps back now."""
        return len(self._held)

    @property
    def holds_messages(self) -> bool:
        """Whether messages are among what it keeps back; acknowledgements alone do not count."""
        return bool(self._held) and self.kind is not FaultKind.LATE_ACK

    def hold(self, held: Held) -> None:
        """Keep something back."""
        self._held.append(held)

    def let_go(self, held: Held) -> None:
        """Let one thing go its way, unless it went or was lost before."""
        if held in self._held:
            self._held.remove(held)
            held.carry()

    def release(self) -> None:
        """Let everything go its way: the oldest first, or the newest where the order is to be reversed."""
        held, self._held = self._held, []
        for one in reversed(held) if self.kind is FaultKind.REORDER else held:
            one.carry()

    def lose(self) -> None:
        """Lose everything that is kept back."""
        held, self._held = self._held, []
        for one in held:
            one.lose()


class Impairments:
    """All rules that hold now. Of several of one group that fit, the oldest acts."""

    def __init__(self, clock: Callable[[], float], schedule: Schedule) -> None:
        self._clock = clock
        self._schedule = schedule
        self._rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Let a rule hold from now on."""
        self._rules.append(rule)

    def active(self) -> list[Rule]:
        """Return the rules that still hold or keep something back, the oldest first."""
        now = self._clock()
        self._rules = [rule for rule in self._rules if rule.held or not rule.ended(now)]
        return list(self._rules)

    @property
    def holds_messages(self) -> bool:
        """Whether messages are kept back now, either way."""
        return any(rule.holds_messages for rule in self._rules)

    def clear(self, phone: str | None = None) -> int:
        """End the rules of a phone, or all; what they hold back is released. Return how many ended."""
        ended = [rule for rule in self.active() if phone in {None, rule.phone}]
        self._rules = [rule for rule in self._rules if rule not in ended]
        for rule in ended:
            rule.release()
        return len(ended)

    def release(self) -> None:
        """Let everything go its way that is kept back."""
        for rule in self.active():
            rule.release()

    def lose_held(self) -> None:
        """Lose every message that is kept back."""
        for rule in self.active():
            rule.lose()

    def deliver(self, message: Carriage) -> None:
        """Carry a message as the rules want it: now, later, twice, or never."""
        rule = self._take(_CARRIAGE, message.phone, message.peer, message.direction)
        if rule is None:
            message.carry()
        elif rule.kind is FaultKind.DROP:
            message.lose()
        elif rule.kind is FaultKind.DELAY:
            self._hold(rule, Held(message.hold(), message.lose))
        elif rule.kind is FaultKind.REORDER:
            self._reorder(rule, message)
        else:
            message.carry()
            message.carry()

    def acknowledge(self, phone: str, peer: str, acknowledge: Action) -> None:
        """Acknowledge a device's message, unless a rule forbids it or wants it later."""
        rule = self._take((FaultKind.NO_ACK, FaultKind.LATE_ACK), phone, peer, None)
        if rule is None:
            acknowledge()
        elif rule.kind is FaultKind.LATE_ACK:
            self._hold(rule, Held(acknowledge, _nothing))

    def refusal(self, phone: str, peer: str, *, stranger: Callable[[], bool]) -> int | None:
        """Return the error code with which a device's message is to be refused, or None.

        `stranger` says whether the contact never wrote to the account; it is asked only if it matters.
        """
        locks = self._fitting((FaultKind.REACHOUT_LOCK,), phone, peer, None)
        if locks and stranger():
            locks[0].take()
            return REACHOUT_LOCKED
        if self._beyond_limit(FaultKind.RATE_LIMIT, phone, peer):
            return RATE_OVERLIMIT
        rule = self._take((FaultKind.REFUSE,), phone, peer, None)
        return rule.code if rule else None

    def locks_strangers(self, phone: str) -> bool:
        """Say whether an account may not write to people who never wrote to it."""
        return bool(self._fitting((FaultKind.REACHOUT_LOCK,), phone, None, None))

    def refuses_request(self, phone: str) -> bool:
        """Say whether a request (IQ) is to be answered with 429."""
        return self._beyond_limit(FaultKind.RATE_LIMIT_REQUESTS, phone, None)

    def damages_message(self, phone: str, peer: str | None, direction: Direction) -> bool:
        """Say whether the ciphertext of a message to a device, or from one, is to be damaged."""
        return self._take((FaultKind.CORRUPT,), phone, peer, direction) is not None

    def damages_frame(self, phone: str, tag: str) -> bool:
        """Say whether the frame of a stanza is to fail authentication at the client."""
        for rule in self._fitting((FaultKind.CORRUPT_FRAME,), phone, None, None):
            if rule.stanza in {None, tag}:
                rule.take()
                return True
        return False

    def _hold(self, rule: Rule, held: Held) -> None:
        rule.hold(held)
        self._schedule.after(rule.delay, lambda: rule.let_go(held))

    def _reorder(self, rule: Rule, message: Carriage) -> None:
        if rule.taken == 1:
            self._schedule.after(rule.delay, rule.release)
        rule.hold(Held(message.hold(), message.lose))
        if rule.left == 0:
            rule.release()

    def _beyond_limit(self, kind: FaultKind, phone: str, peer: str | None) -> bool:
        for rule in self._fitting((kind,), phone, peer, None):
            if not (rule.limit and rule.within_limit(self._clock())):
                rule.take()
                return True
        return False

    def _take(
        self, kinds: tuple[FaultKind, ...], phone: str, peer: str | None, direction: Direction | None
    ) -> Rule | None:
        rule = next(iter(self._fitting(kinds, phone, peer, direction)), None)
        if rule is not None:
            rule.take()
        return rule

    def _fitting(
        self, kinds: tuple[FaultKind, ...], phone: str, peer: str | None, direction: Direction | None
    ) -> list[Rule]:
        if not self._rules:
            return []
        now = self._clock()
        return [
            rule
            for rule in self.active()
            if rule.kind in kinds and not rule.ended(now) and rule.concerns(phone, peer, direction)
        ]


def _nothing() -> None:
    """Do nothing: an acknowledgement that is lost leaves no trace."""
