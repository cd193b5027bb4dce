"""The epoch record: epoch, pairing window, how the connection ended; kept as annotations of the instance's claim.

The claim is the one object that outlives pods, restarts of the operator and the custom resource itself, so the status
can be lost and derived again. `next_record` is the instance's state machine: observations in, the next record out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from oxy_core.envelopes import ConnectionState, LiveState
from oxy_core.identity import number_digest
from oxy_core.instance.custom_resource import EPOCH_ANNOTATION, LINKED_ANNOTATION, PAIRING_UNTIL_ANNOTATION
from oxy_core.instance.pairing_window import PAIRING_WINDOW
from oxy_core.instance.session_states import RestoreOutcome
from oxy_core.instance.set_aside import (
    ENDED_ANNOTATION,
    PAIRED_ANNOTATION,
    SET_ASIDE_ANNOTATION,
    UNKNOWN,
    aside_moment,
    aside_text,
    set_aside_at,
)
from oxy_core.instance.terminal_causes import ExitCode, TerminalCause, terminal_cause
from oxy_core.session_backups import BackupManifest, RestoreWish
from oxy_core.times import utc_text
from oxy_operator.decide.backups import StoredBackup, unlinked_after
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.pod import Pod, Termination
from oxy_operator.decide.restores import RestorePin, asked_for, found_backup
from oxy_operator.lenient import plain_text, reason, utc_moment, whole_number

_INCARNATION: Final = "oxy.dev/incarnation"
_REPAIRED: Final = "oxy.dev/repaired"
_NUMBER: Final = "oxy.dev/number"
_RESTORE: Final = "oxy.dev/restore"

RECORD_ANNOTATIONS: Final = frozenset(
    {
        EPOCH_ANNOTATION,
        LINKED_ANNOTATION,
        PAIRING_UNTIL_ANNOTATION,
        PAIRED_ANNOTATION,
        ENDED_ANNOTATION,
        SET_ASIDE_ANNOTATION,
        _INCARNATION,
        _REPAIRED,
        _NUMBER,
        _RESTORE,
    }
)
"""Names of the annotations that hold a record."""


class EpochEnd(BaseModel):
    """How an epoch's connection ended for good; nothing connects again until a person acts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    epoch: int
    exit_code: int
    reason: str
    message: str
    """The runtime's explanation: what happened and what to do."""
    client_version: str = ""
    """The version that its client claimed to be; empty if it did not say."""
    image: str = ""
    """Of the pod that ended."""
    aside_before: str | None = None
    """What the record said of credentials set aside before this end (`aside_text`); None: an older one wrote this."""


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """The record as plain values."""

    epoch: int
    incarnation: str
    """uid of the custom resource that the claim serves."""
    paired: bool
    pairing_until: datetime | None
    repaired: str | None
    """Nonce of the last repair that was carried out."""
    ended: EpochEnd | None
    """Valid for its own epoch only; see `end`."""
    number: str
    """Digest of the number whose session the claim keeps; empty if it was never recorded."""
    restore: RestorePin | None = None
    """The backup that was last asked for."""
    set_aside: datetime | None = None
    """When credentials were last set aside on the volume, of a device that may still be linked; None: never."""
    linked: str | None = None
    """What `LINKED_ANNOTATION` says, which is valid for its own epoch only."""

    @classmethod
    def of(cls, annotations: Mapping[str, str]) -> Self | None:
        """Read a claim's annotations, which others may have changed; None if they hold no record."""
        epoch = whole_number(annotations.get(EPOCH_ANNOTATION))
        if epoch is None:
            return None
        return cls(
            epoch=epoch,
            incarnation=annotations.get(_INCARNATION, ""),
            paired=annotations.get(PAIRED_ANNOTATION) == "true",
            pairing_until=utc_moment(annotations.get(PAIRING_UNTIL_ANNOTATION)),
            repaired=annotations.get(_REPAIRED),
            ended=_end(annotations.get(ENDED_ANNOTATION)),
            number=annotations.get(_NUMBER, ""),
            restore=RestorePin.of(annotations.get(_RESTORE)),
            set_aside=set_aside_at(annotations),
            linked=annotations.get(LINKED_ANNOTATION),
        )

    @property
    def annotations(self) -> dict[str, str]:
        """The form that `of` reads."""
        optional = {
            PAIRING_UNTIL_ANNOTATION: utc_text(self.pairing_until) if self.pairing_until else None,
            _REPAIRED: self.repaired,
            LINKED_ANNOTATION: self.linked,
            ENDED_ANNOTATION: self.ended.model_dump_json() if self.ended else None,
            _RESTORE: self.restore.model_dump_json(exclude_none=True) if self.restore else None,
        }
        return {
            EPOCH_ANNOTATION: str(self.epoch),
            _INCARNATION: self.incarnation,
            PAIRED_ANNOTATION: "true" if self.paired else "false",
            SET_ASIDE_ANNOTATION: aside_text(self.set_aside),
            _NUMBER: self.number,
            **{name: value for name, value in optional.items() if value is not None},
        }

    @property
    def end(self) -> EpochEnd | None:
        """How the current epoch ended, if it did."""
        return self.ended if self.ended and self.ended.epoch == self.epoch else None

    @property
    def restoring(self) -> UUID | None:
        """Id of the backup that is to be restored, until the pod has done or refused it."""
        return self.restore.wish.manifest.id if self.restore is not None and not self.restore.settled else None

    def repair_required(self, now: datetime) -> bool:
        """Whether nothing connects any more until a repair: the epoch has ended, or no phone was linked in time."""
        return self.end is not None or not (self.paired or self.window_open(now))

    def lacks_backup(self, instance: Instance) -> bool:
        """Whether a backup is to be restored that is not known yet."""
        asked = asked_for(instance)
        return asked is not None and (self.restore is None or self.restore.asked != asked)

    def awaits_backup(self, instance: Instance) -> bool:
        """Whether it is not, and a pod could only offer codes."""
        return not self.paired and self.lacks_backup(instance)

    def window_open(self, now: datetime) -> bool:
        """Whether an unpaired runtime offers codes at `now`."""
        return self.pairing_until is not None and now < self.pairing_until


