"""Runs our commands in processes that are forked from one that has imported them.

To import ``oxy_ai.admin`` takes 1.5 s of CPU and ``oxy_cli`` 0.5 s, which is most of what a command costs. Tests that
are about the process itself, or about an environment that is read as something is imported, start it as people do.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SECONDS = 60.0
"""Time limit of a command."""


def run_forked(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Do as ``python -m module`` with these arguments; raises TimeoutError if it does not end in time.

    `module`: one whose `main` takes its arguments from `sys.argv` and returns its exit status, None for success.
    """
    request = {"arguments": arguments, "environment": dict(environment), "stdin": stdin}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(_server(module))
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        answer = json.loads(_all_of(connection))
    return subprocess.CompletedProcess(arguments, answer["status"], answer["stdout"], answer["stderr"])


@functools.cache
@functools.cache
def _server(module: str) -> bytes:
    """Start the process that forks; return the address at which it listens, which has no file."""
    address = f"\0{module}-{os.getpid()}-{random.randrange(1 << 32)}".encode()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        server = subprocess.Popen(
            [sys.executable, "-P", __file__, module, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,  # it ends when this does, however this process ends
        )
    atexit.register(server.communicate)
    return address


def _all_of(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        return stream.read()


def _serve(module: str, listener: socket.socket) -> None:
    """Fork for each connection until standard input ends."""
    command = importlib.import_module(module)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        with connection:
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(connection, module, command.main)
                os._exit(0)


def _answer(connection: socket.socket, module: str, main: Callable[[], int | None]) -> None:
    request = json.loads(_all_of(connection))
    random.seed()
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[:] = [module, *request["arguments"]]
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(3)]
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
