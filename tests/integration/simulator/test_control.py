"""The control API through its client, and the command in a process of its own."""

import asyncio
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from integration.simulator.clients import NewClient
from unit.simulator.memory import ANA, BOT

from oxy_simulator.client import SimulatorClient
from oxy_simulator.errors import RequestError
from oxy_simulator.faultkind import OPTIONS, SERVER_KINDS, FaultKind
from oxy_simulator.store import DATABASE_FILE
from oxy_simulator.testing import Phone, WhatsApp

PATIENCE = 30.0


@pytest.fixture
async def api(simulator: WhatsApp) -> AsyncIterator[SimulatorClient]:
    async with SimulatorClient(simulator.control_url) as client:
        yield client


async def test_phones_talk_to_each_other(api: SimulatorClient) -> None:
    await api.add_phone("+" + BOT, "Clínica")
    await api.add_phone("+" + ANA, "Ana")
    sent = await api.send("+" + ANA, "+" + BOT, "oi")
    (message,) = await api.inbox("+" + BOT)
    assert (message.id, message.sender, message.text) == (sent, ANA, "oi")
    await api.send(BOT, ANA, "olá", quote=sent)
    assert [(entry.text, entry.quoted_id) for entry in await api.inbox(ANA)] == [("olá", sent)]
    state = await api.state()
    assert [(phone.phone, phone.name) for phone in state.phones] == [(BOT, "Clínica"), (ANA, "Ana")]
    assert await api.phones() == state.phones
    assert await api.accounting() == []
    assert await api.violations() == []


async def test_the_inbox_waits_for_what_comes(api: SimulatorClient) -> None:
    await api.add_phone(BOT)
    await api.add_phone(ANA)
    assert await api.inbox(BOT, wait=0.05) == []
    waiting = asyncio.create_task(api.inbox(BOT, wait=PATIENCE))
    await api.send(ANA, BOT, "oi")
    assert [message.text for message in await waiting] == ["oi"]


async def test_a_repeated_id_is_flagged(api: SimulatorClient) -> None:
    await api.add_phone(BOT)
    await api.add_phone(ANA)
    sent = await api.send(ANA, BOT, "oi")
    assert await api.send(ANA, BOT, "oi", message_id=sent) == sent
    assert [message.duplicate for message in await api.inbox(BOT)] == [False, True]


@dataclass(frozen=True)
class Mistake:
    """A wrong request, and what it must be answered with."""

    method: str
    path: str
    body: dict[str, object] | None
    status: int
    complaint: str


