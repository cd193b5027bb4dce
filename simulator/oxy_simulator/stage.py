"""Everything that a running scenario has: the server, phones, clients and variables."""

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from oxy_simulator.clients import Client
from oxy_simulator.errors import RequestError, SimulatorError
from oxy_simulator.narrator import Narrator
from oxy_simulator.processes import ClientProcess
from oxy_simulator.replies import Message
from oxy_simulator.scenario_file import Document
from oxy_simulator.scenario_names import VARIABLE
from oxy_simulator.testing import Phone, WhatsApp
from oxy_simulator.transcript import shown

START_PATIENCE: Final = 60.0
"""Seconds that a client may take until it offers a code, and again until it is online, if nobody says otherwise."""

_FOLLOW_SECONDS: Final = 30.0


@dataclass(slots=True)
class Stage:
    """Everything that a running scenario has: the server, phones, clients and variables."""

    document: Document
    whatsapp: WhatsApp
    narrator: Narrator
    phones: dict[str, Phone]
    clients: dict[str, Client]
    variables: dict[str, str]

    def fill(self, text: str, *, quote: Callable[[str], str] = str) -> str:
        """Put the variables' values into a text; raise RequestError for one that is not set yet."""

        def value(match: re.Match[str]) -> str:
            try:
                return quote(self.variables[match[1]])
            except KeyError:
                msg = f"variable ${{{match[1]}}} is not set yet; the step that saves it must come before"
                raise RequestError(msg) from None

        return VARIABLE.sub(value, text)

    def within(self, given: float | None) -> float:
        """Return how long to wait, in seconds."""
        return self.document.scenario.within if given is None else given

    def start_within(self, given: float | None) -> float:
        """Return how long a client may take until it offers a code, and again until it is online, in seconds."""
        if given is None and "within" not in self.document.scenario.model_fields_set:
            return START_PATIENCE
        return self.within(given)


@asynccontextmanager
async def open_stage(document: Document, narrator: Narrator, url: str | None) -> AsyncIterator[Stage]:
    """Open a server, or find the one at a URL, and add phones; end the clients and follow messages to the last."""
    scenario = document.scenario
    async with AsyncExitStack() as exits:
        folder = exits.enter_context(tempfile.TemporaryDirectory(prefix="oxy-scenario-"))
        whatsapp = await exits.enter_async_context(WhatsApp(url))
        whatsapp.allow_violations(*scenario.allow_violations)
        narrator.tell(f"· control API {whatsapp.control_url}, clients connect through {whatsapp.proxy_url}")
        variables = {"folder": folder, "proxy": whatsapp.proxy_url, "control": whatsapp.control_url}
        stage = Stage(document, whatsapp, narrator, {}, {}, variables)
        for name, spec in scenario.phones.items():
            stage.phones[name] = await whatsapp.phone(
                spec.number, spec.name, addressing=spec.addressing, sends_read_receipts=spec.sends_read_receipts
            )
            stage.variables[name] = spec.number
        for name, proxy in scenario.proxies.items():
            opened = await whatsapp.api.add_proxy(**proxy.model_dump(exclude_unset=True))
            exits.push_async_callback(whatsapp.api.close_proxy, opened.id)
            stage.variables[name] = opened.url
        for name, text in scenario.variables.items():
            stage.variables[name] = stage.fill(text)
        _add_clients(stage, Path(folder))
        exits.push_async_callback(_end_clients, stage)
        await exits.enter_async_context(_following(stage))
        yield stage


def _add_clients(stage: Stage, folder: Path) -> None:
    for name, spec in stage.document.scenario.clients.items():
        own = {key: stage.fill(value) for key, value in spec.environment.items()}
        process = ClientProcess(
            name,
            tuple(stage.fill(argument) for argument in spec.command),
            {**os.environ, "PYTHONUNBUFFERED": "1", **stage.whatsapp.client_environment, **own},
            stage.document.folder / stage.fill(spec.folder),
            folder / f"{name}.log",
        )
        stage.clients[name] = Client(
            process, stage.narrator.client_line(name), lambda how: stage.narrator.tell(f"· {how}")
        )


async def _end_clients(stage: Stage) -> None:
    for client in stage.clients.values():
        await client.kill()


@asynccontextmanager
async def _following(stage: Stage) -> AsyncIterator[None]:
    """Tell every message that arrives on a phone, to the last one."""
    seen = {name: (await phone.view()).messages for name, phone in stage.phones.items()}

    async def tell_news(name: str, wait: float) -> None:
        for message in await stage.whatsapp.api.inbox(stage.phones[name].number, seen[name], wait):
            seen[name] = message.number
            if not message.from_me or message.chat == stage.phones[name].number:
                stage.narrator.tell(_told(stage, name, message))

    async def follow(name: str) -> None:
        while True:
            await tell_news(name, _FOLLOW_SECONDS)

    followers = [asyncio.create_task(follow(name)) for name in stage.phones]
    try:
        yield
    finally:
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        with suppress(aiohttp.ClientError, SimulatorError):
            for name in stage.phones:
                await tell_news(name, 0.0)


def _told(stage: Stage, name: str, message: Message) -> str:
    names = {phone.number: known for known, phone in stage.phones.items()}
    return f"{names.get(message.sender, message.sender)} → {name}: {shown(message)}"
