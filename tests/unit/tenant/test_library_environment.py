import os
import subprocess
import sys

import pytest

from oxy_tenant.library_environment import LIBRARY_ENVIRONMENT, missing_environment

SHOW = """
import os
from oxy_tenant.library_environment import LIBRARY_ENVIRONMENT, restart_with_environment
restart_with_environment()
print(os.environ["GOGC"], *(os.environ[name] == value for name, value in LIBRARY_ENVIRONMENT.items() if name != "GOGC"))
"""


def test_values_set_from_outside_are_kept() -> None:
    assert missing_environment({}) == LIBRARY_ENVIRONMENT
    assert missing_environment(LIBRARY_ENVIRONMENT) == {}
    assert "GOGC" not in missing_environment({"GOGC": "400"})


@pytest.mark.parametrize(("outside", "gogc"), [({}, "25"), ({"GOGC": "400"}, "400")])
def test_a_process_has_the_libraries_environment_from_its_start(outside: dict[str, str], gogc: str) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **outside}
    command = [sys.executable, "-c", SHOW]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    shown, *others = found.stdout.split()
    assert shown == gogc
    assert set(others) == {"True"}


def test_a_process_that_opens_no_connection_does_not_load_the_library() -> None:
    show = "import sys, oxy_tenant.process; print(*(name for name in sys.modules if 'neonize' in name))"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", show]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