MISTAKES = [
    Mistake("POST", "/phones", {"phone": "123"}, 400, "write it as E.164"),
    Mistake("POST", "/phones", {"phone": "+5511900000001", "nmae": "x"}, 400, "nmae: unknown field"),
    Mistake("POST", "/phones", {}, 400, "phone: missing; add it (fields of this request: phone, name"),
    Mistake("POST", "/phones/5511999990000/send", {"to": BOT, "text": "oi"}, 404, "add it first"),
    Mistake("POST", f"/phones/{BOT}/send", {"to": BOT, "text": ""}, 400, "text: must not be empty"),
    Mistake("POST", f"/phones/{BOT}/send", {"to": BOT, "text": "x" * 65_537}, 400, "text: must have at most 65536"),
    Mistake("POST", f"/phones/{BOT}/self-chat", {"text": "x" * 65_537}, 400, "text: must have at most 65536"),
    Mistake("POST", f"/phones/{BOT}/send", {"to": BOT, "text": "oi", "quote": "3A"}, 400, "take an id from its inbox"),
    Mistake("POST", f"/phones/{BOT}/link", {}, 409, "exactly one of 'code'"),
    Mistake("POST", f"/phones/{BOT}/link", {"code": "1"}, 409, "8 characters"),
    Mistake("POST", f"/phones/{BOT}/link", {"code": "ABCD-1234"}, 409, "ask the client for a new code"),
    Mistake("POST", f"/phones/{BOT}/unlink", {"device": 1}, 409, "linked: none"),
    Mistake("POST", "/faults", {"kind": "earthquake"}, 400, "kind: must be 'restart'"),
    Mistake("POST", "/faults", {"kind": "abort"}, 400, "needs 'phone'"),
    Mistake("POST", "/faults", {"kind": "login-failure", "phone": BOT}, 400, "needs 'code'"),
    Mistake("POST", "/faults", {"kind": "drop", "phone": BOT, "peer": "5511999990000"}, 404, "add it first"),
    Mistake("POST", "/faults", {"kind": "drop", "phone": BOT, "count": 0}, 400, "count: must be greater"),
    Mistake("POST", "/faults", {"kind": "tls", "tls": "rusty"}, 400, "tls: must be 'untrusted'"),
    Mistake(
        "POST",
        "/faults",
        {"kind": "drop", "phone": BOT, "rate": 1},
        400,
        "drop takes count, duration, peer, direction; not rate",
    ),
    Mistake(
        "POST",
        "/faults",
        {"kind": "temporary-ban", "phone": BOT, "direction": "inbound"},
        400,
        "temporary-ban takes count, code, expire; not direction",
    ),
    Mistake("POST", "/faults", {"kind": "down", "phone": BOT}, 400, "down takes no options; not phone"),
    Mistake("POST", "/media-faults", {"kind": "slow", "status": 404}, 400, "slow takes count, rate; not status"),
    Mistake("DELETE", "/faults?phone=5511999990000", None, 404, "add it first"),
    Mistake("POST", "/proxies", {"scheme": "ftp"}, 400, "scheme: must be 'http'"),
    Mistake("DELETE", "/proxies/x", None, 400, "by its number"),
    Mistake("POST", "/clients", {"name": "../x", "command": ["true"]}, 400, "name: must match"),
    Mistake("POST", "/clients", {"name": "x", "command": ["true"]}, 400, "--allow-client-control"),
    Mistake("POST", "/load", {"from": [], "to": BOT, "count": 1}, 400, "from: must not be empty"),
    Mistake("GET", f"/phones/{BOT}/inbox?affter=1", None, 400, "takes the query parameters after, wait; not affter"),
    Mistake("GET", "/state?wait=1", None, 400, "GET /state takes no query parameters; not wait"),
    Mistake("GET", "/faults?phone=5511900000001", None, 400, "GET /faults takes no query parameters; not phone"),
    Mistake("GET", "/packets?after=1&after=2", None, 400, "the query parameter 'after' is given more than once"),
    Mistake("GET", f"/phones/{BOT}/inbox?after=x", None, 400, "'after' must be a number"),
    Mistake("GET", "/phone", None, 404, "is not served"),
    Mistake("DELETE", "/phones", None, 405, "takes GET, HEAD, POST"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.complaint)
async def test_a_wrong_request_names_the_field_and_the_remedy(
    simulator: WhatsApp, bot: Phone, mistake: Mistake
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.request(mistake.method, simulator.control_url + mistake.path, json=mistake.body) as response,
    ):
        problem = await response.json()
    assert response.status == mistake.status
    assert mistake.complaint in problem["error"]


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/phones", '{"phone": "+5511911111111", "name": "Ana", "name": "Bia"}', "name"),
        (f"/phones/{BOT}/send", f'{{"to": "{BOT}", "message": {{"kind": "text", "text": "a", "text": "b"}}}}', "text"),
        ("/version-floor", '{"version": "2.3000.1", "version": "2.3000.1"}', "version"),
    ],
)
async def test_a_field_that_is_given_twice_is_refused(
    simulator: WhatsApp, bot: Phone, path: str, body: str, name: str
) -> None:
    method = "PUT" if path == "/version-floor" else "POST"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, simulator.control_url + path, data=body) as response,
    ):
        assert response.status == 400
        assert (await response.json())["error"] == f"the field {name!r} is given more than once"
    assert [phone.phone for phone in await simulator.api.phones()] == [BOT]
    assert await bot.inbox() == []


async def test_faults_of_the_front_door_are_listed_until_they_are_over(simulator: WhatsApp, bot: Phone) -> None:
    await bot.fault(FaultKind.REFUSE, code=479)
    await simulator.fault(FaultKind.TLS, tls="expired", count=2)
    await simulator.fault(FaultKind.PROXY, duration=60)
    await simulator.fault(FaultKind.PROXY, code=0)
    refuse, tls, proxy, hanging = await simulator.api.faults()
    assert (refuse.kind, refuse.phone, refuse.code, refuse.tls) == (FaultKind.REFUSE, BOT, 479, None)
    assert (tls.kind, tls.phone, tls.left, tls.until, tls.tls) == (FaultKind.TLS, None, 2, None, "expired")
    assert (proxy.kind, proxy.phone, proxy.left, proxy.tls) == (FaultKind.PROXY, None, None, None)
    assert proxy.until is not None
    assert (hanging.left, hanging.code, hanging.taken) == (1, 0, 0)
    await simulator.api.clear_faults(BOT)
    assert [rule.kind for rule in await simulator.api.faults()] == [FaultKind.TLS, FaultKind.PROXY, FaultKind.PROXY]
    await simulator.api.clear_faults()
    assert await simulator.api.faults() == []


