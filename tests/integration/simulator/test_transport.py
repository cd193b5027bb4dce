"""TLS, proxies, slow and dead connections, and restarts of the server, with the real neonize."""

import asyncio

import pytest
from integration.simulator.clients import PATIENCE, NeonizeClient, NewClient

from oxy_simulator.errors import RequestError
from oxy_simulator.faults import FaultKind
from oxy_simulator.testing import Phone, WhatsApp

CONNECT = b"CONNECT web.whatsapp.com:443 HTTP/1.1\r\n\r\n"
SOCKS_REQUEST = b"\x05\x01\x00\x03\x10web.whatsapp.com\x01\xbb"


@pytest.mark.parametrize(
    ("tls", "complaint"),
    [
        ("untrusted", "certificate signed by unknown authority"),
        ("expired", "certificate has expired"),
        ("wrong-name", "certificate is valid for whatsapp.example"),
        ("cut", "EOF"),
    ],
)
async def test_a_first_connection_without_good_tls_fails(
    simulator: WhatsApp, new_client: NewClient, tls: str, complaint: str
) -> None:
    await simulator.fault(FaultKind.TLS, tls=tls)
    client = await new_client(simulator.client_environment)
    assert complaint in (await client.expect("Ended"))["error"]


async def test_tls_fails_at_one_proxy_for_as_long_as_that_listens(simulator: WhatsApp, new_client: NewClient) -> None:
    proxy = await simulator.api.add_proxy(tls="expired")
    client = await new_client({**simulator.client_environment, "HTTPS_PROXY": proxy.url})
    assert "certificate has expired" in (await client.expect("Ended"))["error"]
    assert (proxy.tls, await simulator.api.faults()) == ("expired", [])


async def test_tls_that_hangs_is_given_up_after_ten_seconds(simulator: WhatsApp, new_client: NewClient) -> None:
    await simulator.fault(FaultKind.TLS, tls="hang")
    client = await new_client(simulator.client_environment)
    assert "TLS handshake timeout" in (await client.expect("Ended"))["error"]