def _end(text: str | None) -> EpochEnd | None:
    try:
        end = EpochEnd.model_validate_json(text) if text else None
    except ValidationError:
        return None
    return end and end.model_copy(update={"message": plain_text(end.message)})


def next_record(  # noqa: PLR0913 every observation that counts
    instance: Instance,
    record: EpochRecord | None,
    *,
    known_epoch: int,
    pod: Pod | None,
    live: LiveState | None,
    now: datetime,
    backups: Sequence[StoredBackup] | None = None,
) -> EpochRecord:
    """Return the next record; equal to `record` if nothing happened.

    `known_epoch` is the highest epoch seen elsewhere (pod template, this process's memory): neither a new claim nor one
    that lost its annotations lowers the epoch. `live` is None unless it is current (`current_live_state`). `backups`
    are those that `restores.found_backup` reads.
    """
    current = _with_number(_begun(instance, record, known_epoch, now), instance)
    current = _with_set_aside(current, live, now)
    current = _with_restore(current, instance, backups, now)
    # A repair comes before what the pod reports: the present pod belongs to the epoch that the repair ends.
    if instance.repair_nonce is not None and instance.repair_nonce != current.repaired:
        return _repaired(current, instance.repair_nonce, pod, now)
    if pod is None or pod.epoch != current.epoch:
        return current
    if current.restore is not None:
        current = _with_regained(replace(current, restore=current.restore.answered(live)), live)
    termination = pod.ended(current.epoch)
    if current.end is None and termination is not None and terminal_cause(termination.exit_code) is not None:
        return _ended(instance, current, termination, pod.image, now)
    if pod.ready:
        # It connects only once the restore is settled: the phone has kept the device.
        pin = current.restore and current.restore.model_copy(update={"unlinked": False})
        return replace(current, paired=True, restore=pin, linked=_linked(current, live))
    if current.paired and live is not None and live.connection is ConnectionState.PAIRING:
        # A runtime of before set a damaged session aside and offers codes for a fresh one, within the same epoch.
        pin = current.restore and current.restore.model_copy(update={"epoch": None})
        window = _window_end(now)
        return replace(current, paired=False, pairing_until=window, restore=pin, set_aside=_noted(now), linked=None)
    return current


def _linked(record: EpochRecord, live: LiveState | None) -> str | None:
    """Return when the phone linked the device, as a connected pod tells: only then it has looked at the session."""
    is_connected = live is not None and live.connection is ConnectionState.CONNECTED
    told = live.session if live is not None and is_connected else None
    if told is None or told.device is None or told.linked_at is None:
        return record.linked
    return f"{record.epoch} {utc_text(told.linked_at)}"


def _begun(instance: Instance, record: EpochRecord | None, known_epoch: int, now: datetime) -> EpochRecord:
    """Begin a record for a new claim; in a new epoch, adopt a claim that an earlier instance of this name left."""
    repaired = instance.repair_nonce
    if record is None:
        return EpochRecord(
            epoch=max(known_epoch, 1),
            incarnation=instance.uid,
            paired=False,
            pairing_until=_window_end(now),
            repaired=repaired,
            ended=None,
            number="",
        )
    if record.incarnation != instance.uid:
        epoch = max(record.epoch, known_epoch) + 1
        return replace(
            record, epoch=epoch, incarnation=instance.uid, pairing_until=_window_end(now), repaired=repaired, ended=None
        )
    return record if record.epoch >= known_epoch else replace(record, epoch=known_epoch)


def _with_number(record: EpochRecord, instance: Instance) -> EpochRecord:
    """Keep the number of a linked session; without a session, record the number in the spec."""
    if record.paired and record.number:
        return record
    return replace(record, number=number_digest(instance.spec.phone_number))


