"""`make evaluate`: plays the golden dialogues on a PostgreSQL of its own, which is gone afterwards."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from oxy_ai.evaluation.command import OWNER_URL
from oxy_ai.evaluation.command import main as evaluate
from oxy_dev.postgres import running_postgres

DIALOGUES: Final = Path(__file__).parents[2] / "dialogues"


def main() -> int:
    """Run ``python -m oxy_ai.evaluate`` with all golden dialogues and the given options; returns its exit status."""
    arguments = [str(DIALOGUES), *sys.argv[1:]]
    if "--check" in arguments or os.environ.get(OWNER_URL):
        return evaluate(arguments)
    with tempfile.TemporaryDirectory(prefix="oxy-evaluation-") as folder, running_postgres(Path(folder)) as server:
        return evaluate([*arguments, "--database-url", server.url()])
