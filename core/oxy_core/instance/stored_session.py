"""What a pod tells of the session that it keeps on its volume, and of the volume."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from oxy_core.models import TolerantModel


class VolumeProblem(StrEnum):
    """What is wrong with the room on a volume; each is the reason of a condition."""

    VOLUME_FULL = "VolumeFull"
    """Less is free than the pod needs to be safe: it does not connect, so that WhatsApp keeps what arrives."""
    JOURNAL_FULL = "JournalFull"
    """What the bus has not taken yet fills the journal's share of the volume: the pod does not connect either."""
    JOURNAL_TRIMMED = "JournalTrimmed"
    """The journal keeps less than a week of what the bus has taken, so that it stays within its share."""
    SESSION_NOT_COPIED = "SessionNotCopied"
    """A copy of the session would take room that the pod needs to be safe; its last copy, if any, stays as it was."""

    @property
    def stops(self) -> bool:
        """Whether the pod stays disconnected until there is room."""
        return self in {VolumeProblem.VOLUME_FULL, VolumeProblem.JOURNAL_FULL}


class SessionFacts(TolerantModel):
    """What a session holds. It has no secrets, no numbers and no names."""

    linked_at: AwareDatetime | None = None
    """When the phone linked this device; None: it did so under a version that did not note it."""
    device: int | None = Field(default=None, ge=0)
    """Number of this device on the account; None: none is linked."""
    library_version: str | None = None
    """Version of the library that last used the session."""
    messages: int | None = Field(default=None, ge=0)
    """Messages received that the journal remembers."""
    peers: int | None = Field(default=None, ge=0)
    """Other devices with which it has a ratchet."""
    set_aside_bytes: int | None = Field(default=None, ge=0)
    """Size of the sessions that were set aside, which only a person deletes."""
    others_aside: bool | None = None
    """Whether one of them may be of another device; not what is left of a missing one, which the pod's end has told."""
    regained_by: str | None = None
    """The wish whose backup brought back the very device that the session had before; None: the last one did not."""
    checked_at: AwareDatetime | None = None
    """When it was last found to be intact."""
    restored_at: AwareDatetime | None = None
    """When a backup was last restored here."""
