"""``python -m oxy_dev COMMAND``: what the Makefile's targets run.

A command is a module with a ``main``, imported here at run time: an interruption at any moment, imports included, then
ends in one line instead of a traceback. So do a full disk and a closed terminal.
"""

import importlib
import os
import signal
import sys
from dataclasses import dataclass
from typing import Final

INTERRUPTED: Final = 130
"""Exit status after an interruption, by the convention of shells: 128 plus the number of SIGINT."""


@dataclass(frozen=True, slots=True)
class Command:
    """The module of a command, its fixed first arguments, and what to do after it was interrupted."""

    module: str
    remedy: str
    arguments: tuple[str, ...] = ()


COMMANDS: Final = {
    "up": Command("oxy_dev.up", "run it again to continue, or `make down` to remove everything"),
    "down": Command("oxy_dev.down", "run it again to remove the rest"),
    "chat": Command("oxy_dev.chat", "the conversation stays on the phones"),
    "oxy": Command("oxy_dev.oxy", "nothing was changed"),
    "evaluate": Command("oxy_dev.evaluate", "nothing is left of it"),
    "seed": Command("oxy_dev.seed.command", "nothing was written"),
    "images": Command("oxy_dev.images", "run it again to continue; finished images are kept", ("build",)),
    "kube": Command("oxy_dev.cluster.__main__", "run it again to continue; compiled packages are kept", ("build",)),
}


def main() -> int:
    """Run a command; return its exit status."""
    if len(sys.argv) == 1 or sys.argv[1] not in COMMANDS:
        sys.stderr.write(f"usage: python -m oxy_dev {{{','.join(COMMANDS)}}} …\n")
        return 2
    name = sys.argv[1]
    command = COMMANDS[name]
    sys.argv[:2] = [f"make {name}", *command.arguments]
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        status: int = importlib.import_module(command.module).main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _end(INTERRUPTED, f"interrupted; {command.remedy}", name)
    except BrokenPipeError:
        # The reader of our output is gone (`make up | head`): flushing at exit would complain about it once more.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        return INTERRUPTED
    except OSError as error:
        return _end(1, f"{error}; fix that, then {command.remedy}", name)
    return status


def _end(status: int, text: str, name: str) -> int:
    """Say why the command ends. Further interruptions are ignored, so that they cause no traceback either."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    sys.stderr.write(f"\nmake {name}: {text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
