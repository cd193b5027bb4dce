"""Faults of proxies, TLS and files that end when a test moves the time, as seen from a client's place."""

import base64
import hashlib
import ssl
from urllib.parse import urlencode

import aiohttp
import pytest
from integration.simulator.test_companion import linked

from oxy_simulator.faults import FaultKind
from oxy_simulator.mediadesk import AUTH_SECONDS, media_conn
from oxy_simulator.node import node
from oxy_simulator.testing import Phone, WhatsApp

HOUR = 3600.0
SERVED = 404  # what the media server says of a file that it does not have


async def knock(simulator: WhatsApp) -> int:
    """Ask the media server for a file that does not exist, through proxy and TLS; return its answer."""
    return await request(simulator, "GET", "/v/t62.7118-24/none", b"")


async def request(simulator: WhatsApp, method: str, path: str, data: bytes) -> int:
    trusted = ssl.create_default_context(cafile=str(simulator.ca_file))
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method, f"https://mmg.whatsapp.net{path}", data=data, proxy=simulator.proxy_url, ssl=trusted
        ) as response,
    ):
        return response.status


async def test_a_proxy_refuses_until_its_time_is_over(simulator: WhatsApp) -> None:
    await simulator.fault(FaultKind.PROXY, code=503, duration=2 * HOUR)
    for _ in range(2):
        with pytest.raises(aiohttp.ClientHttpProxyError, match="503"):
            await knock(simulator)
        assert await simulator.api.faults() != []
        await simulator.advance(HOUR)
    assert await simulator.api.faults() == []
    assert await knock(simulator) == SERVED


async def test_a_certificate_is_wrong_until_its_time_is_over(simulator: WhatsApp) -> None:
    await simulator.fault(FaultKind.TLS, tls="untrusted", duration=2 * HOUR)
    for taken in (1, 2):
        with pytest.raises(aiohttp.ClientConnectorError):
            await knock(simulator)
        (fault,) = await simulator.api.faults()
        assert fault.taken == taken
        await simulator.advance(HOUR)
    assert await simulator.api.faults() == []
    assert await knock(simulator) == SERVED


async def test_a_fault_begins_at_the_time_that_was_moved(simulator: WhatsApp) -> None:
    await simulator.advance(24 * HOUR)
    await simulator.fault(FaultKind.PROXY, duration=HOUR)
    with pytest.raises(aiohttp.ClientHttpProxyError, match="502"):
        await knock(simulator)
    await simulator.advance(HOUR)
    assert await knock(simulator) == SERVED


def authorisation(simulator: WhatsApp, phone: Phone) -> str:
    """Return what a phone's linked device is given when it asks where to upload."""
    network = simulator.service.network
    connection = next(network.connections_of(simulator.service.account(phone.number)))
    return str(media_conn(network, connection, node("iq"))[0].attrs["auth"])


async def upload(simulator: WhatsApp, auth: str) -> int:
    token = base64.urlsafe_b64encode(hashlib.sha256(b"file").digest()).decode()
    return await request(simulator, "POST", f"/mms/image/{token}?" + urlencode({"auth": auth, "token": token}), b"file")


async def test_an_authorisation_for_uploads_runs_out_with_the_time(simulator: WhatsApp, bot: Phone) -> None:
    async with linked(simulator, bot):
        await simulator.advance(24 * HOUR)
        auth = authorisation(simulator, bot)
        assert await upload(simulator, auth) == 200
        await simulator.advance(AUTH_SECONDS - HOUR)
        assert await upload(simulator, auth) == 200
        await simulator.advance(HOUR)
        assert await upload(simulator, auth) == 401
        assert await upload(simulator, authorisation(simulator, bot)) == 200


async def test_authorisations_that_a_fault_ended_stay_ended(simulator: WhatsApp, bot: Phone) -> None:
    async with linked(simulator, bot):
        await simulator.advance(24 * HOUR)
        auth = authorisation(simulator, bot)
        await simulator.api.media_fault("auth-expired", ttl=60)
        assert await upload(simulator, auth) == 401
        await simulator.advance(HOUR)
        assert await upload(simulator, auth) == 401
        assert await upload(simulator, authorisation(simulator, bot)) == 200
