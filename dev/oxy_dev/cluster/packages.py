"""What node and tests need from the distribution: installed with apt where missing, left alone where it is there."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from oxy_dev.cluster.errors import CommandError, PreflightError
from oxy_dev.cluster.network import CNI_PLUGINS
from oxy_dev.cluster.progress import Step

PACKAGES: Final = {
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": str(CNI_PLUGINS / "bridge"),
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "nftables": "nft",
    "iptables": "iptables",
    "iproute2": "ip",
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
}
"""What the node needs: Debian's name of each package, and a program or file by which it is seen to be there."""
FAKE_CLOCK: Final = {"libfaketime": "/usr/lib/*/faketime/libfaketimeMT.so.1"}
"""What tests need that move the clocks of processes."""
_SIGNS: Final = PACKAGES | FAKE_CLOCK
LISTS: Final = Path("/var/lib/apt/lists")


def missing(names: Iterable[str] = PACKAGES) -> list[str]:
    """Return those of the packages that are not there, however they could have been installed."""
    return [package for package in names if not _is_there(_SIGNS[package])]


def install(step: Step, names: Iterable[str] = PACKAGES) -> None:
    """Install those of the packages that are missing.

    Raises `PreflightError` on a machine without apt, `CommandError` when apt fails.
    """
    wanted = missing(names)
    if not wanted:
        return
    if shutil.which("apt-get") is None:
        message = (
            f"these are missing and there is no apt-get to install them: {', '.join(wanted)}. Install them by hand."
        )
        raise PreflightError(message)
    if not any(LISTS.glob("*_Packages*")):
        step.update("apt-get update")
        _apt("update")
    step.update(f"installing {', '.join(wanted)}")
    try:
        _apt("install", "--yes", "--no-install-recommends", *wanted)
    except CommandError:
        # The lists may be older than the packages that the mirror still has.
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", *wanted)


def _is_there(sign: str) -> bool:
    return any(Path("/").glob(sign[1:])) if sign.startswith("/") else shutil.which(sign) is not None


def _apt(*arguments: str) -> None:
    # Unlike the parts of the cluster, apt uses the machine's proxy.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", "--quiet", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        message = (
            f"`apt-get {' '.join(arguments)}` ended with status {done.returncode}: {done.stderr.strip()[-2000:]}\n"
            "Run it by hand to see why, then start again."
        )
        raise CommandError(message)
