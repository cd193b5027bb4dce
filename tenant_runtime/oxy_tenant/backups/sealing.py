"""Encrypts and decrypts the parts of a backup (RFC 8439)."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from nacl.bindings import (
    crypto_aead_chacha20poly1305_ietf_decrypt as decrypt,
)
from nacl.bindings import (
    crypto_aead_chacha20poly1305_ietf_encrypt as encrypt,
)
from nacl.exceptions import CryptoError

from oxy_core.errors import ContractError
from oxy_core.session_backups import chunk_context, chunk_nonce, data_key, keys_of
from oxy_tenant.errors import BackupDamagedError, BackupKeyError


@dataclass(frozen=True, slots=True)
class Seal:
    """What encrypts the parts of one backup."""

    key: bytes
    """Of this backup alone."""
    organization: str
    instance: str
    backup: UUID
    chunks: int

    def close(self, number: int, part: bytes) -> bytes:
        """Return a part encrypted; each number may be used once."""
        return encrypt(part, self._context(number), chunk_nonce(number), self.key)

    def open(self, number: int, chunk: bytes) -> bytes:
        """Return a part; raises BackupDamagedError if it is not what was encrypted in this place."""
        try:
            return decrypt(chunk, self._context(number), chunk_nonce(number), self.key)
        except (CryptoError, ValueError, TypeError) as error:
            message = f"chunk {number} of backup {self.backup} is damaged, or encrypted with another key"
            raise BackupDamagedError(message) from error

    def _context(self, number: int) -> bytes:
        return chunk_context(self.organization, self.instance, self.backup, number, self.chunks)


def read_keys(file: Path | None) -> dict[str, bytes]:
    """Return the instance's backup keys by their ids; the first one encrypts. Raises BackupKeyError."""
    if file is None:
        message = "the operator has given this pod no key for backups; an older version of it does not"
        raise BackupKeyError(message)
    try:
        return keys_of(file.read_text())
    except (OSError, UnicodeError) as error:
        message = f"the key for backups cannot be read: {error}"
        raise BackupKeyError(message) from error
    except ContractError as error:
        raise BackupKeyError(str(error)) from error


def key_of_backup(keys: dict[str, bytes], key_id: str, backup: UUID) -> bytes:
    """Return the key of one backup; raises BackupKeyError if this instance does not have the key that it names."""
    if key_id not in keys:
        message = f"backup {backup} is encrypted with key {key_id}, which this instance does not have"
        raise BackupKeyError(message)
    return data_key(keys[key_id], backup)
