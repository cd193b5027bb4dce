"""Passes secrets to libraries that only read files, without leaving them on disk."""

import atexit
import os
import sys
from functools import cache
from pathlib import Path
from tempfile import mkstemp
from types import ModuleType


@cache
def memory_file(content: str | bytes, *_: object, **__: object) -> str:
    """Return a path where only this process can read `content`; it vanishes with the process, however that ends.

    Further arguments, such as a folder, are ignored. On systems other than Linux it is a file that only this user may
    read, removed at an orderly exit.
    """
    if sys.platform == "linux":
        descriptor = os.memfd_create("oxy")
        path = f"/proc/self/fd/{descriptor}"
    else:
        descriptor, path = mkstemp(prefix="oxy-")
        atexit.register(Path(path).unlink, missing_ok=True)
    data = content.encode() if isinstance(content, str) else content
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    return path


def keep_kubeconfig_in_memory(kube_config: ModuleType) -> None:
    """Make a Kubernetes client's module ``kube_config`` hold the keys of a kubeconfig in memory, not in /tmp.

    Both ``kubernetes.config.kube_config`` and its asyncio twin write keys and certificates to temporary files, which
    a killed process leaves behind. Replacing this private function is the only way to prevent it.
    """
    kube_config._create_temp_file_with_content = memory_file  # type: ignore[attr-defined]  # noqa: SLF001 no public way
