"""Copies the custom resource definitions into the chart: ``python -m oxy_dev.crds`` (``make crds``).

The chart's copies are templates, so that `helm upgrade` brings new fields, and marked so that `helm uninstall` keeps
them: deleting a definition would delete every instance in the cluster.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = PROJECT / "crds"
COPIES: Final = PROJECT / "charts" / "oxy" / "templates" / "crds"

_METADATA: Final = "\nmetadata:\n"
_KEPT: Final = "\nmetadata:\n  annotations:\n    helm.sh/resource-policy: keep\n"


def as_template(definition: str) -> str:
    """Return the chart's copy of a definition in YAML; raises ValueError where it already has annotations."""
    head, separator, tail = definition.partition(_METADATA)
    if not separator or "\n  annotations:" in tail.split("\nspec:")[0]:
        message = "a definition begins with apiVersion, kind and a metadata without annotations"
        raise ValueError(message)
    return (head + _KEPT + tail).replace("{{", '{{ "{{" }}')


def copies() -> dict[Path, str]:
    """Return what the chart's folder of definitions should hold."""
    return {COPIES / source.name: as_template(source.read_text()) for source in sorted(SOURCES.glob("*.yaml"))}


def outdated() -> list[Path]:
    """Return the chart's files that are missing, different, or no longer have a source."""
    wanted = copies()
    present = {path: path.read_text() for path in COPIES.glob("*")}
    return sorted(path for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the copies, or with ``--check`` only list outdated ones; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m oxy_dev.crds", description="The chart's copies of crds/.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail if something would change")
    arguments = parser.parse_args(argv)
    stale = outdated()
    for path in stale:
        sys.stdout.write(
            f"{path.relative_to(PROJECT)}: {'outdated; run: make crds' if arguments.check else 'written'}\n"
        )
    if arguments.check:
        return 1 if stale else 0
    COPIES.mkdir(parents=True, exist_ok=True)
    wanted = copies()
    for path in stale:
        if path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
