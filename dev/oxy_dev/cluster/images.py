"""Container images without a registry: the one that the cluster itself needs, and loading others into the node."""

import hashlib
import io
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Final

from oxy_dev.cluster import addresses
from oxy_dev.cluster.binary import KubeBinary
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.shell import run

NAMESPACE: Final = "k8s.io"
"""The namespace in which containerd keeps what Kubernetes uses."""
ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's name of each architecture, which images are labelled with."""
EPOCH: Final = 0
"""The time of every file that we put into an image, so that equal images are equal byte by byte."""


def load(layout: Layout, archive: Path) -> None:
    """Load an image archive (``docker-archive`` or OCI) into the node.

    Raises `CommandError` when containerd does not run or refuses the archive.
    """
    run([*_ctr(layout), "images", "import", "--snapshotter", snapshotter(layout), archive])


def names(layout: Layout) -> set[str]:
    """Return the names of the images in the node."""
    return set(run([*_ctr(layout), "images", "list", "--quiet"]).split())


def load_pause(kube: KubeBinary, layout: Layout) -> None:
    """Load the image of every pod's first container, unless it is there."""
    if addresses.PAUSE_IMAGE not in names(layout):
        archive = layout.run / "pause.tar"
        archive.write_bytes(single_file_image(addresses.PAUSE_IMAGE, "pause", kube.pause.read_bytes()))
        load(layout, archive)
        archive.unlink()


def single_file_image(name: str, file: str, content: bytes) -> bytes:
    """Return a ``docker-archive`` of an image that has one executable file and runs it as nobody."""
    layer = _tar({file: content}, mode=0o755)
    config = {
        "architecture": ARCHITECTURES[os.uname().machine],
        "os": "linux",
        "config": {"Entrypoint": [f"/{file}"], "User": "65534:65534"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {
        "manifest.json": json.dumps(manifest).encode(),
        "config.json": json.dumps(config).encode(),
        "layer.tar": layer,
    }
    return _tar(files, mode=0o644)


def snapshotter(layout: Layout) -> str:
    """Return the containerd snapshotter that was chosen for this cluster."""
    return (layout.config / "snapshotter").read_text()


def _ctr(layout: Layout) -> list[str]:
    return [shutil.which("ctr") or "ctr", f"--address={layout.containerd_socket}", f"--namespace={NAMESPACE}"]


def _tar(files: dict[str, bytes], mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), mode, EPOCH
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
