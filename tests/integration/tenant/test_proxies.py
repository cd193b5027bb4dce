"""An instance's proxy: the only way out, for everything, and each of its failures by its name."""

import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from integration.tenant.isolation import Cable, cable, watched
from integration.tenant.outgoing import Platform
from integration.tenant.proxying import Place, behind_tls
from integration.tenant.scene import ACCOUNT, INSTANCE, Scene, send_request, until

from oxy_core import subjects
from oxy_core.envelopes import ConnectionState, SendOutcome
from oxy_core.files import FileArrived
from oxy_dev.servers import free_port
from oxy_simulator.contents import Image
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.proxy_protocol import ProxyPolicy, Scheme

USER, PASSWORD = "loja@centro", "p@ss/w:ç#%"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300
DOCUMENT = b"%PDF-" + bytes(1_000)


@pytest.fixture
async def line(scene: Scene) -> AsyncIterator[Cable]:
    """The runtime's only way out."""
    with cable() as made:
        async with watched(made, scene.bus.server.port) as url:
            scene.runtime.nats_url = url
            scene.runtime.wrapper = made.inside
            yield made


@pytest.fixture
async def platform(scene: Scene) -> AsyncIterator[Platform]:
    platform = Platform(scene)
    platform.answering.set()
    subscription = await scene.bus.client.subscribe(subjects.file_request(ACCOUNT, INSTANCE), cb=platform.answer)
    yield platform
    await subscription.unsubscribe()


async def offer_socks(scene: Scene, line: Cable) -> str:
    """Offer a SOCKS proxy at the cable's near end; return its URL with user and password."""
    proxy = await scene.simulator.service.proxies.listen(ProxyPolicy("socks5", USER, PASSWORD), line.host)
    line.offered.add(proxy.port)
    return proxy.url


@asynccontextmanager
async def offered_https(scene: Scene, line: Cable, authorities: Path) -> AsyncIterator[str]:
    """Offer an HTTP proxy over TLS at the cable's near end; yields its URL with user and password."""
    proxy = await scene.simulator.service.proxies.listen(ProxyPolicy("http", USER, PASSWORD), "127.0.0.1")
    async with behind_tls(proxy.port, line.host, authorities) as port:
        line.offered.add(port)
        yield proxy.url.replace("http://", "https://").replace(f"127.0.0.1:{proxy.port}", f"{line.host}:{port}")


async def files_of(scene: Scene) -> int:
    return len([report for report in await scene.bus.stored() if isinstance(report.body, FileArrived)])


async def exchange(scene: Scene, platform: Platform) -> None:
    """A customer's picture arrives on the bus, and a document of ours on the customer's phone."""
    before = await files_of(scene)
    await scene.customer.send(Image(file=await scene.customer.attach("image", PICTURE)), scene.business)

    async def arrived() -> bool:
        return await files_of(scene) > before

    await until(arrived, what="the picture on the bus")
    chat = (await scene.bus.messages())[-1].chat
    request = send_request(chat, None, content=platform.document(DOCUMENT))
    await scene.bus.request(request)
    assert (await scene.result(request)).outcome is SendOutcome.SENT
    newest = next(entry for entry in reversed(await scene.customer.inbox()) if entry.kind == "document")
    assert await scene.customer.file(newest.id) == DOCUMENT


async def test_no_packet_takes_another_way_than_the_proxy(
    scene: Scene, line: Cable, platform: Platform, tmp_path: Path
) -> None:
    # The watch sees whoever asks for WhatsApp's address, as a runtime without a proxy does.
    del scene.runtime.environment["HTTPS_PROXY"]
    await scene.runtime.start()
    assert "lookup web.whatsapp.com" in (await failure(scene, "NameNotResolved") or "")
    await scene.runtime.kill()
    line.look()
    assert f"{line.host}:53 (protocol {socket.IPPROTO_UDP})" in line.elsewhere
    # It knows when it misses something.
    flood = (
        f"import socket; s = socket.socket(2, 2); [s.sendto(bytes(1400), ('{line.host}', 9)) for _ in range(20_000)]"
    )
    subprocess.run([*line.inside, sys.executable, "-c", flood], check=True)  # noqa: ASYNC221 so that nobody looks
    line.look()
    assert "not seen" in line.elsewhere[-1]
    line.elsewhere.clear()
    everywhere = {
        "OXY_LOG_LEVEL": "debug",
        "NO_PROXY": "*",
        "no_proxy": "web.whatsapp.com,.whatsapp.net",
        "ALL_PROXY": f"http://{line.host}:9",
    }
    await scene.runtime.start(HTTPS_PROXY=await offer_socks(scene, line), **everywhere)
    await scene.business.link(code=(await scene.offer()).code)
    await scene.bus.state(ConnectionState.CONNECTED)
    await exchange(scene, platform)
    through_socks = line.counted
    await scene.runtime.kill()
    scene.bus.forget_states()
    authorities = tmp_path / "ca.crt"
    authorities.write_bytes(scene.simulator.ca_file.read_bytes())
    everywhere["SSL_CERT_FILE"] = str(authorities)
    async with offered_https(scene, line, authorities) as url:
        await scene.runtime.start(HTTPS_PROXY=url, **everywhere)
        await scene.bus.state(ConnectionState.CONNECTED)
        await exchange(scene, platform)
        await scene.runtime.kill()
    line.look()
    assert line.counted > through_socks > 0
    assert line.elsewhere == []
    assert "file_size_unknown" not in scene.runtime.log
    assert PASSWORD not in scene.runtime.log


async def failure(scene: Scene, reason: str) -> str | None:
    """Wait until the newest live state gives a reason; return its detail."""
    state = await until(
        lambda: next((state for state in scene.bus.states[-1:] if state.last_reason == reason), None), what=reason
    )
    return state.last_error


@pytest.mark.parametrize(("scheme", "refusal"), [("http", 403), ("socks5", 2)])
async def test_each_failure_of_a_proxy_has_its_name_and_none_is_a_reason_to_connect_directly(
    scene: Scene, line: Cable, scheme: Scheme, refusal: int
) -> None:
    place = Place(scene.simulator, line.host, free_port())
    line.offered.add(place.port)
    await scene.runtime.start(HTTPS_PROXY=f"{scheme}://loja:hush-hush@{line.host}:{place.port}")
    details = [await failure(scene, "ProxyUnreachable")]
    await place.put(ProxyPolicy(scheme, "loja", "another"))
    details.append(await failure(scene, "ProxyAuthenticationFailed"))
    await place.put(ProxyPolicy(scheme, answer="refuse", code=refusal))
    details.append(await failure(scene, "ProxyRefused"))
    await place.put(ProxyPolicy(scheme, "loja", "hush-hush"))
    assert (await scene.offer()).code
    # Lost in the middle of a connection, the proxy is still the only way.
    place.clear()
    await scene.simulator.fault(FaultKind.DOWN)
    await failure(scene, "ProxyUnreachable")
    line.look()
    assert line.counted
    assert line.elsewhere == []
    assert [bool(detail) for detail in details] == [True] * 3
    assert "hush-hush" not in scene.runtime.log + str(scene.bus.states)


async def test_a_proxy_that_cannot_be_used_is_no_reason_to_connect_directly(scene: Scene) -> None:
    await scene.runtime.start(HTTPS_PROXY="socks4://loja:hush-hush@127.0.0.1:1080")
    assert await scene.runtime.exit_code() == 1
    message = scene.runtime.termination()
    assert "the Secret that spec.network.proxySecretRef names" in message.message
    assert "hush-hush" not in message.message + scene.runtime.log
    assert "connection_" not in scene.runtime.log
