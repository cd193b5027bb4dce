"""What a real neonize says of itself when it connects, and codes that expire."""

import time

import pytest
from integration.simulator.clients import PATIENCE, NeonizeClient, NewClient

from oxy_simulator.client import SimulatorClient
from oxy_simulator.errors import PairingError
from oxy_simulator.testing import Phone, WhatsApp


async def test_the_logins_of_a_phone_name_version_browser_and_history(
    simulator: WhatsApp, bot: Phone, client: NeonizeClient
) -> None:
    async with SimulatorClient(simulator.control_url) as api:
        link, login = await api.logins(bot.number)
        assert await api.logins() == [link, login]
    assert (link.kind, link.outcome, link.passive, link.pull) == ("link", "accepted", False, False)
    assert (login.kind, login.outcome, login.device) == ("login", "accepted", 1)
    assert login.version.startswith("2.3000.")
    assert (login.platform, login.passive, login.pull, login.lid_migrated) == ("WEB", True, True, True)
    assert (login.connect_type, login.connect_reason) == ("WIFI_UNKNOWN", "USER_ACTIVATED")
    described = login.described
    assert (described.os, described.browser, described.full_history) == ("Ubuntu", "CHROME", False)
    assert described.quota_megabytes == 10240


async def test_a_client_below_the_version_floor_is_outdated(
    simulator: WhatsApp, bot: Phone, client: NeonizeClient, new_client: NewClient
) -> None:
    async with SimulatorClient(simulator.control_url) as api:
        await api.set_version_floor("2.9000.0")
        await client.kill()
        await client.start()
        await client.expect("ClientOutdated")
        refused = (await api.logins(bot.number))[-1]
        assert refused.outcome.startswith("405 version 2.3000.")
        await new_client(simulator.client_environment)
        assert await simulator.service.wait_for(lambda: simulator.service.logins()[-1].kind == "link", PATIENCE)
        assert (await api.logins())[-1].outcome.startswith("405")
        assert not simulator.service.network.refs


async def test_qr_codes_rotate_and_run_out(simulator: WhatsApp, bot: Phone, new_client: NewClient) -> None:
    network, began, late = simulator.service.network, time.time(), 0.0
    network.clock = lambda: began + late
    client = await new_client(simulator.client_environment)
    shown = (await client.expect("QR"))["text"]
    (connection,) = {connection for connection, _ in network.refs.values()}
    # neonize shows the next code only when the time of this one is over; they differ by their ref.
    codes = [shown.replace(connection.refs[0], ref) for ref in connection.refs]
    assert len(set(codes)) == 6
    late = 70.0
    with pytest.raises(PairingError, match="show the client's current one"):
        await bot.link(qr=codes[0])
    late = 170.0
    with pytest.raises(PairingError, match="ran out"):
        await bot.link(qr=codes[5])
    late = 70.0
    await bot.link(qr=codes[1])
    await client.expect("Connected")
