"""Lets Python sleep under libfaketime 0.9.10, whose clock_nanosleep refuses the deadline of `time.sleep`.

Put this folder first on PYTHONPATH. The next `sitecustomize` on the path, such as the simulator's, is run as well.
"""

import runpy
import select
import sys
import time
from pathlib import Path


def _sleep(seconds: float, /) -> None:
    select.select((), (), (), seconds)


time.sleep = _sleep

for folder in map(Path, sys.path):
    file = folder / "sitecustomize.py"
    if file.exists() and folder != Path(__file__).parent:
        runpy.run_path(str(file), run_name="sitecustomize")
        break
