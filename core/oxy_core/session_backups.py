"""Backups of sessions on the bus: their manifests, the form of their chunks, their keys, and when one is due.

A backup is the session's database: compressed with zlib, cut into parts of `PART_BYTES`, each encrypted for itself
(ChaCha20-Poly1305, RFC 8439), in as many messages. Then the pod reads all of it back from the platform and restores it
in a test. Only if that succeeds does it publish the manifest, without which there is no backup. One that was
interrupted is never continued: the next attempt has another id, so no nonce is used twice with one key.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from oxy_core.envelopes import Envelope
from oxy_core.errors import ContractError
from oxy_core.files import Sha256
from oxy_core.identity import InstanceName, NumberDigest, OrganizationName
from oxy_core.instance.session_states import Nonce
from oxy_core.models import StrictModel, TolerantModel

KEY_BYTES: Final = 32

PART_BYTES: Final = 256 << 10
"""Length of each part but the last, before it is encrypted."""

TAG_BYTES: Final = 16
"""By how much encryption lengthens a part (RFC 8439, 2.8)."""

MAX_CHUNKS: Final = 4_096
"""Most chunks of a backup: a GiB."""

MANIFEST: Final = "manifest"
"""Stands for a number in the subject of a backup's manifest."""

BACKUP_REFUSED_HEADER: Final = "Oxy-Backup-Refused"
"""Header of an answer to a `BackupChunkRequest` that is no chunk, and why it will not be."""

BACKUP_KEY_FILE: Final = "backup.key"
"""Name of an instance's backup keys in its Secret."""

FIRST_AFTER: Final = timedelta(minutes=10)
"""When the first backup of a session is due after its phone was linked: WhatsApp has its keys by then."""

_FORM: Final = b"oxy/backup/1/"

_KEY_ID: Final = 16
"""Hexadecimal digits of a key's id."""


class BackupManifest(Envelope):
    """What is known of a backup without its key. It is not secret, so it names neither the number nor the device."""

    id: UUID
    organization: OrganizationName
    instance: InstanceName
    number: NumberDigest
    """Of the phone that is linked."""
    device: Sha256
    """Digest of the linked device's address: a backup of another device cannot continue this one's session."""
    epoch: int = Field(ge=1)
    """Of the instance, when it was made."""
    journal_epoch: UUID | None = None
    made_at: AwareDatetime
    """By the pod's clock. Backups are ordered by their place in the stream instead."""
    linked_at: AwareDatetime | None = None
    """When that phone was linked."""
    request: Nonce | None = None
    """Which request it answers; None: it was due."""
    database_bytes: int = Field(ge=1)
    compressed_bytes: int = Field(ge=1, le=MAX_CHUNKS * PART_BYTES)
    sha256: Sha256
    """Of the compressed database."""
    chunks: int = Field(ge=1, le=MAX_CHUNKS)
    cipher: Literal["chacha20-poly1305"] = "chacha20-poly1305"
    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    library: Annotated[str, Field(max_length=64)]
    """Name and version of the library whose session it is."""
    volume: Annotated[str, Field(max_length=128)] | None = None
    """Uid of the claim that the session was on; None: an older pod made it."""
    leaving: bool | None = None
    """Whether its device was to be unlinked on the phone right after; None: an older pod made it."""


class BackupPlan(StrictModel):
    """When a pod makes backups; part of its settings."""

    enabled: bool = True
    every_hours: int = Field(default=24, ge=1)
    request: Nonce | None = None
    """The last request of a person; a pod that has not answered it makes a backup at once."""


class RestoreWish(StrictModel):
    """A backup to restore before the pod connects, once; part of its settings."""

    id: Annotated[str, Field(min_length=1, max_length=128)]
    """The volume keeps the ids of wishes that were carried out or refused."""
    manifest: BackupManifest
    force: bool = False
    """Whether it also replaces a session that is newer than the backup."""


class LeaveWish(StrictModel):
    """The instance is deleted with its session: make a last backup, then remove the device from the phone."""

    id: Annotated[str, Field(min_length=1, max_length=128)]


class BackupChunkRequest(TolerantModel):
    """A pod asks for a chunk of a backup (`oxy_core.subjects.restore_request`). Its bytes answer."""

    backup_id: UUID
    number: int = Field(ge=0, lt=MAX_CHUNKS)
    instance: InstanceName
    """Whose backup it is: the pod's own instance, or another of its organization that had the same number."""


def key_id(key: bytes) -> str:
    """Return what names a key without telling it."""
    return hashlib.sha256(_FORM + b"id/" + key).hexdigest()[:_KEY_ID]


def data_key(key: bytes, backup_id: UUID) -> bytes:
    """Return the key of one backup; `key` is its instance's."""
    return hmac.digest(key, _FORM + backup_id.bytes, "sha256")


def chunk_nonce(number: int) -> bytes:
    """Return the nonce of a chunk, counted from 0. The key is one backup's alone, so it is used once."""
    return number.to_bytes(12, "little")


def chunk_context(organization: str, instance: str, backup_id: UUID, number: int, chunks: int) -> bytes:
    """Return what a chunk is authenticated with: it fits no other place, no other backup, and no other count."""
    return f"oxy/backup/1/{organization}/{instance}/{backup_id}/{number}/{chunks}".encode()


def keys_text(keys: Mapping[str, bytes]) -> str:
    """Return the content of `BACKUP_KEY_FILE`: a line for each key, with its id; the first one encrypts."""
    return "".join(f"{name} {key.hex()}\n" for name, key in keys.items())


def keys_of(text: str) -> dict[str, bytes]:
    """Read what `keys_text` wrote; raises ContractError, which does not quote it."""
    try:
        lines = [line.split() for line in text.splitlines() if line.strip()]
        keys = {name: bytes.fromhex(key) for name, key in lines}
    except ValueError:
        keys = {}
    if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
        message = f"{BACKUP_KEY_FILE} holds no keys; the operator writes it anew if it is deleted from the Secret"
        raise ContractError(message)
    return keys


def next_backup_at(plan: BackupPlan, *, last_at: datetime | None, linked_at: datetime) -> datetime | None:
    """Return when the next backup is due without a request; None: never.

    `last_at` is when the last one of this device was made. A clock that was put back delays a backup by one interval
    at most: whoever asks takes a `last_at` or a `linked_at` later than now for none.
    """
    if not plan.enabled:
        return None
    return linked_at + FIRST_AFTER if last_at is None else last_at + timedelta(hours=plan.every_hours)
