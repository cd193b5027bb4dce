"""Our protobuf subsets name the same field numbers as the library that real clients are built from."""

import builtins
import importlib
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import runtime_version
from google.protobuf.descriptor import Descriptor

from oxy_simulator.proto import handshake_pb2, history_pb2, message_pb2, pairing_pb2, sync_pb2

MODULES = (
    "waCert.WACert_pb2",
    "waWa6.WAWebProtobufsWa6_pb2",
    "waAdv.WAAdv_pb2",
    "waCompanionReg.WAWebProtobufsCompanionReg_pb2",
    "waServerSync.WAServerSync_pb2",
    "waSyncAction.WASyncAction_pb2",
    "waCommon.WACommon_pb2",
    "waE2E.WAWebProtobufsE2E_pb2",
    "waMmsRetry.WAMmsRetry_pb2",
    "waHistorySync.WAWebProtobufsHistorySync_pb2",
    "waWeb.WAWebProtobufsWeb_pb2",
    "waLidMigrationSyncPayload.WAWebProtobufLidMigrationSyncPayload_pb2",
)
# neonize 0.5.2's WASyncAction_pb2 uses this name without importing it.
MISSING_NAME = "_runtime_version"
# Where our names are longer than theirs.
MESSAGE_NAMES = {
    "DeviceIdentity": "ADVDeviceIdentity",
    "SignedDeviceIdentity": "ADVSignedDeviceIdentity",
    "SignedDeviceIdentityHmac": "ADVSignedDeviceIdentityHMAC",
    "DevicePairingData": "DevicePairingRegistrationData",
    "PeerMessage": "Message",
    "PeerProtocolMessage": "ProtocolMessage",
}
FIELD_NAMES = {
    "registrationid": "eregid",
    "keytype": "ekeytype",
    "identity": "eident",
    "signedprekeyid": "eskeyid",
    "signedprekey": "eskeyval",
    "signedprekeysignature": "eskeysig",
}


def ours() -> Iterator[Descriptor]:
    def nested(descriptor: Descriptor) -> Iterator[Descriptor]:
        yield descriptor
        for child in descriptor.nested_types:
            yield from nested(child)

    for module in (handshake_pb2, history_pb2, message_pb2, pairing_pb2, sync_pb2):
        for descriptor in module.DESCRIPTOR.message_types_by_name.values():
            yield from nested(descriptor)


@pytest.fixture(scope="module")
def theirs() -> Iterator[dict[str, Descriptor]]:
    """neonize's descriptors by name, loaded without its shared library."""
    folder = Path(sysconfig.get_paths()["purelib"]) / "neonize"
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "neonize"}
    for name in before:
        del sys.modules[name]
    package = types.ModuleType("neonize")
    package.__path__ = [str(folder)]
    sys.modules["neonize"] = package
    setattr(builtins, MISSING_NAME, runtime_version)
    found: dict[str, Descriptor] = {}

    def collect(descriptor: Descriptor, path: str) -> None:
        found.setdefault(path, descriptor)
        for child in descriptor.nested_types:
            collect(child, f"{path}.{child.name}")

    for module in MODULES:
        for descriptor in importlib.import_module("neonize.proto." + module).DESCRIPTOR.message_types_by_name.values():
            collect(descriptor, descriptor.name)
    yield found
    delattr(builtins, MISSING_NAME)
    for name in [name for name in sys.modules if name.split(".")[0] == "neonize"]:
        del sys.modules[name]
    sys.modules.update(before)


@pytest.mark.parametrize("descriptor", list(ours()), ids=lambda descriptor: descriptor.full_name)
def test_field_numbers_agree_with_the_real_protocol(descriptor: Descriptor, theirs: dict[str, Descriptor]) -> None:
    path = descriptor.full_name.split(".", 2)[2]
    real = theirs[".".join(MESSAGE_NAMES.get(part, part) for part in path.split("."))]
    numbers = {field.name.lower(): field.number for field in real.fields}
    for field in descriptor.fields:
        name = field.name.replace("_", "")
        assert field.number == numbers.get(name, numbers.get(FIELD_NAMES.get(name, ""))), field.full_name
