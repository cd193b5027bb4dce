"""Runs our commands and processes as children that are forked from a process that has imported them.

To import ``oxy_ai`` takes up to 2 s of processor time, ``oxy_operator`` 1 s and ``oxy_cli`` 0.5 s, which is most of
what a command or a start costs. Tests that are about the process itself, or about an environment that is read as
something is imported, start it as people do.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

SECONDS = 60.0
"""Time limit of a command."""
_NUMBER = struct.Struct("!i")
"""Process id, exit status."""
_RUN, _START = b"r", b"s"
"""Before a request: run a command, start a process."""


def run_forked(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Do as ``python -m module`` with these arguments; raises TimeoutError if it does not end in time.

    `module`: one whose `main` takes its arguments from `sys.argv` and returns its exit status, None for success.
    `stdin`: bytes that are no UTF-8 are surrogates, as in `sys.argv`.
    """
    request = {"arguments": arguments, "environment": dict(environment), "stdin": stdin}
    with _asked(module, request) as connection:
        answer = json.loads(_all_of(connection))
    return subprocess.CompletedProcess(arguments, answer["status"], answer["stdout"], answer["stderr"])


class ForkedProcess:
    """What ``python -m package`` started, as `subprocess.Popen` shows it."""

    def __init__(self, package: str, environment: Mapping[str, str], output: int = 2) -> None:
        """Start it. `output`: descriptor of what it writes to standard output and error."""
        request = {"arguments": [], "environment": dict(environment), "output": True}
        self._connection = _asked(f"{package}.__main__", request, output)
        [self.pid] = _NUMBER.unpack(self._connection.recv(_NUMBER.size, socket.MSG_WAITALL))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; raises TimeoutExpired after so many seconds."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            [self.returncode] = _NUMBER.unpack(self._connection.recv(_NUMBER.size, socket.MSG_WAITALL))
            self._connection.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _asked(module: str, request: Mapping[str, Any], *descriptors: int) -> socket.socket:
    """Ask the process that forks; returns the connection on which it answers."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(SECONDS)
    connection.connect(_server(module, request["environment"].get("KUBECONFIG")))
    if descriptors:
        socket.send_fds(connection, [_START], descriptors)
    else:
        connection.sendall(_RUN)
    connection.sendall(json.dumps(request).encode())
    connection.shutdown(socket.SHUT_WR)
    return connection


@functools.cache
def _server(module: str, kubeconfig: str | None) -> bytes:
    """Start the process that forks; return the address at which it listens, which has no file.

    `kubeconfig`: the only variable that something reads as it is imported, the Kubernetes client.
    """
    address = f"\0{module}-{os.getpid()}-{random.randrange(1 << 32)}".encode()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        server = subprocess.Popen(
            [sys.executable, "-P", __file__, module, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            env=os.environ | ({} if kubeconfig is None else {"KUBECONFIG": kubeconfig}),
            stdin=subprocess.PIPE,  # it ends when this does, however this process ends
        )
    atexit.register(server.communicate)
    return address


def _all_of(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        return stream.read()


def _serve(module: str, listener: socket.socket) -> None:
    """Fork for each connection until standard input ends; then end the children."""
    command = importlib.import_module(module)
    gc.freeze()
    ended, written = socket.socketpair()
    os.set_blocking(written.fileno(), False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
    children: dict[int, socket.socket] = {}
    while sys.stdin not in (ready := select.select([listener, ended, sys.stdin], [], [])[0]):
        if ended in ready:
            ended.recv(1 << 10)
            _tell_ends(children)
        if listener in ready:
            connection, _ = listener.accept()
            _, descriptors, _, _ = socket.recv_fds(connection, len(_START), 1)
            if (child := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for inherited in (listener, ended, written, *children.values()):
                    inherited.close()
                _become(connection, module, command.main, descriptors)
            children[child] = connection
            if not descriptors:
                connection.close()  # the child answers
            for descriptor in descriptors:
                os.close(descriptor)
    for child in children:
        os.kill(child, signal.SIGKILL)


def _tell_ends(children: dict[int, socket.socket]) -> None:
    """Tell those who started them how children have ended."""
    for child in list(children):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with children.pop(child) as connection, contextlib.suppress(OSError):
                connection.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))


def _become(connection: socket.socket, module: str, main: Callable[[], int | None], descriptors: list[int]) -> NoReturn:
    """Be the child: run a command and answer with what it printed, or be the process itself."""
    request = json.loads(_all_of(connection))
    random.seed()
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[:] = [module, *request["arguments"]]
    if not descriptors:
        _answer(connection, request, main)
        os._exit(0)
    connection.sendall(_NUMBER.pack(os.getpid()))
    connection.close()
    os.setsid()
    for standard in (1, 2):
        os.dup2(descriptors[0], standard)
    os.close(descriptors[0])
    del sys.modules[module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


def _answer(connection: socket.socket, request: Mapping[str, Any], main: Callable[[], int | None]) -> None:
    with contextlib.ExitStack() as stack:
        files = [
            stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape"))
            for _ in range(3)
        ]
        files[0].write(request["stdin"])
        for number, file in enumerate(files):
            file.flush()
            file.seek(0)
            os.dup2(file.fileno(), number)
        status = _status(main)
        atexit._run_exitfuncs()  # noqa: SLF001 as at the end of a process
        sys.stdout.flush()
        sys.stderr.flush()
        printed = [_content(file) for file in files[1:]]
    connection.sendall(json.dumps({"status": status, "stdout": printed[0], "stderr": printed[1]}).encode())


def _content(file: Any) -> str:  # noqa: ANN401 a text file
    file.seek(0)
    return str(file.read())


def _status(main: Callable[[], int | None]) -> int:
    """Return the exit status, as Python itself decides it."""
    try:
        return main() or 0
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 the end of a process
        traceback.print_exc()
        return 1


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[2])) as inherited:
        _serve(sys.argv[1], inherited)
