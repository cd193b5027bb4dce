"""The echo bots on other clients than neonize, whatsmeow in Go and Baileys, go through the same scenario.

No violation is allowed: the server's block fails at its end if a client broke a rule.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from oxy_dev.echo_bots import baileys_bot, whatsmeow_bot
from oxy_simulator.contents import Location
from oxy_simulator.errors import PairingError
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.testing import Phone, WhatsApp

PATIENCE = 60.0
"""Seconds; far more than anything takes, for loaded machines."""
BOTS = {"baileys": baileys_bot, "whatsmeow": whatsmeow_bot}


@dataclass
class EchoBot:
    """A bot's process, which is started by a name in the server, and what it printed."""

    whatsapp: WhatsApp
    name: str
    command: list[str]

    async def start(self) -> None:
        await self.whatsapp.api.start_client(self.name, self.command)

    async def act(self, action: str) -> None:
        await self.whatsapp.api.act_on_client(self.name, action)

    async def printed(self, pattern: str) -> str:
        """Wait until a whole line fits a pattern; return its last group, or the line."""
        (view,) = await self.whatsapp.api.clients()
        line = re.compile(f"^{pattern}\n", re.MULTILINE)
        async with asyncio.timeout(PATIENCE):
            while (found := line.search(await asyncio.to_thread(Path(view.log_file).read_text))) is None:  # noqa: ASYNC110 - a file rings no event
                await asyncio.sleep(0.05)
        return found[line.groups]


@pytest.fixture
async def whatsapp(tmp_path: Path) -> AsyncIterator[WhatsApp]:
    async with WhatsApp(state=tmp_path / "simulator", allow_client_control=True) as running:
        yield running


@pytest.fixture(params=sorted(BOTS))
def command(request: pytest.FixtureRequest) -> list[str]:
    """The command of a bot; a build that fails fails the test."""
    return BOTS[request.param]()


@pytest.fixture
async def clinic(whatsapp: WhatsApp) -> Phone:
    return await whatsapp.phone("+5511900000001", "Clínica")


@pytest.fixture
async def customer(whatsapp: WhatsApp) -> Phone:
    return await whatsapp.phone("+5511911111111", "Ana")


async def test_a_bot_is_linked_by_phone_code_and_loses_nothing(
    whatsapp: WhatsApp, command: list[str], clinic: Phone, customer: Phone, tmp_path: Path
) -> None:
    bot = EchoBot(whatsapp, "bot", [*command, str(tmp_path / "session"), clinic.number])
    await bot.start()
    code = await bot.printed("CODE (.+)")
    with pytest.raises(PairingError, match="wrong"):
        await clinic.link(code="AAAA-AAAA")
    await clinic.link(code=code)
    await bot.printed("connected")

    async def answered(text: str) -> None:
        await customer.send(text, to=clinic)
        await customer.expect(f"eco: {text}", within=PATIENCE, from_=clinic)

    await answered("Quero um banho às 10h")
    group = await whatsapp.api.create_group(customer.number, "Família", [clinic.number])
    await customer.act("group-message", group=group.id, text="no grupo")
    await customer.send(Location(latitude=-23.5, longitude=-46.6), to=clinic)
    await answered("só os textos a mim")
    await clinic.fault(FaultKind.ABORT)
    await answered("depois de um corte")
    await clinic.fault(FaultKind.CORRUPT, count=1)
    await answered("cifrado duas vezes")
    await customer.act("reinstall")
    await answered("de um aparelho novo")
    await bot.act("kill")
    waiting = [f"quando volta? {number}" for number in range(3)]
    for text in waiting:
        await customer.send(text, to=clinic)
    await bot.act("start")
    for text in waiting:
        await customer.expect(f"eco: {text}", within=PATIENCE)
    assert await whatsapp.settled(PATIENCE)
    await customer.expect_nothing(within=0.5)


async def test_a_bot_is_linked_by_qr_code_and_hears_that_its_phone_removed_it(
    whatsapp: WhatsApp, command: list[str], clinic: Phone, customer: Phone, tmp_path: Path
) -> None:
    bot = EchoBot(whatsapp, "bot", [*command, str(tmp_path / "session")])
    await bot.start()
    await clinic.link(qr=await bot.printed("QR (.+)"))
    await bot.printed("connected")
    await customer.send("oi", to=clinic)
    await customer.expect("eco: oi", within=PATIENCE)
    assert await whatsapp.settled(PATIENCE)
    await clinic.unlink()
    await bot.printed("(disconnected|logged out) 401.*")
    assert (await clinic.view()).devices == []