async def test_every_fault_takes_each_of_its_options_through_the_client(simulator: WhatsApp, bot: Phone) -> None:
    values = {"direction": "inbound", "peer": bot.number, "stanza": "message", "tls": "cut"}
    for kind in FaultKind:
        whom = None if kind in SERVER_KINDS else bot.number
        options = {name: values.get(name, 1) for name in OPTIONS[kind]}
        await simulator.api.fault(kind, whom, **options)
    await simulator.api.clear_faults()


async def test_the_client_explains_refusals(api: SimulatorClient) -> None:
    with pytest.raises(RequestError, match="add it first"):
        await api.send(ANA, BOT, "oi")


@dataclass
class Served:
    """An `oxy-simulator serve` process."""

    process: asyncio.subprocess.Process
    proxy: int
    control: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.control}"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "oxy_simulator", *arguments]


@asynccontextmanager
async def serving(state: Path, options: Sequence[str] = ()) -> AsyncIterator[Served]:
    process = await asyncio.create_subprocess_exec(
        *command("serve", "--proxy-port", "0", "--control-port", "0", "--state", str(state), *options),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            ports = json.loads(await process.stdout.readline())
        yield Served(process, ports["proxy"], ports["control"])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_the_command_serves_and_sigterm_ends_it_with_everything_saved(tmp_path: Path) -> None:
    async with serving(tmp_path) as first, SimulatorClient(first.url) as api:
        await api.add_phone(BOT)
        await api.add_phone(ANA)
        for number in range(50):
            await api.send(ANA, BOT, f"m{number}")
        first.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            assert await first.process.wait() == 0
    async with serving(tmp_path) as second, SimulatorClient(second.url) as api:
        assert [message.text for message in await api.inbox(BOT)] == [f"m{number}" for number in range(50)]


async def test_linked_devices_survive_kill_9_of_the_simulator(tmp_path: Path, new_client: NewClient) -> None:
    state = tmp_path / "state"
    environment = {
        "SSL_CERT_FILE": str(state / "ca.crt"),
        "OXY_NOISE_ROOT_FILE": str(state / "noise-root.hex"),
    }
    async with serving(state) as first, SimulatorClient(first.url) as api:
        await api.add_phone(BOT)
        await api.add_phone(ANA)
        client = await new_client({**environment, "HTTPS_PROXY": f"http://127.0.0.1:{first.proxy}"})
        await client.expect("QR")
        code = (await client.ask("pair", "Code", phone=BOT))["code"]
        await api.link(BOT, code=code)
        await client.expect("Connected")
        await api.send(ANA, BOT, "um")
        await client.expect("Message", text="um")
        await client.ask("send", "Sent", to=ANA, text="dois")
        first.process.kill()
    await client.kill()
    async with serving(state) as second, SimulatorClient(second.url) as api:
        client.environment["HTTPS_PROXY"] = f"http://127.0.0.1:{second.proxy}"
        await client.start()
        await client.expect("Connected")
        before = len(await api.inbox(ANA))
        await api.send(ANA, BOT, "três")
        await client.expect("Message", text="três")
        await client.ask("send", "Sent", to=ANA, text="quatro")
        assert [message.text for message in await api.inbox(ANA, after=before, wait=PATIENCE)] == ["quatro"]
        await api.fault(FaultKind.ABORT, BOT)
        await client.expect("Connected")
        assert await api.violations() == []


async def saved(state: Path, message: str) -> None:
    """Wait until a server's database holds a message wherever it belongs: one transaction has it all."""

    def is_there() -> bool:
        with closing(sqlite3.connect(f"file:{state / DATABASE_FILE}?mode=ro", uri=True)) as database:
            query = "select count(*) from rows where instr(body, ?) or instr(key, ?)"
            return bool(database.execute(query, (message.encode(), message)).fetchone()[0])

    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(is_there):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
async def test_what_a_fault_held_when_the_server_ended_comes_afterwards(
    tmp_path: Path, new_client: NewClient, ending: signal.Signals
) -> None:
    state = tmp_path / "state"
    environment = {
        "SSL_CERT_FILE": str(state / "ca.crt"),
        "OXY_NOISE_ROOT_FILE": str(state / "noise-root.hex"),
    }
    async with serving(state) as first, SimulatorClient(first.url) as api:
        await api.add_phone(BOT)
        await api.add_phone(ANA)
        client = await new_client({**environment, "HTTPS_PROXY": f"http://127.0.0.1:{first.proxy}"})
        await api.link(BOT, qr=(await client.expect("QR"))["text"])
        await client.expect("Connected")
        assert await api.settled(PATIENCE)
        await api.fault(FaultKind.DELAY, BOT, delay=3600)
        sent = await api.send(ANA, BOT, "retida")
        (rule,) = await api.faults()
        assert (rule.left, rule.held) == (0, 1)
        assert not await api.settled(0)
        await saved(state, sent)
        first.process.send_signal(ending)
        await first.process.wait()
    await client.kill()
    async with serving(state) as second, SimulatorClient(second.url) as api:
        assert await api.faults() == []
        client.environment["HTTPS_PROXY"] = f"http://127.0.0.1:{second.proxy}"
        await client.start()
        await client.expect("Message", text="retida")
        assert await api.settled(PATIENCE)
        (line,) = [line for line in await api.accounting() if line.id == sent]
        assert line.deliveries == 1


def test_keys_can_be_made_beforehand_and_served_read_only(tmp_path: Path) -> None:
    keys, state = tmp_path / "keys", tmp_path / "state"
    subprocess.run(command("keys", "--state", str(keys)), check=True, capture_output=True)
    assert bytes.fromhex((keys / "noise-root.hex").read_text())
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    keys.chmod(0o555)

    async def served_root() -> None:
        async with serving(state, ["--keys", str(keys)]) as served, SimulatorClient(served.url) as api:
            assert (await api.state()).connections == 0

    asyncio.run(served_root())
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before
    assert "tls.pem" not in {path.name for path in state.iterdir()}


def test_a_server_takes_keys_from_a_folder_but_makes_none_there(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    serve = command("serve", "--proxy-port", "0", "--control-port", "0", "--state", str(tmp_path), "--keys", str(keys))
    done = subprocess.run(serve, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr == f"oxy-simulator: there are no keys in {keys}; make them with: oxy-simulator keys --keys {keys}\n"
    )
    assert not keys.exists()


def test_wrong_settings_are_explained() -> None:
    environment = {**os.environ, "OXY_SIMULATOR_PROXY_PORT": "70000"}
    done = subprocess.run(command("serve"), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--proxy-port (OXY_SIMULATOR_PROXY_PORT) is '70000'" in done.stderr


async def test_the_command_takes_more_proxies_and_as_many_connections_as_the_system_allows(tmp_path: Path) -> None:
    options = ["--listen", "socks5://ana:segredo@127.0.0.1:0", "--listen", "http://127.0.0.1:0?answer=refuse&code=403"]
    limited = ["prlimit", "--nofile=256:4096"]
    process = await asyncio.create_subprocess_exec(
        *limited,
        *command("serve", "--proxy-port", "0", "--control-port", "0", "--state", str(tmp_path), *options),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            printed = json.loads(await process.stdout.readline())
        assert [urlsplit(url).scheme for url in printed["listen"]] == ["socks5", "http"]
        async with SimulatorClient(f"http://127.0.0.1:{printed['control']}") as api:
            assert [(proxy.scheme, proxy.answer) for proxy in await api.proxies()] == [
                ("http", "serve"),
                ("socks5", "serve"),
                ("http", "refuse"),
            ]
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (4096, 4096)
    finally:
        process.terminate()
        await process.wait()


def test_a_listener_that_is_none_is_explained(tmp_path: Path) -> None:
    arguments = command("serve", "--proxy-port", "0", "--control-port", "0", "--state", str(tmp_path))
    done = subprocess.run([*arguments, "--listen", "ftp://x"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is no listener" in done.stderr


async def test_a_disk_without_room_is_told_and_nothing_is_lost_when_there_is_room_again(tmp_path: Path) -> None:
    state, limits = tmp_path / "state", resource.RLIMIT_FSIZE
    no_limit = resource.getrlimit(limits)
    async with serving(state) as served, SimulatorClient(served.url) as api:
        await api.add_phone(BOT)
        resource.prlimit(served.process.pid, limits, (1 << 12, no_limit[1]))
        await api.add_phone(ANA)
        sent = await api.send(BOT, ANA, "sem espaço")
        with pytest.raises(RequestError, match=r"cannot write to its state folder: the file may not grow"):
            await api.attach(BOT, "image", b"x" * 100_000)
        resource.prlimit(served.process.pid, limits, no_limit)
        await saved(state, sent)
        served.process.kill()
    async with serving(state) as served, SimulatorClient(served.url) as api:
        assert [message.id for message in await api.inbox(ANA)] == [sent]
        resource.prlimit(served.process.pid, limits, (1 << 12, no_limit[1]))
        await api.send(BOT, ANA, "sem espaço de novo")
        served.process.terminate()
        assert await served.process.wait() == 2