def _with_set_aside(record: EpochRecord, live: LiveState | None, now: datetime) -> EpochRecord:
    """Date what was set aside while nobody noted it."""
    told = live.session if live is not None else None
    is_told = told is not None and bool(told.set_aside_bytes) and told.others_aside is not False
    if record.set_aside == UNKNOWN or (record.set_aside is None and is_told):
        return replace(record, set_aside=_noted(now))
    return record


def _with_regained(record: EpochRecord, live: LiveState | None) -> EpochRecord:
    """Take back that the device of the session that was replaced may stay linked: it is the one of the backup."""
    pin, told = record.restore, live.session if live is not None else None
    if pin is None or pin.aside_before is None or pin.epoch != record.epoch or told is None:
        return record
    if told.regained_by != pin.wish.id:
        return record
    restored = pin.model_copy(update={"aside_before": None})
    return replace(record, restore=restored, set_aside=aside_moment(pin.aside_before))


def _repaired(record: EpochRecord, nonce: str, pod: Pod | None, now: datetime) -> EpochRecord:
    """Open a window; in a new epoch, and so in a new pod, unless a pod runs that only waits for a phone."""
    waits = record.end is None and not record.paired and pod is not None and pod.waits_in(record.epoch)
    if waits:
        return replace(record, pairing_until=_window_end(now), repaired=nonce)
    return replace(record, epoch=record.epoch + 1, pairing_until=_window_end(now), repaired=nonce, ended=None)


def _with_restore(
    record: EpochRecord, instance: Instance, backups: Sequence[StoredBackup] | None, now: datetime
) -> EpochRecord:
    """Pin the backup that the spec asks for, in a new epoch: its pod restores it before it connects."""
    asked = asked_for(instance)
    if instance.is_unread("session"):
        return record
    if asked is None:
        return replace(record, restore=None)
    if record.restore is not None and record.restore.asked == asked:
        return record
    manifest, wanted = found_backup(instance, backups), instance.spec.session.restore_from
    if not isinstance(manifest, BackupManifest) or wanted is None:
        return record
    epoch = record.epoch + 1
    # The same again if the pin is lost, as after a rollback: then the volume remembers that it was carried out.
    wish_id = f"{manifest.id}/{instance.uid}/{instance.generation}"
    wish = RestoreWish(id=wish_id, manifest=manifest, force=wanted.force)
    unlinked = manifest.id in unlinked_after(backups or ())
    before = record.end.aside_before if record.end is not None else None
    pin = RestorePin(
        asked=asked,
        wish=wish,
        request=wanted.request,
        epoch=epoch,
        stored_at=next(backup.stored_at for backup in backups or () if backup.manifest.id == manifest.id),
        unlinked=unlinked,
        aside_before=before or aside_text(record.set_aside),
    )
    set_aside = _noted(now) if record.paired else record.set_aside
    window = _window_end(now)
    return replace(record, epoch=epoch, pairing_until=window, ended=None, restore=pin, set_aside=set_aside)


def _ended(instance: Instance, record: EpochRecord, termination: Termination, image: str, now: datetime) -> EpochRecord:
    message = termination.message
    cause = terminal_cause(termination.exit_code, message.reason if message else "")
    ended = EpochEnd(
        epoch=record.epoch,
        exit_code=termination.exit_code,
        reason=reason(message.reason, "") if message else "",
        message=_explained(instance, record, cause, plain_text(message.message) if message else ""),
        client_version=(message.client_version or "") if message else "",
        image=image,
        aside_before=aside_text(record.set_aside),
    )
    unpairs = cause is not None and cause.unpairs
    set_aside = _noted(now) if cause is not None and cause.sets_aside else record.set_aside
    return replace(record, ended=ended, paired=record.paired and not unpairs, set_aside=set_aside)


def _explained(instance: Instance, record: EpochRecord, cause: TerminalCause | None, said: str) -> str:
    """Return what the runtime said, unless it could not know that Oxy itself had the device removed."""
    pin = record.restore
    own = pin is not None and pin.unlinked and pin.epoch == record.epoch and pin.outcome is RestoreOutcome.RESTORED
    if pin is None or not own or cause is None or cause.exit_code != ExitCode.LOGGED_OUT:
        return said
    return (
        f"The device of backup {pin.wish.manifest.id}, which was restored, is not linked any more: Oxy had it unlinked "
        "on the phone once the backup was made, because its instance was deleted with deletionPolicy Delete. "
        f"{cause.advise(instance.place)}"
    )


def _window_end(now: datetime) -> datetime:
    """Return the end of a window that opens now, in whole seconds, as annotations store times."""
    return now.astimezone(UTC).replace(microsecond=0) + PAIRING_WINDOW


def _noted(now: datetime) -> datetime:
    """Return `now` in whole seconds, rounded up: a backup of just before is not newer."""
    return datetime.fromtimestamp(math.ceil(now.timestamp()), UTC)
