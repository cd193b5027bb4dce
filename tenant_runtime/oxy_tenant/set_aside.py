"""``python -m oxy_tenant.set_aside``: sessions that were set aside on this pod's volume; lists them, deletes them.

``oxy sessions prune`` runs it inside the pod. Nothing else ever deletes such a file: whatever set it aside, a damaged
session or another number's, a person may still need it. Prints JSON. Exit status: 0 success; 2 it cannot do that.
"""

import contextlib
import json
import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from oxy_core.times import utc_text

REFUSED: Final = 2

_NAME: Final = re.compile(r"(?P<name>session\.[a-z-]{1,32}-(?P<at>\d{8}T\d{6}Z)\.db)(-wal|-shm)?")
"""How a session is named that was set aside: why, and when. Its log may be all that was left of it."""

_WITH_LOG: Final = ("", "-wal", "-shm")


def listed(folder: Path) -> list[dict[str, object]]:
    """Return name, size in bytes, and the time at which each was set aside, oldest first."""
    return [
        {"name": path.name, "bytes": size_of(path), "since": utc_text(moment)}
        for path, moment in sorted(found(folder).items(), key=lambda item: (item[1], item[0]))
    ]


def found(folder: Path) -> dict[Path, datetime]:
    """Return which there are, and since when; if only its log is left, no file has that path."""
    moments = {}
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        with contextlib.suppress(ValueError):  # a person has called a file similarly
            if match is not None:
                moments[folder / match["name"]] = datetime.strptime(f"{match['at']}+0000", "%Y%m%dT%H%M%SZ%z")
    return moments


def size_of(path: Path) -> int:
    """Return the size in bytes of one of them, with its log."""
    size = 0
    for part in _parts(path):
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
            size += part.stat().st_size
    return size


def delete(folder: Path, name: str) -> list[dict[str, object]]:
    """Delete one of them; return it. Raises LookupError, which says why, if there is none of this name."""
    chosen = [item for item in listed(folder) if item["name"] == name]
    if not chosen:
        message = f"no session that was set aside is called {name!r}"
        raise LookupError(message)
    for part in _parts(folder / name):
        part.unlink()
    return chosen


def _parts(path: Path) -> list[Path]:
    return [part for suffix in _WITH_LOG if (part := path.with_name(path.name + suffix)).is_file()]


def main(arguments: Sequence[str]) -> int:
    """Run one command; return its exit status."""
    try:
        answer = _answer(Path(os.environ["OXY_SESSION"]), *arguments)
    except (LookupError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return REFUSED
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _answer(folder: Path, *words: str) -> list[dict[str, object]]:
    match words:
        case ("list",):
            return listed(folder)
        case ("delete", name):
            return delete(folder, name)
    message = "expected: list, or delete NAME"
    raise LookupError(message)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
