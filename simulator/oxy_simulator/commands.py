"""The commands for people: `run` and `schema` for scenarios, `phone` to chat, `trust` to start a client."""

import asyncio
import json
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from oxy_simulator.chat import chat
from oxy_simulator.client import SimulatorClient
from oxy_simulator.errors import SetupError
from oxy_simulator.reasons import explaining, reason
from oxy_simulator.runner import Outcome, run_scenario
from oxy_simulator.scenario import Scenario
from oxy_simulator.scenario_file import Document, load_all
from oxy_simulator.testing import WhatsApp

TERMINATED: Final = 128 + signal.SIGTERM
"""What shells call a program that SIGTERM ended."""

_QR_SEPARATOR: Final = ","  # between the keys in a QR code's text; phone codes have none


def run(options: Namespace) -> int:
    """Run scenarios in turn; return the worst outcome. Raise ScenarioError about everything wrong with any of them."""
    documents = load_all(options.scenarios)
    if options.evidence:
        _require_writable(options.evidence)
    return max(asyncio.run(_run(document, options)) for document in documents)


def _require_writable(folder: Path) -> None:
    """Make a folder for evidence; raise SetupError if nothing can be written into it."""
    probe = folder / ".writable"
    with explaining("the folder for evidence", folder, "give --evidence another folder"):
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()


async def _run(document: Document, options: Namespace) -> Outcome:
    asked_to_end = _cancelled_by_sigterm()
    try:
        return await run_scenario(
            document,
            sys.stdout,
            url=options.url,
            evidence=options.evidence / Path(document.file).stem if options.evidence else None,
            show_clients=options.client_output,
        )
    except asyncio.CancelledError:
        if asked_to_end.is_set():
            raise SystemExit(TERMINATED) from None
        raise


def _cancelled_by_sigterm() -> asyncio.Event:
    """Let SIGTERM cancel this task, once, so that clients are ended and folders removed; return what it sets."""
    asked, task = asyncio.Event(), asyncio.current_task()

    def end() -> None:
        if task is not None and not asked.is_set():
            asked.set()
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    return asked


def schema(_options: Namespace) -> int:
    """Print the JSON schema of scenario files."""
    sys.stdout.write(schema_text())
    return 0


def schema_text() -> str:
    """Return the JSON schema of scenario files, for editors."""
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Scenario.model_json_schema()}
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def phone(options: Namespace) -> int:
    """Chat from the terminal."""
    asyncio.run(chat(options.url, options.number, options.to, name=options.name, patience=options.within))
    return 0


def link(options: Namespace) -> int:
    """Type a client's code on a phone, or let it scan the text of a QR code, which is added if it is new."""
    asyncio.run(_link(options.url, options.number, options.code))
    return 0


async def _link(url: str, number: str, code: str) -> None:
    async with SimulatorClient(url) as api:
        view = await api.add_phone(number)
        by_qr = _QR_SEPARATOR in code
        device = await api.link(view.phone, qr=code if by_qr else None, code=None if by_qr else code)
    sys.stdout.write(f"+{view.phone} has linked device {device.id} ({device.platform})\n")


def trust(options: Namespace) -> int:
    """Become a client's program that reaches and trusts a running server; print the environment without a program."""
    with explaining("the trust folder", options.folder, "name another with --folder"):
        options.folder.mkdir(parents=True, exist_ok=True)
    environment = asyncio.run(_environment(options.url, options.folder.resolve()))
    program = options.program[1:] if options.program[:1] == ["--"] else options.program
    if program:
        _become(program, {**os.environ, **environment})
    sys.stdout.writelines(f"export {name}='{value}'\n" for name, value in environment.items())
    return 0


def _become(program: list[str], environment: Mapping[str, str]) -> None:
    try:
        os.execvpe(program[0], program, environment)  # noqa: S606 - the user's own program
    except OSError as error:
        msg = f"{program[0]!r} cannot be started: {reason(error)}; install it, or write its path"
        raise SetupError(msg) from error


async def _environment(url: str, folder: Path) -> dict[str, str]:
    """Keep what a running server wants trusted in a folder, and return what names it."""
    async with WhatsApp(url) as whatsapp:
        await whatsapp.keep_trust(folder)
        return whatsapp.client_environment
