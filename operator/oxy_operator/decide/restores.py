"""Restoring a session's backup because ``spec.session.restoreFrom`` says so: once, and only one that fits. Pure.

The record pins what that field stands for, so that ``latest`` does not become another backup every day. A changed field
is a new wish, and so is one that was taken away and set again.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from oxy_core.envelopes import LiveState
from oxy_core.identity import number_digest
from oxy_core.instance.session_states import RestoreOutcome
from oxy_core.session_backups import BackupManifest, RestoreWish
from oxy_operator.decide.backups import StoredBackup, unlinked_after
from oxy_operator.decide.instance import LATEST, Instance, RestoreSpec
from oxy_operator.lenient import plain_text
from oxy_operator.problems import Problem

UNFIT: Final = frozenset({"BackupNotFound", "BackupOfAnotherNumber", "DeviceUnlinked"})
"""Reasons of `found_backup` for which a backup is not restored; the other one passes by itself."""


class RestorePin(BaseModel):
    """What a wish to restore stands for, and what became of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    asked: str
    """Digest of the field."""
    wish: RestoreWish
    request: str | None = None
    """`RestoreSpec.request`."""
    epoch: int | None = None
    """In which it is, or was, restored; None: an older operator pinned it, or the session was replaced since."""
    stored_at: AwareDatetime | None = None
    """When the backup was stored, which is the time that people know it by; None: an older operator pinned it."""
    unlinked: bool = False
    """Whether the backup's device was to be unlinked on the phone once it was made."""
    aside_before: str | None = None
    """What the record said of credentials set aside before it lost the session that this replaces (`aside_text`).

    None: an older operator pinned it, or the record says that again.
    """
    outcome: RestoreOutcome | None = None
    reason: str = ""
    detail: str = ""
    at: AwareDatetime | None = None

    @classmethod
    def of(cls, text: str | None) -> "RestorePin | None":
        """Read an annotation, which others may have changed."""
        try:
            # A newer operator may have written more of it.
            return cls.model_validate_json(text, extra="ignore") if text else None
        except ValidationError:
            return None

    @property
    def settled(self) -> bool:
        """Whether the pod goes on without restoring anything more."""
        return self.outcome in {RestoreOutcome.RESTORED, RestoreOutcome.REFUSED}

    def answered(self, live: LiveState | None) -> "RestorePin":
        """Return the pin with what the pod says of it."""
        said = live.restore if live else None
        settles = said is not None and said.outcome is not RestoreOutcome.WAITING
        if said is None or said.wish != self.wish.id or self.settled or not settles:
            return self
        return self.model_copy(
            update={"outcome": said.outcome, "reason": said.reason or "", "detail": said.detail, "at": said.at}
        )


def source_of(instance: Instance) -> str:
    """Return the name of the instance whose backup is to be restored."""
    wanted = instance.spec.session.restore_from
    return (wanted and wanted.instance) or instance.name


def asked_for(instance: Instance) -> str | None:
    """Return the digest of what the spec asks to restore; None: nothing."""
    wanted = instance.spec.session.restore_from
    if wanted is None:
        return None
    # Without a request it is as before there were any: a release must not restore everything once more.
    fields = wanted.model_dump_json(exclude={"request"} if wanted.request is None else None)
    return hashlib.sha256(fields.encode()).hexdigest()[:16]


def found_backup(instance: Instance, backups: Sequence[StoredBackup] | None) -> BackupManifest | Problem | None:
    """Return the backup that the spec asks for, why there is none, or None if it asks for none.

    `backups` are those of `source_of`, newest first; None: the bus has not said. The latest is one whose device was not
    unlinked, if there is any; another one is restored by its id only if a person insists.
    """
    wanted = instance.spec.session.restore_from
    if wanted is None:
        return None
    if backups is None:
        return Problem("BusUnavailable", "NATS has not listed the backups yet. Oxy retries automatically.")
    fitting = [backup.manifest for backup in backups if _fits(instance, backup.manifest)]
    unlinked = unlinked_after(backups)
    named = [manifest for manifest in fitting if wanted.backup_id in {LATEST, str(manifest.id)}]
    found = next((manifest for manifest in named if manifest.id not in unlinked), next(iter(named), None))
    if found is None:
        return _missing(instance, wanted, backups)
    needs_word = found.id in unlinked and wanted.backup_id != LATEST and not wanted.force
    return _unlinked(instance, found) if needs_word else found


def _unlinked(instance: Instance, manifest: BackupManifest) -> Problem:
    message = (
        f"The device of backup {manifest.id} was to be unlinked on the phone once it was made, because its instance "
        "was deleted with deletionPolicy Delete. If it was, WhatsApp would end the session at once. Remove "
        f"spec.session.restoreFrom and link the phone: oxy pair {instance.place}. To restore it all the same, as after "
        "the event DeviceStillLinked, set spec.session.restoreFrom.force."
    )
    return Problem("DeviceUnlinked", message)


def _fits(instance: Instance, manifest: BackupManifest) -> bool:
    spec = instance.spec
    return (manifest.organization, manifest.number) == (spec.organization_id, number_digest(spec.phone_number))


def _missing(instance: Instance, wanted: RestoreSpec, backups: Sequence[StoredBackup]) -> Problem:
    others = [backup for backup in backups if wanted.backup_id in {LATEST, str(backup.manifest.id)}]
    if others:
        message = (
            "spec.session.restoreFrom names a backup of another number. A session belongs to the number that it is "
            "linked with: name a backup of this one, or remove the field and link the phone."
        )
        return Problem("BackupOfAnotherNumber", message)
    source, named = source_of(instance), "" if wanted.backup_id == LATEST else f" {plain_text(wanted.backup_id)}"
    organization = instance.spec.organization_id
    whose = f" --organization {organization}" if source != instance.name else ""
    lists = f"show {source} -n {instance.namespace}{whose}" if backups else "list -A"
    message = (
        f"spec.session.restoreFrom: organization {organization} has no backup{named} of an instance {source}. Those of "
        "another instance are named by restoreFrom.instance; to link the phone instead, remove "
        f"spec.session.restoreFrom. To see which there are, run: oxy sessions {lists}"
    )
    return Problem("BackupNotFound", message)
