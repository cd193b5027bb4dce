import asyncio
import random
import signal
import sqlite3
import time
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

from integration.tenant.scene import INSTANCE, ORGANIZATION, PATIENCE, Scene, send_request, until
from unit.tenant.sessions import add_secret

from oxy_core.envelopes import MessageSeen, SendOutcome, SendRequest
from oxy_core.identity import Jid
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.message_kinds import MessageKind
from oxy_simulator.faults import FaultKind
from oxy_tenant.journal.journal import Journal

SEED = 20_261_122


async def test_a_burst_interrupted_by_kills_is_reported_once_and_in_order(scene: Scene) -> None:
    chance = random.Random(SEED)
    await scene.pair()
    customers = [await scene.simulator.phone(f"+55119200000{number:02d}") for number in range(5)]
    total = 400
    await scene.simulator.load(customers, scene.business, total, rate=80)
    for _ in range(5):
        await asyncio.sleep(chance.uniform(0.2, 0.9))  # the moment of the kill, drawn from the seed
        await scene.runtime.kill()
        await scene.runtime.start()
    await scene.ready()
    await until(lambda: _accounted(scene, total), 60, "every message reported, or found lost")
    reports = await scene.bus.stored()
    sequences = {report.journal_sequence for report in reports}
    assert sequences == set(range(1, len(sequences) + 1))
    seen = {report.journal_sequence: report.body for report in reports}.values()
    messages = [body for body in seen if body.type == "message" and body.kind is MessageKind.TEXT]
    assert not [key for key, count in Counter(message.whatsapp_id for message in messages).items() if count > 1]
    for customer in customers:
        mine = [int(message.text.split("/")[1]) for message in messages if message.text.startswith(customer.number)]
        assert mine == sorted(mine)


async def _accounted(scene: Scene, total: int) -> bool:
    """Return whether each message that the simulator sent is on the stream, as a text or as lost."""
    sent = {line.id for line in await scene.simulator.messages(direction="inbound") if line.text}
    reported = {message.whatsapp_id for message in await scene.bus.messages()}
    return len(sent) == total and sent <= reported


async def test_sends_interrupted_by_kills_never_arrive_twice_and_each_has_one_result(scene: Scene) -> None:
    chance = random.Random(SEED)
    await scene.pair()
    chats = [await scene.chat()]
    for number in range(3):
        other = await scene.simulator.phone(f"+55119300000{number:02d}")
        await other.send("oi", scene.business)
        chats.append((await scene.texts(2 + number))[-1].chat)
    requests = [send_request(chats[number % 4], f"n {number}") for number in range(120)]
    for request in requests:
        await scene.bus.request(request)
    await until(lambda: len(scene.bus.accepted) >= len(requests), what="all accepted")
    for _ in range(6):
        await asyncio.sleep(chance.uniform(0.05, 0.5))  # the moment of the kill, drawn from the seed
        await scene.runtime.kill()
        await scene.runtime.start()
        await scene.ready()
    results = {request.id: await scene.result(request, within=60) for request in requests}
    stored = {report.id: report.body for report in await scene.bus.stored()}
    per_request = Counter(body.request_id for body in stored.values() if body.type == "send_result")
    assert set(per_request.values()) == {1}
    phones = scene.simulator.service.network.state.accounts.values()
    arrived = Counter(entry.text for phone in phones for entry in phone.inbox if not entry.from_me)
    for request in requests:
        outcome = results[request.id].outcome
        assert outcome in {SendOutcome.SENT, SendOutcome.AMBIGUOUS}
        assert arrived[request.text] <= 1
        assert arrived[request.text] == 1 or outcome is SendOutcome.AMBIGUOUS
    assert sum(result.outcome is SendOutcome.AMBIGUOUS for result in results.values()) <= 6


async def test_a_bus_that_dies_in_a_burst_gets_everything_in_order(scene: Scene) -> None:
    await scene.pair()
    customers = [await scene.simulator.phone(f"+55119200000{number:02d}") for number in range(5)]
    await scene.simulator.load(customers, scene.business, 600, rate=60)
    for round_number in range(3):
        await scene.texts(100 * round_number + 50)
        scene.bus.server.kill()
        await asyncio.sleep(0.3)  # an outage needs its time
        scene.bus.server.start()
    messages = await scene.texts(600, within=60)
    assert len(messages) == 600
    numbers: dict[Jid, list[int]] = defaultdict(list)
    for message in messages:
        numbers[message.chat].append(int(str(message.text).split("/")[1]))
    assert len(numbers) == 5
    assert all(found == sorted(found) for found in numbers.values())
    assert await scene.runtime.is_ready()


