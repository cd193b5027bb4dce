"""``metadata.json`` on the session volume: whose session it is, and what was done with it. It has no secrets.

It is written whole, beside the old one, and put in its place: whoever reads it sees the one or the other.
"""

import os
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from oxy_core.files import Sha256
from oxy_core.identity import InstanceName, NumberDigest, OrganizationName
from oxy_core.instance.session_states import CauseName, Detail, Nonce, RestoreOutcome, RestoreState
from oxy_core.instance.terminal_causes import TERMINAL_CAUSES, terminal_cause
from oxy_core.tenant import TerminationMessage

METADATA_FILE: Final = "metadata.json"

SESSION_MISSING: Final = "SessionMissing"

BAD_SESSION: Final = "BadSession"

_FORMERLY: Final[Mapping[str, str]] = {"SessionDamaged": BAD_SESSION}
"""Reasons by those that older versions noted."""

MOST_KEPT: Final = 32
"""Restores and epochs that are remembered; nobody has so many."""

log = structlog.get_logger()


class _Part(BaseModel):
    # A newer version may have written more. It is kept.
    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)


class LastBackup(_Part):
    """The last backup that counts."""

    id: UUID
    made_at: AwareDatetime
    device: Sha256
    """Of which device it is."""
    request: Nonce | None = None
    bytes: int = Field(ge=0)
    """On the bus."""
    chunks: int | None = Field(default=None, ge=1)
    """In which it is there; None: an older version made it, and has reported it."""


class RestoreRecord(_Part):
    """A wish to restore a backup that was carried out, or refused."""

    wish: str
    backup: UUID
    outcome: RestoreOutcome
    at: AwareDatetime
    reason: CauseName | None = None
    detail: Detail = ""
    forced: bool = False
    newest_secret: int = 0
    """Newest row of message secrets that the restored session has."""
    same_device: bool = False
    """Whether it is the device that the session had before, as far as that was noted."""
    device_before: bool = True
    """Whether the session that it replaced may have held a device; an older version did not look."""

    @property
    def state(self) -> RestoreState:
        """What the live state says of it."""
        return RestoreState(wish=self.wish, outcome=self.outcome, at=self.at, reason=self.reason, detail=self.detail)


class EpochBegun(_Part):
    """An epoch of the instance that used this volume."""

    epoch: int
    at: AwareDatetime
    journal: UUID | None = None
    """The journal that it wrote first."""


class GivenUp(_Part):
    """That the linked device is about to go, written before it does: whoever finds it gone knows why."""

    reason: CauseName
    """Of a terminal cause, which ends the epoch; or another, after which a phone is linked again."""
    epoch: int
    at: AwareDatetime


