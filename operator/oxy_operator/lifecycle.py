"""What an instance remembers: epoch, pairing window, how its connection ended. Kept as annotations of its claim.

The claim is the one object that outlives pods, restarts of the operator and the custom resource itself, so status can
be lost and made again. All decisions are pure: facts in, the next `Memory` out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from oxy_core.envelopes import ConnectionState, LiveState
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.times import utc_text
from oxy_operator.numbers import number_digest
from oxy_operator.pod import EPOCH, Pod, Termination
from oxy_operator.resource import Instance

PAIRING_WINDOW: Final = timedelta(minutes=15)
"""How long an unpaired runtime offers codes after creation or a repair."""

_INCARNATION: Final = "oxy.dev/incarnation"
_PAIRED: Final = "oxy.dev/paired"
_PAIRING_UNTIL: Final = "oxy.dev/pairing-until"
_REPAIRED: Final = "oxy.dev/repaired"
_ENDED: Final = "oxy.dev/ended"
_NUMBER: Final = "oxy.dev/number"

_UNPAIRING: Final = (ExitCode.LOGGED_OUT, ExitCode.BAD_SESSION)
"""Ends after which the phone must be linked again."""


class Ended(BaseModel):
    """How a connection ended for good; a person has to act."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    epoch: int
    exit_code: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What the claim's annotations say."""

    epoch: int
    incarnation: str
    """uid of the custom resource that the claim serves."""
    paired: bool
    pairing_until: datetime | None
    repaired: str | None
    """The last nonce of the annotation oxy.dev/repair that was carried out."""
    ended: Ended | None
    """Counts for its own epoch only."""
    number: str
    """Digest of the number whose session the claim keeps; empty where an older version wrote it down."""

    @classmethod
    def of(cls, annotations: Mapping[str, str]) -> Self | None:
        """Read a claim's annotations; None if they hold no memory."""
        epoch = annotations.get(EPOCH, "")
        if not epoch.isdigit():
            return None
        return cls(
            epoch=int(epoch),
            incarnation=annotations.get(_INCARNATION, ""),
            paired=annotations.get(_PAIRED) == "true",
            pairing_until=_time(annotations.get(_PAIRING_UNTIL)),
            repaired=annotations.get(_REPAIRED),
            ended=_ended(annotations.get(_ENDED)),
            number=annotations.get(_NUMBER, ""),
        )

    @property
    def annotations(self) -> dict[str, str]:
        """The form that `of` reads."""
        optional = {
            _PAIRING_UNTIL: utc_text(self.pairing_until) if self.pairing_until else None,
            _REPAIRED: self.repaired,
            _ENDED: self.ended.model_dump_json() if self.ended else None,
        }
        return {
            EPOCH: str(self.epoch),
            _INCARNATION: self.incarnation,
            _PAIRED: "true" if self.paired else "false",
            _NUMBER: self.number,
            **{name: value for name, value in optional.items() if value is not None},
        }

    @property
    def end(self) -> Ended | None:
        """How the current epoch ended, if it did."""
        return self.ended if self.ended and self.ended.epoch == self.epoch else None

    def window_open(self, now: datetime) -> bool:
        """Whether an unpaired runtime offers codes."""
        return self.pairing_until is not None and now < self.pairing_until


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _ended(text: str | None) -> Ended | None:
    try:
        return Ended.model_validate_json(text) if text else None
    except ValidationError:
        return None


def next_memory(  # noqa: PLR0913 every fact that counts
    instance: Instance,
    memory: Memory | None,
    *,
    known_epoch: int,
    pod: Pod | None,
    live: LiveState | None,
    now: datetime,
) -> Memory:
    """Return what to remember from now on; the same as `memory` when nothing happened.

    `known_epoch` is the highest epoch seen anywhere else (the pod template): a claim that lost its annotations, or a
    new claim, never goes back behind it. `live` counts only if it is the current pod's and fresh.
    """
    current = _numbered(_begun(instance, memory, known_epoch, now), instance)
    if instance.repair_nonce is not None and instance.repair_nonce != current.repaired:
        return _repaired(current, instance.repair_nonce, now)
    if pod is None or pod.epoch != current.epoch:
        return current
    termination = pod.ended(current.epoch)
    if current.end is None and termination is not None and _is_final(termination.exit_code):
        return _after_end(current, termination)
    if pod.ready:
        return current if current.paired else replace(current, paired=True)
    if current.paired and live is not None and live.connection is ConnectionState.PAIRING:
        # The runtime set a broken session aside and started a fresh one.
        return replace(current, paired=False, pairing_until=_window(now))
    return current


def _begun(instance: Instance, memory: Memory | None, known_epoch: int, now: datetime) -> Memory:
    """Begin with the custom resource; a claim kept from an earlier one goes on with its session in a new epoch."""
    repaired = instance.repair_nonce
    if memory is None:
        epoch = max(known_epoch, 1)
        return Memory(
            epoch, instance.uid, paired=False, pairing_until=_window(now), repaired=repaired, ended=None, number=""
        )
    if memory.incarnation != instance.uid:
        epoch = max(memory.epoch, known_epoch) + 1
        return replace(
            memory, epoch=epoch, incarnation=instance.uid, pairing_until=_window(now), repaired=repaired, ended=None
        )
    return memory if memory.epoch >= known_epoch else replace(memory, epoch=known_epoch)


def _numbered(memory: Memory, instance: Instance) -> Memory:
    """Keep the number of a linked session, whatever the instance says; without a session, the instance's counts."""
    if memory.paired and memory.number:
        return memory
    return replace(memory, number=number_digest(instance.spec.phone_number))


def _repaired(memory: Memory, nonce: str, now: datetime) -> Memory:
    return replace(memory, epoch=memory.epoch + 1, pairing_until=_window(now), repaired=nonce, ended=None)


def _is_final(exit_code: int) -> bool:
    return exit_code in set(ExitCode) and ExitCode(exit_code).ends_epoch


def _after_end(memory: Memory, termination: Termination) -> Memory:
    message = termination.message
    ended = Ended(
        epoch=memory.epoch,
        exit_code=termination.exit_code,
        reason=message.reason if message else "",
        message=message.message if message else "",
    )
    return replace(memory, ended=ended, paired=memory.paired and termination.exit_code not in _UNPAIRING)


def _window(now: datetime) -> datetime:
    """End of a window that opens now, in whole seconds, as it is written down."""
    return now.astimezone(UTC).replace(microsecond=0) + PAIRING_WINDOW
