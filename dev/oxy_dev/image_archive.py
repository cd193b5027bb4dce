"""An archive of several images for containerd that contains each layer once, and only if the node lacks it.

Source: github.com/opencontainers/image-spec, image-layout.md.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

NAME: Final = "io.containerd.image.name"
"""The annotation that gives containerd the name of an imported image."""

_LAYOUT: Final = {"imageLayoutVersion": "1.0.0"}


def write_archive(target: Path, exported: Mapping[str, Path], present: Collection[str]) -> None:
    """Write an OCI archive of the images in `exported`, each a folder that `buildah push … dir:` wrote, by reference.

    Layers whose digests are `present` in the node are left out.
    """
    index = []
    written: set[str] = set()
    with tarfile.open(target, "w") as tar:
        _add(tar, "oci-layout", json.dumps(_LAYOUT).encode())
        for reference, folder in exported.items():
            content = (folder / "manifest.json").read_bytes()
            manifest: dict[str, Any] = json.loads(content)
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            index.append(
                {
                    "mediaType": manifest["mediaType"],
                    "digest": digest,
                    "size": len(content),
                    "annotations": {NAME: reference},
                }
            )
            _add(tar, _place(digest), content)
            needed = {layer["digest"] for layer in manifest["layers"]} - set(present) | {manifest["config"]["digest"]}
            for blob in sorted(needed - written):
                tar.add(folder / blob.removeprefix("sha256:"), arcname=_place(blob))
            written |= needed
        _add(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": index}).encode())


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