async def test_requests_that_a_killed_runtime_had_accepted_are_still_sent(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    scene.runtime.write_settings(pacing="Human")
    await until(lambda: "settings_changed" in scene.runtime.log, what="the new settings")
    requests = [send_request(chat, f"depois {number}") for number in range(3)]
    for request in requests:
        await scene.bus.request(request)
    await until(lambda: len(scene.bus.accepted) == 3, what="all accepted")
    await scene.runtime.kill()
    scene.runtime.settings = scene.runtime.settings.model_copy(update={"pacing": "None"})
    await scene.runtime.start()
    for request in requests:
        await scene.customer.expect(request.text, within=PATIENCE)
    assert [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"] == [
        r.text for r in requests
    ]


async def test_messages_wait_on_the_volume_while_the_bus_is_down(scene: Scene) -> None:
    await scene.pair()
    scene.bus.server.kill()
    for number in range(50):
        await scene.customer.send(f"guarde {number}", scene.business)

    async def journalled() -> bool:
        return await scene.runtime.metric('oxy_tenant_messages_received_total{kind="text"}') == 50

    await until(journalled, what="all journalled")
    await scene.runtime.kill(signal.SIGKILL)
    await scene.runtime.start()
    scene.bus.server.start()
    messages = await scene.texts(50, within=PATIENCE)
    assert [message.text for message in messages] == [f"guarde {number}" for number in range(50)]


async def test_a_send_unknown_to_the_library_is_sent_again(scene: Scene) -> None:
    await scene.pair()
    request = send_request(await scene.chat(), "de novo")
    assert await scene.runtime.kill(signal.SIGTERM) == 0
    interrupt(scene, request)
    await scene.runtime.start()
    await scene.customer.expect("de novo", within=PATIENCE)
    assert (await scene.result(request)).outcome is SendOutcome.SENT


async def test_a_send_that_the_library_had_begun_is_ambiguous_and_not_repeated(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    request = send_request(chat, "talvez")
    assert await scene.runtime.kill(signal.SIGTERM) == 0
    add_secret(scene.runtime.session / "session.db", "3EB0BEGUN", interrupt(scene, request), str(chat))
    await scene.runtime.start()
    result = await scene.result(request)
    assert (result.outcome, result.whatsapp_id) == (SendOutcome.AMBIGUOUS, "3EB0BEGUN")
    following = send_request(chat, "seguinte")
    await scene.bus.request(following)
    await scene.customer.expect("seguinte", within=PATIENCE)
    assert [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"] == [
        "seguinte"
    ]


async def test_a_send_cut_short_by_the_removal_of_the_device_is_ambiguous_and_not_repeated(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    await scene.business.fault(FaultKind.NO_ACK)
    request = send_request(chat, "só uma vez")
    await scene.bus.request(request)
    await scene.customer.expect("só uma vez", within=PATIENCE)
    await scene.business.unlink()  # the library forgets the device and all that it sent
    assert await scene.runtime.exit_code() == ExitCode.LOGGED_OUT
    scene.runtime.epoch = 2
    scene.bus.forget_states()
    await scene.pair()
    assert (await scene.result(request)).outcome is SendOutcome.AMBIGUOUS
    after = send_request(chat, "depois")
    await scene.bus.request(after)
    await scene.customer.expect("depois", within=PATIENCE)
    texts = [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"]
    assert texts == ["só uma vez", "depois"]


def interrupt(scene: Scene, request: SendRequest) -> bytes:
    """Leave the journal in the state of a runtime that died while sending; return the attempt's secret."""
    path = scene.runtime.session / "journal.db"
    journal = Journal.open(path, organization=ORGANIZATION, instance=INSTANCE)
    journal.sends.accept([request])
    secret = journal.sends.begin_attempt(request.id)
    journal.close()
    return secret


async def test_a_message_lost_before_the_journal_is_reported_by_its_id(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    assert await scene.runtime.kill(signal.SIGTERM) == 0
    add_secret(scene.runtime.session / "session.db", "3A0LOST", b"s" * 32, str(chat), str(chat))
    await scene.runtime.start()
    await scene.ready()

    async def lost() -> MessageSeen | None:
        return next((message for message in await scene.bus.messages() if message.whatsapp_id == "3A0LOST"), None)

    message = await until(lost, what="the lost message")
    assert (message.kind, message.chat, message.chat_sequence) == (MessageKind.UNDECRYPTABLE, chat, 2)
    assert await scene.runtime.metric('oxy_tenant_messages_lost_total{source="store"}') == 1


async def test_a_stop_waits_for_a_slow_disk(scene: Scene) -> None:
    await scene.pair()
    customers = [await scene.simulator.phone(f"+55119400000{number:02d}") for number in range(6)]
    enough = asyncio.Event()
    slow = asyncio.create_task(_slow_disk(scene.runtime.session / "journal.db", enough))
    await asyncio.gather(*(customer.send("oi", scene.business) for customer in customers))
    await asyncio.sleep(0.5)
    assert await scene.runtime.kill(signal.SIGTERM) == 0
    enough.set()
    await slow
    await scene.runtime.start()
    await scene.ready()
    messages = await scene.texts(len(customers))
    assert Counter(message.chat for message in messages).most_common(1)[0][1] == 1
    assert {message.kind for message in await scene.bus.messages()} == {MessageKind.TEXT}


async def _slow_disk(file: Path, enough: asyncio.Event) -> None:
    """Let each transaction on a database wait."""
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as database:
        while not enough.is_set():
            await asyncio.to_thread(_occupy, database)
            await asyncio.sleep(0.15)  # SQLite looks for a free database at least so often


def _occupy(database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    time.sleep(0.9)
    database.execute("ROLLBACK")
