"""App state: the encrypted settings (push name, …) that an account's devices share.

The phone authors patches, the server keeps them in order, and companions fetch them and check
every MAC. Source: whatsmeow `appstate/keys.go`, `appstate/hash.go` and `appstate/encode.go`.
"""

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from pydantic import ConfigDict

from oxy_simulator.kdf import cbc_encrypt, hkdf, hmac_sha256, hmac_sha512
from oxy_simulator.proto.sync_pb2 import (
    KeyId,
    SyncActionData,
    SyncActionValue,
    SyncdIndex,
    SyncdMutation,
    SyncdPatch,
    SyncdRecord,
    SyncdValue,
    SyncdVersion,
)
from oxy_simulator.stored import STORED

PUSH_NAME_COLLECTION: Final = "critical_block"
PUSH_NAME_INDEX: Final = ("setting_pushName",)
HASH_SIZE: Final = 128

_KEY_SIZE: Final = 32  # this and what is around it: whatsmeow `appstate/keys.go` and `appstate/lthash`
_IV_SIZE: Final = 16
_LANES: Final = struct.Struct(f"<{HASH_SIZE // 2}H")


@dataclass(frozen=True, slots=True)
class MutationKeys:
    """The five keys that one app state key expands to."""

    index: bytes
    cipher: bytes
    value_mac: bytes
    snapshot_mac: bytes
    patch_mac: bytes

    @classmethod
    def expand(cls, key: bytes) -> "MutationKeys":
        """Expand an app state sync key."""
        output = hkdf(key, None, b"WhatsApp Mutation Keys", 5 * _KEY_SIZE)
        return cls(*(output[start : start + _KEY_SIZE] for start in range(0, len(output), _KEY_SIZE)))


@dataclass(slots=True)
class Collection:
    """One named list of patches with its running hash."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    version: int = 0
    hash: bytes = bytes(HASH_SIZE)
    patches: list[bytes] = field(default_factory=list)
    value_macs: dict[str, bytes] = field(default_factory=dict)

    def append_foreign(self, patch: bytes) -> int:
        """Keep a patch that a companion authored and return its version."""
        self.version += 1
        parsed = SyncdPatch.FromString(patch)
        parsed.version.version = self.version
        self.patches.append(parsed.SerializeToString())
        return self.version


@dataclass(slots=True)
class AppState:
    """The app state of one account: its key, which the phone shares, and its collections."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    key: bytes = field(default_factory=lambda: os.urandom(_KEY_SIZE))
    key_id: bytes = field(default_factory=lambda: b"\0\1" + os.urandom(4))
    collections: dict[str, Collection] = field(default_factory=dict)

    def collection(self, name: str) -> Collection:
        """Return a collection, empty if nothing was written to it."""
        return self.collections.setdefault(name, Collection())

    def set_push_name(self, name: str, timestamp: int) -> None:
        """Write the patch that sets the account's push name; timestamp in milliseconds."""
        value = SyncActionValue(timestamp=timestamp)
        value.push_name_setting.name = name
        self.author(PUSH_NAME_COLLECTION, PUSH_NAME_INDEX, value)

    def author(self, name: str, index: Sequence[str], value: SyncActionValue) -> None:
        """Append the phone's patch that sets one value."""
        keys, collection = MutationKeys.expand(self.key), self.collection(name)
        encoded_index = json.dumps(list(index), separators=(",", ":")).encode()
        action = SyncActionData(index=encoded_index, value=value, padding=b"", version=1)
        blob = seal_value(keys, self.key_id, action.SerializeToString())
        index_mac, value_mac = hmac_sha256(keys.index, encoded_index), blob[-_KEY_SIZE:]
        old = collection.value_macs.get(index_mac.hex())
        collection.hash = update_hash(collection.hash, [old] if old else [], [value_mac])
        collection.value_macs[index_mac.hex()] = value_mac
        collection.version += 1
        patch = self._seal_patch(keys, name, collection, value_mac)
        patch.mutations.append(self._mutation(index_mac, blob))
        collection.patches.append(patch.SerializeToString())

    def _mutation(self, index_mac: bytes, blob: bytes) -> SyncdMutation:
        record = SyncdRecord(
            index=SyncdIndex(blob=index_mac), value=SyncdValue(blob=blob), key_id=KeyId(id=self.key_id)
        )
        return SyncdMutation(operation=SyncdMutation.SET, record=record)

    def _seal_patch(self, keys: MutationKeys, name: str, collection: Collection, value_mac: bytes) -> SyncdPatch:
        suffix = collection.version.to_bytes(8, "big") + name.encode()
        snapshot_mac = hmac_sha256(keys.snapshot_mac, collection.hash + suffix)
        return SyncdPatch(
            version=SyncdVersion(version=collection.version),
            key_id=KeyId(id=self.key_id),
            snapshot_mac=snapshot_mac,
            patch_mac=hmac_sha256(keys.patch_mac, snapshot_mac + value_mac + suffix),
        )


def seal_value(keys: MutationKeys, key_id: bytes, plaintext: bytes) -> bytes:
    """Encrypt a value and append its MAC (operation SET)."""
    iv = os.urandom(_IV_SIZE)
    ciphertext = iv + cbc_encrypt(keys.cipher, iv, plaintext)
    associated = b"\x01" + key_id
    length = len(associated).to_bytes(8, "big")
    return ciphertext + hmac_sha512(keys.value_mac, associated + ciphertext + length)[:_KEY_SIZE]


def update_hash(current: bytes, removed: Sequence[bytes], added: Sequence[bytes]) -> bytes:
    """Subtract and add value MACs to the summation hash (LT hash over 16-bit lanes)."""
    lanes = list(_LANES.unpack(current))
    for macs, sign in ((removed, -1), (added, 1)):
        for mac in macs:
            expanded = _LANES.unpack(hkdf(mac, None, b"WhatsApp Patch Integrity", HASH_SIZE))
            lanes = [(lane + sign * delta) & 0xFFFF for lane, delta in zip(lanes, expanded, strict=True)]
    return _LANES.pack(*lanes)