class SessionMetadata(_Part):
    """What ``metadata.json`` says."""

    version: int = 1
    organization: OrganizationName
    instance: InstanceName
    number: NumberDigest | None = None
    """Of the phone that is linked, or was last."""
    device: int | None = None
    """Number of the linked device on that phone's account."""
    device_digest: Sha256 | None = None
    """Of the device that the session had when it was last looked at."""
    device_epoch: int = 0
    """In which epoch that was; 0: an older version did not note it."""
    given_up: GivenUp | None = None
    linked_at: AwareDatetime | None = None
    """When the phone was linked; None: nobody noted it."""
    library: str | None = None
    """Name and version of the library that last used the session."""
    checked_at: AwareDatetime | None = None
    """When the session was last found to be intact."""
    epochs: tuple[EpochBegun, ...] = ()
    last_backup: LastBackup | None = None
    answered_request: Nonce | None = None
    """The last request for a backup that was answered."""
    restores: tuple[RestoreRecord, ...] = ()

    def settled(self, wish: str) -> RestoreRecord | None:
        """Return what became of a wish; None: it is to be carried out."""
        return next((record for record in self.restores if record.wish == wish), None)

    def why_gone(self, epoch: int, ended: TerminationMessage | None) -> str | None:
        """Return why the session has no device any more, the reason of a terminal cause, if nobody has been told yet.

        None: it is not known to have had one, or its end was told, and since then a person has asked for a new epoch.
        `ended` is how the last epoch of this volume ended that did.
        """
        given_up = self.given_up
        if given_up is not None and given_up.reason in {SESSION_MISSING, BAD_SESSION} and given_up.epoch >= epoch:
            return given_up.reason
        if self.device_digest is None:
            return None
        if given_up is not None:
            reason = _FORMERLY.get(given_up.reason, given_up.reason)
            return reason if given_up.epoch >= epoch and reason in TERMINAL_CAUSES else None
        return None if ended is not None and ended.epoch >= self.device_epoch and unpaired(ended) else SESSION_MISSING

    @property
    def has_device(self) -> bool:
        """Whether the session is to hold a device: one is known, and nobody has given it up."""
        return self.device_digest is not None and self.given_up is None

    @property
    def restored(self) -> RestoreRecord | None:
        """The last restore that was carried out."""
        done = (record for record in reversed(self.restores) if record.outcome is RestoreOutcome.RESTORED)
        return next(done, None)

    def with_restore(self, record: RestoreRecord) -> Self:
        """Return this with one more restore."""
        return self.model_copy(update={"restores": (*self.restores, record)[-MOST_KEPT:]})

    def with_epoch(self, epoch: int, at: datetime, journal: UUID) -> Self:
        """Return this with an epoch, unless it is the last one already."""
        if self.epochs and self.epochs[-1].epoch == epoch:
            return self
        begun = EpochBegun(epoch=epoch, at=at, journal=journal)
        return self.model_copy(update={"epochs": (*self.epochs, begun)[-MOST_KEPT:]})


def unpaired(ended: TerminationMessage) -> bool:
    """Whether no device is left of an epoch that ended so, or, if only a newer version knows, perhaps none."""
    cause = terminal_cause(ended.exit_code, ended.reason)
    return cause is None or cause.unpairs


class MetadataFile:
    """The file in a session's folder. Methods may be called from any thread."""

    def __init__(self, folder: Path, organization: OrganizationName, instance: InstanceName) -> None:
        """Read the file; one that is missing or unreadable counts as empty, and `lost` says that it was unreadable."""
        self.folder = folder
        self._path = folder / METADATA_FILE
        self._writing = threading.RLock()
        self.lost = False
        empty = SessionMetadata(organization=organization, instance=instance)
        self.current = self._read(empty)
        """What it says, or will as soon as it can be written."""
        self._written = self.current

    def _read(self, empty: SessionMetadata) -> SessionMetadata:
        try:
            found = SessionMetadata.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return empty
        except (OSError, ValidationError) as error:
            self.lost = True
            log.error("metadata_unreadable", error=type(error).__name__)  # noqa: TRY400 the message would quote it
            return empty
        if (found.organization, found.instance) != (empty.organization, empty.instance):
            log.error("metadata_of_another_instance", owner=f"{found.organization}/{found.instance}")
            return empty
        return found

    def note(self, **changes: Any) -> bool:  # noqa: ANN401 the fields of SessionMetadata
        """Change fields, if they differ; return whether they are on disk.

        A file that cannot be written is only logged: it is written again later.
        """
        try:
            with self._writing:
                self.keep(self.current.model_copy(update=changes))
        except OSError as error:
            log.warning("metadata_not_written", error=os.strerror(error.errno or 0))
            return False
        return True

    def keep(self, metadata: SessionMetadata) -> None:
        """Replace what the file says, on disk; raises OSError."""
        with self._writing:
            self.current = metadata
            if metadata == self._written:
                return
            new = self._path.with_suffix(".new")
            with new.open("wb") as file:
                file.write(metadata.model_dump_json(exclude_none=True, indent=2).encode())
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            self._written = metadata
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