async def test_a_linked_client_tries_until_tls_and_proxy_are_good_again(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await simulator.fault(FaultKind.TLS, tls="expired")
    await simulator.fault(FaultKind.PROXY, code=403)
    await bot.fault(FaultKind.ABORT)
    await client.expect("Disconnected")
    await ana.send("enquanto isso", to=bot)
    await client.expect("Message", text="enquanto isso")
    assert await simulator.api.faults() == []


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_proxies_ask_for_a_password(simulator: WhatsApp, new_client: NewClient, bot: Phone, scheme: str) -> None:
    proxy = await simulator.api.add_proxy(scheme=scheme, username="ana", password="s3gr:edo")
    # Through a SOCKS5 proxy, neonize would still dial the proxy of HTTPS_PROXY: it must be empty.
    environment = {**simulator.client_environment, "HTTPS_PROXY": ""}
    environment["NEONIZE_PROXY"] = f"{scheme}://ana:errado@127.0.0.1:{proxy.port}"
    stranger = await new_client(environment)
    assert (await stranger.expect("Ended"))["error"]
    known = await new_client({**environment, "NEONIZE_PROXY": proxy.url})
    await bot.link(qr=(await known.expect("QR"))["text"])
    await known.expect("Connected")


@pytest.mark.parametrize(
    ("scheme", "code", "complaint"),
    [
        ("http", 403, "Forbidden"),
        ("http", 407, "Proxy Authentication Required"),
        ("http", 502, "Bad Gateway"),
        ("socks5", 2, "not allowed"),
        ("socks5", 5, "connection refused"),
    ],
)
async def test_proxies_refuse(
    simulator: WhatsApp, new_client: NewClient, scheme: str, code: int, complaint: str
) -> None:
    proxy = await simulator.api.add_proxy(scheme=scheme, answer="refuse", code=code)
    client = await new_client({**simulator.client_environment, "NEONIZE_PROXY": proxy.url})
    assert complaint in (await client.expect("Ended"))["error"]


@pytest.mark.parametrize(
    ("scheme", "greeting", "reply"), [("http", CONNECT, b""), ("socks5", b"\x05\x01\x00" + SOCKS_REQUEST, b"\x05\x00")]
)
async def test_a_proxy_that_hangs_neither_answers_nor_ends(
    simulator: WhatsApp, scheme: str, greeting: bytes, reply: bytes
) -> None:
    front = simulator.service.proxies.front
    proxy = await simulator.api.add_proxy(scheme=scheme, answer="hang")
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(greeting)
    assert await reader.readexactly(len(reply)) == reply
    async with asyncio.timeout(PATIENCE):
        while not front.settled:  # noqa: ASYNC110 - it tells nobody that it does not wait for a login any more
            await asyncio.sleep(0.02)
    assert front.arriving == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await reader.read(1)
    writer.close()
    await writer.wait_closed()


async def test_proxies_are_listed_and_closed(simulator: WhatsApp) -> None:
    proxy = await simulator.api.add_proxy(scheme="socks5", username="a b", password="c")
    assert proxy.url == f"socks5://a%20b:c@127.0.0.1:{proxy.port}"
    assert [entry.id for entry in await simulator.api.proxies()] == [1, proxy.id]
    with pytest.raises(RequestError, match="take another port"):
        await simulator.api.add_proxy(port=proxy.port)
    await simulator.api.close_proxy(proxy.id)
    with pytest.raises(OSError, match=r"refused|failed"):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(RequestError, match="there is no proxy 99"):
        await simulator.api.close_proxy(99)


@pytest.mark.parametrize("memory", ["kept", "lost"])
async def test_a_restart_of_the_server(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient, memory: str
) -> None:
    await ana.send("antes", to=bot)
    await client.expect("Message", text="antes")
    await client.ask("send", "Sent", to=ana.number, text="primeira")
    assert await simulator.settled(within=PATIENCE)
    await client.kill()
    await ana.send("guardada", to=bot)
    await simulator.api.restart(memory=memory == "kept")
    await client.start()
    await client.expect("Connected")
    await ana.send("depois", to=bot)
    await client.expect("Message", text="depois")
    await client.ask("send", "Sent", to=ana.number, text="segunda")
    await ana.expect("segunda", within=PATIENCE)
    assert client.texts() == (["antes", "guardada", "depois"] if memory == "kept" else ["antes", "depois"])
    (kept,) = await simulator.messages(text="guardada")
    assert ("dropped" in kept.stages) == (memory == "lost")
    assert await simulator.settled(within=PATIENCE)


async def test_a_connected_client_comes_back_after_a_restart(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await simulator.api.restart()
    await client.expect("Disconnected")
    await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")


async def test_a_half_open_connection_gives_way_to_the_next(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await bot.fault(FaultKind.HALF_OPEN)
    sent = await ana.send("oi", to=bot)
    (line,) = await simulator.messages(id=sent)
    assert set(line.stages) == {"sent", "relayed"}
    assert (await bot.view()).devices[0].online
    await client.kill()
    await client.start()
    await client.expect("Message", text="oi")
    assert await simulator.settled(within=PATIENCE)


async def test_a_slow_connection_loses_nothing(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await bot.fault(FaultKind.SLOW, rate=2000)
    sent = [await ana.send(f"m{number}", to=bot) for number in range(10)]
    await client.expect("Message", text="m9")
    assert client.texts() == [f"m{number}" for number in range(10)]
    assert await simulator.settled(within=PATIENCE)
    lines = {line.id: line.stages for line in await simulator.messages(direction="inbound")}
    # Each message is more than 150 bytes, so ten of them take more than 0.75 s at 2000 bytes a second.
    assert lines[sent[-1]]["receipted"] - lines[sent[0]]["sent"] > 0.7
