import hashlib
import hmac
import json

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from oxy_simulator.appstate import HASH_SIZE, AppState, MutationKeys, update_hash
from oxy_simulator.proto.sync_pb2 import SyncActionData, SyncdPatch


def test_a_patch_can_be_checked_and_read_as_clients_do() -> None:
    state = AppState()
    state.set_push_name("Clínica", 1_700_000_000_000)
    keys = MutationKeys.expand(state.key)
    patch = SyncdPatch.FromString(state.collections["critical_block"].patches[0])
    record = patch.mutations[0].record
    content, value_mac = record.value.blob[:-32], record.value.blob[-32:]

    associated = b"\x01" + state.key_id
    message = associated + content + len(associated).to_bytes(8, "big")
    assert hmac.digest(keys.value_mac, message, "sha512")[:32] == value_mac

    decryptor = Cipher(algorithms.AES(keys.cipher), modes.CBC(content[:16])).decryptor()
    padded = decryptor.update(content[16:]) + decryptor.finalize()
    action = SyncActionData.FromString(padded[: -padded[-1]])
    assert json.loads(action.index) == ["setting_pushName"]
    assert action.value.push_name_setting.name == "Clínica"
    assert hmac.digest(keys.index, action.index, "sha256") == record.index.blob

    suffix = (1).to_bytes(8, "big") + b"critical_block"
    lthash = update_hash(bytes(HASH_SIZE), [], [value_mac])
    assert patch.snapshot_mac == hmac.digest(keys.snapshot_mac, lthash + suffix, "sha256")
    assert patch.patch_mac == hmac.digest(keys.patch_mac, patch.snapshot_mac + value_mac + suffix, "sha256")


def test_setting_a_value_again_replaces_it_in_the_hash() -> None:
    state = AppState()
    state.set_push_name("Ana", 1)
    state.set_push_name("Bia", 2)
    collection = state.collections["critical_block"]
    (value_mac,) = collection.value_macs.values()
    assert collection.version == 2
    assert collection.hash == update_hash(bytes(HASH_SIZE), [], [value_mac])


def test_the_hash_forgets_what_was_removed_in_any_order() -> None:
    macs = [hashlib.sha256(bytes((number,))).digest() for number in range(4)]
    full = update_hash(bytes(HASH_SIZE), [], macs)
    assert update_hash(full, [macs[2], macs[0]], []) == update_hash(bytes(HASH_SIZE), [], [macs[3], macs[1]])
