"""Makes an unmodified neonize trust the simulator's Noise root key; for tests and evaluation only.

WhatsApp's clients accept a server only if its Noise certificate chain ends in one root key that is
compiled into them (whatsmeow `handshake.go`, WACertPubKey). No option changes it, so a simulated
server needs this patch: as soon as `neonize._binder` has loaded its shared library, the key's 32
bytes in the process's memory are overwritten. Files on disk stay as they are, and production
images do not contain this folder.

Use: put this folder on PYTHONPATH and name a file with the new root (64 hexadecimal digits) in
OXY_NOISE_ROOT_FILE. Without that variable nothing happens. The Go runtime reads two more settings
before Python starts, so they belong in the process's environment: SSL_CERT_FILE (the simulator's
ca.crt) and HTTPS_PROXY (the simulator).

Python imports only the first `sitecustomize` on its path. Debian ships one in
/usr/lib/python3; PYTHONPATH comes before it, so this one wins and Debian's (a no-op hook for
apport) is skipped.

Everything that could go wrong is loud: a missing or malformed file, or a key that is not found
exactly once, ends the import of neonize with an error. (It is not checked earlier because Python
only prints, and then ignores, what a `sitecustomize` raises.)
"""

import os
import sys

ROOT_FILE_VARIABLE = "OXY_NOISE_ROOT_FILE"

if os.environ.get(ROOT_FILE_VARIABLE):
    import ctypes
    import importlib.abc
    import importlib.machinery
    import importlib.util
    import types
    from collections.abc import Iterator, Sequence
    from dataclasses import dataclass
    from pathlib import Path

    TARGET_MODULE = "neonize._binder"
    LIBRARY_PREFIX = "neonize-linux"
    KEY_SIZE = 32
    # WhatsApp's root key as compiled into whatsmeow (WACertPubKey).
    ORIGINAL_ROOT = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")

    class TrustPatchError(ImportError):
        """The new root key cannot be read, or the old one is not where it must be."""

    @dataclass(frozen=True)
    class Mapping:
        """A writable, file-backed memory mapping of the library."""

        start: int
        end: int
        offset: int
        path: Path

    def read_new_root(path: Path) -> bytes:
        """Read the new root key; raise TrustPatchError if the file is missing or malformed."""
        try:
            key = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except FileNotFoundError as error:
            msg = (
                f"{ROOT_FILE_VARIABLE}={path} does not exist. A WhatsAppInstance gets it from the ConfigMap that its "
                "spec.network.caBundleConfigMapRef names, and reaches the simulator by spec.network.proxySecretRef: "
                "set both, as in the .oxy/petshop.yaml that `make up` writes"
            )
            raise TrustPatchError(msg) from error
        except (OSError, ValueError) as error:
            msg = f"{ROOT_FILE_VARIABLE}={path} cannot be read as hexadecimal: {error}"
            raise TrustPatchError(msg) from error
        if len(key) != KEY_SIZE:
            msg = f"{ROOT_FILE_VARIABLE}={path} holds {len(key)} bytes, not {KEY_SIZE}"
            raise TrustPatchError(msg)
        return key

    def library_mappings() -> Iterator[Mapping]:
        """Yield the writable mappings of neonize's library in this process."""
        for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
            fields = line.split(maxsplit=5)
            path = Path(fields[-1])
            if "w" not in fields[1] or not path.name.startswith(LIBRARY_PREFIX):
                continue
            start, end = (int(part, 16) for part in fields[0].split("-"))
            yield Mapping(start, end, int(fields[2], 16), path)

    def key_addresses(mapping: Mapping) -> Iterator[int]:
        """Yield where the original key stands in a mapping (its file position, mapped)."""
        content = mapping.path.read_bytes()
        limit = mapping.offset + mapping.end - mapping.start
        position = content.find(ORIGINAL_ROOT, mapping.offset, limit)
        while position >= 0:
            yield mapping.start + position - mapping.offset
            position = content.find(ORIGINAL_ROOT, position + 1, limit)

    def replace_root(new_root: bytes) -> None:
        """Overwrite the key in memory; raise TrustPatchError unless it is there exactly once."""
        addresses = [address for mapping in library_mappings() for address in key_addresses(mapping)]
        if len(addresses) != 1:
            msg = f"WhatsApp's Noise root key was found {len(addresses)} times in neonize, expected once"
            raise TrustPatchError(msg)
        if ctypes.string_at(addresses[0], KEY_SIZE) != ORIGINAL_ROOT:
            msg = "WhatsApp's Noise root key in memory differs from the one in neonize's file"
            raise TrustPatchError(msg)
        ctypes.memmove(addresses[0], new_root, KEY_SIZE)

    class PatchingLoader(importlib.abc.Loader):
        """Loads the target module as usual, then replaces the key."""

        def __init__(self, original: importlib.abc.Loader, root_file: Path) -> None:
            self._original = original
            self._root_file = root_file

        def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
            """Leave creation to the original loader."""
            return self._original.create_module(spec)

        def exec_module(self, module: types.ModuleType) -> None:
            """Run the module, which loads the library, and patch it."""
            new_root = read_new_root(self._root_file)
            self._original.exec_module(module)
            replace_root(new_root)

    class PatchingFinder(importlib.abc.MetaPathFinder):
        """Finds the target module where it is, and puts the patching loader before its own."""

        def __init__(self, root_file: Path) -> None:
            self._root_file = root_file

        def find_spec(
            self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
        ) -> importlib.machinery.ModuleSpec | None:
            """Answer for the target module only."""
            if fullname != TARGET_MODULE:
                return None
            spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = PatchingLoader(spec.loader, self._root_file)
            return spec

    sys.meta_path.insert(0, PatchingFinder(Path(os.environ[ROOT_FILE_VARIABLE])))
