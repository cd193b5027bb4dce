import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from unit.tenant.links import environment_in

from oxy_core.errors import SettingsError
from oxy_simulator.testing import TRUST_FOLDER
from oxy_tenant.library_environment import LIBRARY_ENVIRONMENT, TIMER_SLACK, library_environment

SHOW = """
import os, sys
from oxy_simulator.testing import TRUST_FOLDER
from oxy_tenant.library_environment import LIBRARY_ENVIRONMENT, restart_with_environment
restart_with_environment()
print(os.environ["GOGC"], *(os.environ[name] == value for name, value in LIBRARY_ENVIRONMENT.items() if name != "GOGC"))
print(restart_with_environment.__doc__ is None)
"""


def test_values_set_from_outside_are_kept() -> None:
    assert library_environment({}) == LIBRARY_ENVIRONMENT
    assert library_environment({"GOGC": "400", "PATH": "/bin"}) == {
        **LIBRARY_ENVIRONMENT,
        "GOGC": "400",
        "PATH": "/bin",
    }


@pytest.mark.parametrize(
    ("outside", "proxy"),
    [
        ({}, {}),
        ({"HTTPS_PROXY": "http://proxy:1"}, {"OXY_PROXY": "http://proxy:1"}),
        ({"https_proxy": "http://proxy:1", "NO_PROXY": "*", "no_proxy": "*"}, {"OXY_PROXY": "http://proxy:1"}),
        ({"HTTPS_PROXY": "http://proxy:1", "https_proxy": "http://other:1"}, {"OXY_PROXY": "http://proxy:1"}),
        ({"HTTPS_PROXY": "", "https_proxy": "http://other:1"}, {"OXY_PROXY": ""}),
        ({"https_proxy": "", "HTTP_PROXY": "http://proxy:1", "ALL_PROXY": "http://proxy:1"}, {}),
    ],
)
def test_the_proxy_is_kept_from_the_library_which_is_told_of_it(outside: dict[str, str], proxy: dict[str, str]) -> None:
    once = library_environment(outside)
    assert once == {**LIBRARY_ENVIRONMENT, **proxy}
    assert library_environment(once) == once


@pytest.mark.parametrize(("outside", "gogc"), [({}, "25"), ({"GOGC": "400"}, "400")])
def test_a_process_has_the_libraries_environment_and_no_docstrings_from_its_start(
    outside: dict[str, str], gogc: str
) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **outside}
    command = [sys.executable, "-c", SHOW]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    shown, *others = found.stdout.split()
    assert shown == gogc
    assert set(others) == {"True"}


def test_the_timers_of_threads_that_start_later_may_be_late() -> None:
    show = """
import threading
from pathlib import Path
from oxy_tenant.library_environment import relax_timers
relax_timers()
show = lambda: print(Path(f"/proc/{threading.get_native_id()}/timerslack_ns").read_text().strip())
thread = threading.Thread(target=show)
thread.start()
thread.join()
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run([sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True)
    assert int(found.stdout) == TIMER_SLACK


def test_a_process_that_opens_no_connection_does_not_load_the_library() -> None:
    show = "import sys, oxy_tenant.process; print(*(name for name in sys.modules if 'neonize' in name))"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", show]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_each_module_of_messages_is_loaded_once() -> None:
    show = """
import sys
from oxy_tenant.links.neonize.library import load_library
load_library()
print(*(name.rpartition(".")[2] for name in sys.modules if name.endswith("_pb2")))
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run([sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True)
    names = found.stdout.split()
    assert "WAWebProtobufsE2E_pb2" in names
    assert sorted(names) == sorted(set(names))


def test_a_pod_loads_nothing_that_it_never_uses() -> None:
    show = """
import sys
sys.modules["aiohttp"] = sys.modules["rich"] = None  # as in the image
from oxy_tenant.placeholders import UNUSED, placeholders
with placeholders(*UNUSED):
    import oxy_tenant.process
    from oxy_tenant.links.neonize import adapter, library
library.load_library()
print(*({*UNUSED, "google.protobuf.internal.python_message", "importlib.readers", "statistics"} & {*sys.modules}))
import http.server, pickle, urllib.request, zipfile
print(http.server.HTTPServer.__mro__[1].__name__, pickle.loads(pickle.dumps("read")))
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run([sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["", "TCPServer read"]


def test_an_empty_proxy_is_one_that_cannot_be_used(tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    assert environment.proxy_url is None
    with pytest.raises(
        SettingsError, match=r"is empty.* Correct it in the Secret that spec.network.proxySecretRef names"
    ):
        _ = environment.model_copy(update={"proxy": SecretStr("")}).proxy_url


def test_a_runtime_without_protobufs_native_code_says_what_is_missing() -> None:
    # Its substitute in Python raises for a text that is not UTF-8: a stranger could end the session.
    environment = {**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    program = "from oxy_tenant.links.neonize.library import load_messages; load_messages()"
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "install libstdc++6 in the image" in ran.stderr


def test_the_image_for_the_simulator_says_which_fields_it_needs(tmp_path: Path) -> None:
    path = os.pathsep.join([str(TRUST_FOLDER), *sys.path])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "OXY_NOISE_ROOT_FILE": str(tmp_path / "absent")}
    program = """
from oxy_tenant.links.neonize.library import load_library
from oxy_tenant.errors import description_of
try:
    load_library()
except Exception as error:
    print(description_of(error))
"""
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert "spec.network.caBundleConfigMapRef" in ran.stdout
    assert "spec.network.proxySecretRef" in ran.stdout
