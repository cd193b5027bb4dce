"""Record the distribution in a folder as an installer would: its name, version and entry points.

Images hold copied packages, not an installed wheel; without this record nothing in them is found by entry point.
``python distribution_metadata.py PYPROJECT FOLDER`` runs inside an image, where FOLDER holds oxy_core and little else
is installed: it needs the standard library alone.
"""

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from oxy_core import __version__


def record_distribution(pyproject: Path, folder: Path) -> None:
    """Write the folder's ``.dist-info`` of the project that `pyproject` describes.

    Format: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    project = tomllib.loads(pyproject.read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{__version__}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {__version__}\n")
    (info / "entry_points.txt").write_text(_entry_points(project["entry-points"]))


def _entry_points(groups: Mapping[str, Mapping[str, str]]) -> str:
    sections = (
        "\n".join([f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())])
        for group, entries in groups.items()
    )
    return "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    record_distribution(Path(sys.argv[1]), Path(sys.argv[2]))
