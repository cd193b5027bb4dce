"""The simulator starts, kills, stops and restarts the client, and counts what it lost."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from integration.simulator.clients import CHILD, PATIENCE

from oxy_simulator.errors import RequestError
from oxy_simulator.replies import ClientView
from oxy_simulator.testing import TRUST_FOLDER, WhatsApp

BOT, ANA = "+5511900000001", "+5511911111111"

# Journals every second message that it receives, as a client that loses some would.
BOT_SCRIPT = """
import json, subprocess, sys
child, database, journal, qr = sys.argv[1:]
client = subprocess.Popen([sys.executable, child, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
count = 0
for line in client.stdout:
    event = json.loads(line)
    if event["event"] == "QR":
        open(qr, "w").write(event["text"] + "\\n")
    elif event["event"] == "Connected":
        print("connected", flush=True)
    elif event["event"] == "Message" and event["text"]:
        count += 1
        if count % 2:
            open(journal, "a").write(json.dumps({"message": event["id"]}) + "\\n")
        print("got", event["text"], flush=True)
"""


@pytest.fixture
async def controlled(tmp_path: Path) -> AsyncIterator[WhatsApp]:
    """A simulator that may control clients."""
    async with WhatsApp(state=tmp_path / "simulator", allow_client_control=True) as running:
        yield running


async def become(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - files of other processes tell nobody of a change
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"{what} did not happen")


def says(view: ClientView, text: str, times: int = 1) -> Callable[[], bool]:
    return lambda: view.log_file.read_text().count(text) >= times


async def test_a_client_is_killed_stopped_and_restarted_and_its_losses_are_listed(
    controlled: WhatsApp, tmp_path: Path
) -> None:
    api = controlled.api
    bot, ana = await controlled.phone(BOT), await controlled.phone(ANA)
    journal, qr = tmp_path / "journal.jsonl", tmp_path / "qr"
    command = [sys.executable, "-c", BOT_SCRIPT, str(CHILD), str(tmp_path / "session.db"), str(journal), str(qr)]
    view = await api.start_client("bot", command, {"PYTHONPATH": str(TRUST_FOLDER)})
    assert (view.condition, view.starts, view.exit_code) == ("running", 1, None)
    await become(lambda: qr.exists() and qr.read_text().endswith("\n"), "a QR code")
    await bot.link(qr=qr.read_text().strip())
    await become(says(view, "connected"), "the connection")

    sent = [await ana.send(f"m{number}", to=bot) for number in range(4)]
    await become(says(view, "got m3"), "the last message")
    assert await controlled.settled(within=PATIENCE)
    report = await api.losses(BOT, path=str(journal), key="message")
    assert (report.journalled, [line.id for line in report.lost]) == (2, [sent[1], sent[3]])
    assert (await api.losses(BOT, ids=sent)).lost == []
    assert (report.forgotten, (await api.state()).forgotten) == (0, 0)

    assert (await api.act_on_client("bot", "stop")).condition == "stopped"
    waiting = await ana.send("parada", to=bot)
    assert not await controlled.settled(within=0.3)
    assert (await api.act_on_client("bot", "continue")).condition == "running"
    await become(says(view, "got parada"), "the message after SIGCONT")
    assert await controlled.settled(within=PATIENCE)  # it may print a message before it acknowledges it
    assert (await api.act_on_client("bot", "kill")).exit_code == -signal.SIGKILL
    assert waiting in {line.id for line in (await api.losses(BOT, ids=sent)).lost}

    await ana.send("depois", to=bot)
    restarted = await api.act_on_client("bot", "restart")
    assert (restarted.condition, restarted.starts) == ("running", 2)
    await become(says(view, "got depois"), "the message after the restart")
    await api.remove_client("bot")
    assert await api.clients() == []
    assert restarted.pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(restarted.pid, 0)


async def test_sigterm_gives_the_client_time(controlled: WhatsApp, tmp_path: Path) -> None:
    farewell = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print('up', flush=True); time.sleep(60)"
    )
    view = await controlled.api.start_client("bot", [sys.executable, "-c", farewell], folder=str(tmp_path))
    await become(says(view, "up"), "the start")
    ended = await controlled.api.act_on_client("bot", "terminate")
    assert (ended.condition, ended.exit_code) == ("ended", 7)
    assert [client.name for client in await controlled.api.clients()] == ["bot"]


async def test_clients_know_the_server_and_die_with_it(tmp_path: Path) -> None:
    show = "import json, os, time; print(json.dumps(dict(os.environ)), flush=True); time.sleep(60)"
    async with WhatsApp(state=tmp_path / "simulator", allow_client_control=True) as simulator:
        view = await simulator.api.start_client("bot", [sys.executable, "-c", show], {"EXTRA": "1"})
        await become(says(view, "\n"), "the output")
        environment = json.loads(view.log_file.read_text())
        assert environment["EXTRA"] == "1"
        assert simulator.client_environment.items() <= environment.items()
    assert view.pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(view.pid, 0)


async def test_mistakes_are_explained(controlled: WhatsApp) -> None:
    api = controlled.api
    with pytest.raises(RequestError, match="no client 'bot'; started here: none"):
        await api.act_on_client("bot", "kill")
    with pytest.raises(RequestError, match="cannot be started"):
        await api.start_client("bot", ["/no/such/program"])
    await api.start_client("bot", [sys.executable, "-c", "pass"])
    with pytest.raises(RequestError, match="a client 'bot' already"):
        await api.start_client("bot", ["true"])
    await api.act_on_client("bot", "kill")
    with pytest.raises(RequestError, match="has ended"):
        await api.act_on_client("bot", "stop")
    await controlled.phone(BOT)
    with pytest.raises(RequestError, match="exactly one of 'ids'"):
        await api.losses(BOT)


async def test_control_of_clients_is_off_unless_it_is_allowed(simulator: WhatsApp, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    with pytest.raises(RequestError, match="--allow-client-control"):
        await simulator.api.start_client("bot", ["touch", str(mark)])
    with pytest.raises(RequestError, match="--allow-client-control"):
        await simulator.api.clients()
    await simulator.phone(BOT)
    with pytest.raises(RequestError, match="--allow-client-control"):
        await simulator.api.losses(BOT, path="/etc/passwd")
    assert not mark.exists()
