"""Time that a test moves: what would take hours on the server's side takes none."""

from pathlib import Path

import pytest
from integration.simulator.test_companion import PATIENCE, Client, linked

from oxy_simulator.companion import CodesShown
from oxy_simulator.errors import PairingError, RequestError
from oxy_simulator.faults import FaultKind
from oxy_simulator.testing import Phone, WhatsApp

HOUR = 3600.0


async def test_a_code_that_ran_out_is_refused(simulator: WhatsApp, bot: Phone) -> None:
    client = Client(simulator)
    await client.start()
    codes = (await client.expect(CodesShown)).codes
    await simulator.advance(HOUR)
    with pytest.raises(PairingError, match="expired"):
        await bot.link(qr=codes[0])
    await client.stop()


async def test_a_message_that_is_late_by_hours_comes_when_they_are_over(
    simulator: WhatsApp, bot: Phone, ana: Phone
) -> None:
    async with linked(simulator, bot) as client:
        before = (await simulator.api.clock()).now
        await bot.fault(FaultKind.DELAY, delay=2 * HOUR)
        await ana.send("atrasada", to=bot)
        await simulator.advance(HOUR)
        assert {"relayed", "queued"}.isdisjoint((await simulator.messages(text="atrasada"))[0].stages)
        assert await simulator.advance(HOUR) >= before + 2 * HOUR
        assert (await client.expect_text()).message.conversation == "atrasada"
        assert await simulator.settled(PATIENCE)
    (line,) = await simulator.messages(text="atrasada")
    assert line.stages["receipted"] >= line.stages["sent"] + 2 * HOUR


async def test_what_waited_offline_is_as_old_as_the_clock_says(simulator: WhatsApp, bot: Phone, ana: Phone) -> None:
    async with linked(simulator, bot) as client:
        await client.stop()
        await ana.send("velha", to=bot)
        await simulator.advance(7 * HOUR)
        await client.start()
        stanza = await client.expect_text()
        assert stanza.message.conversation == "velha"
        now = (await simulator.api.clock()).now
        assert now - stanza.at >= 7 * HOUR


async def test_the_time_is_kept_by_the_state_folder(tmp_path: Path) -> None:
    async with WhatsApp(state=tmp_path, clock=lambda: 1_800_000_000.0) as first:
        await first.advance(HOUR)
    async with WhatsApp(state=tmp_path, clock=lambda: 1_800_000_000.0) as second:
        assert (await second.api.clock()).now == 1_800_000_000.0 + HOUR
        assert (await second.api.clock()).advanced == HOUR


async def test_time_never_goes_back(simulator: WhatsApp) -> None:
    with pytest.raises(RequestError, match="advance: must be greater than 0"):
        await simulator.advance(-1)
