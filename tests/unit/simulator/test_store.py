"""What a state folder keeps."""

import asyncio
import fcntl
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.simulator.memory import MemoryClient, World

from oxy_simulator import linking, sending
from oxy_simulator.accounts import Account
from oxy_simulator.errors import SetupError, SimulatorError
from oxy_simulator.network import State
from oxy_simulator.node import node
from oxy_simulator.rows import ChangedRows
from oxy_simulator.store import DATABASE_FILE, SNAPSHOT_FILE, StateStore
from oxy_simulator.tables import Table

MakeWorld = Callable[[State], World]


def say(world: World, sender: Account, to: Account, text: str) -> None:
    sending.send_message(world.network, sender, to, sending.text_message(text), sending.new_message_id())


def online(world: World) -> MemoryClient:
    """A linked client in the middle of a conversation with Ana."""
    client = world.online()
    client.write(world.ana, "olá", "3EB001")
    say(world, world.ana, world.bot, "oi")
    return client


def moved(client: MemoryClient, world: World) -> MemoryClient:
    """The same device, facing another run of the simulator."""
    client.network, client.identity = world.network, world.identity
    return client


def texts(client: MemoryClient, world: World) -> list[str]:
    client.log_in()
    client.request("passive", "set", node("active"))
    ana = (world.ana.lid, world.ana.pn)
    return [
        client.read(stanza).conversation
        for stanza in client.received()
        if stanza.attrs.get("from") in ana and stanza.tag == "message"
    ]


def as_if_killed(folder: Path) -> Path:
    """Copy the database as `kill -9` at this moment would leave it."""
    copy = folder / "copy"
    copy.mkdir()
    for name in (DATABASE_FILE, f"{DATABASE_FILE}-wal"):
        shutil.copy(folder / name, copy)
    return copy


def test_a_clean_restart_loses_nothing(tmp_path: Path, make_world: MakeWorld) -> None:
    store = StateStore(tmp_path)
    world = make_world(store.load())
    client = online(world)
    before = world.network.state
    store.close()

    after = StateStore(tmp_path)
    again = make_world(after.load())
    assert again.network.state == before
    assert texts(moved(client, again), again) == ["oi"]
    client.write(again.ana, "de novo", "3EB002")
    assert [entry.text for entry in again.ana.inbox] == ["olá", "de novo"]
    after.close()


def test_after_a_kill_the_snapshot_is_used_with_fresh_sessions(tmp_path: Path, make_world: MakeWorld) -> None:
    store = StateStore(tmp_path)
    world = make_world(store.load())
    client = online(world)
    store.save()
    say(world, world.ana, world.bot, "depois do último instantâneo")
    copy = as_if_killed(tmp_path)
    store.close()

    again = make_world(StateStore(copy).load())
    say(again, again.ana, again.bot, "tudo certo?")
    stanzas = [item.stanza for item in again.bot.devices[1].mailbox.values() if item.line]
    assert [stanza.require("enc").text("type") for stanza in stanzas] == ["msg", "pkmsg"]
    assert texts(moved(client, again), again) == ["oi", "tudo certo?"]


def test_linked_devices_and_accounts_are_saved_at_once(tmp_path: Path, make_world: MakeWorld) -> None:
    store = StateStore(tmp_path)
    world = make_world(store.load())
    world.network.save_now = store.save
    world.linked()
    copy = as_if_killed(tmp_path)
    assert list(StateStore(copy).load().accounts[world.bot.phone].devices) == [1]
    store.close()


def test_a_process_that_has_just_taken_the_folder_is_named_too(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writing = threading.Timer(0.05, os.pwrite, (lock.fileno(), b"4711", 0))
        writing.start()
        with pytest.raises(SetupError, match="is in use by simulator process 4711; stop it"):
            StateStore(tmp_path).load()
        writing.join()


def test_a_folder_serves_one_simulator_at_a_time(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.load()
    with pytest.raises(SetupError, match=f"{tmp_path} is in use by simulator process {os.getpid()}; stop it, or name"):
        StateStore(tmp_path).load()
    store.close()
    StateStore(tmp_path).load()


@pytest.mark.parametrize(
    ("name", "content"), [(SNAPSHOT_FILE, b'{"accounts": {"1": {}}}'), (DATABASE_FILE, b"no database" * 100)]
)
def test_a_damaged_state_is_refused_with_the_remedy(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SimulatorError, match="move it away to start afresh"):
        StateStore(tmp_path).load()


def test_the_snapshot_of_an_earlier_version_is_taken_over_once(tmp_path: Path, make_world: MakeWorld) -> None:
    shutil.copy(Path(__file__).parent / "data/state-0.1.json", tmp_path / SNAPSHOT_FILE)
    (tmp_path / "clean").touch()
    store = StateStore(tmp_path)
    world = make_world(store.load())
    assert [entry.text for entry in world.ana.inbox] == ["olá"]
    assert [entry.text for entry in world.bot.inbox] == ["oi"]
    assert [violation.rule for violation in world.network.state.violations] == ["example"]
    (device,) = world.bot.devices.values()
    assert (len(device.prekeys), len(device.mailbox), len(world.ana.sent)) == (2, 3, 1)
    (session,) = world.ana.sessions[str(world.bot.device_lid(1))].sessions
    assert not session.retired
    say(world, world.ana, world.bot, "com a versão nova")
    before = world.network.state
    store.close()

    assert not (tmp_path / SNAPSHOT_FILE).exists()
    again = StateStore(tmp_path)
    assert again.load() == before
    again.close()


def rows_of(folder: Path) -> dict[tuple[str, str, str], bytes]:
    database = sqlite3.connect(folder / DATABASE_FILE)
    with closing(database):
        return {(kind, owner, key): body for kind, owner, key, body in database.execute("select * from rows")}


def test_only_what_changed_is_written(tmp_path: Path, make_world: MakeWorld) -> None:
    store = StateStore(tmp_path)
    world = make_world(store.load())
    online(world)
    changed = ChangedRows.none(world.network.state)
    say(world, world.ana, world.bot, "mais uma")
    kinds = ["inbox", "known", "known", "line", "mail", "sent", "session", "state"]
    assert sorted(row.kind for row in changed.take()) == kinds
    assert changed.take() == []
    store.close()


def test_what_is_gone_is_removed(tmp_path: Path, make_world: MakeWorld) -> None:
    store = StateStore(tmp_path)
    world = make_world(store.load())
    online(world)
    store.save()
    assert {kind for kind, _, _ in rows_of(tmp_path)} >= {"device", "prekeys", "mail", "session"}
    linking.unlink(world.network, world.bot, 1)
    world.network.state.violations.clear()
    store.save()
    assert {kind for kind, _, _ in rows_of(tmp_path)} == {"state", "account", "inbox", "known", "line", "login", "sent"}
    store.close()


@given(st.lists(st.tuples(st.sampled_from(["set", "delete", "clear", "save"]), st.integers(0, 5), st.integers())))
def test_a_table_saved_by_its_touched_rows_is_the_same_in_the_same_order(steps: list[tuple[str, int, int]]) -> None:
    table: Table[int, list[int]] = Table()
    saved: dict[int, list[int]] = {}
    for step, key, value in [*steps, ("save", 0, 0)]:
        if step == "set":
            table.setdefault(key, []).append(value)
        elif step == "delete":
            table.pop(key, None)
        elif step == "clear":
            table.clear()
        else:
            for touched, removed in table.take_touched().items():
                row = dict.get(table, touched)
                if removed:
                    saved.pop(touched, None)
                if row is not None:
                    saved[touched] = list(row)
    assert list(saved.items()) == list(table.items())


def test_what_comes_and_goes_between_two_saves_is_not_written() -> None:
    table: Table[str, int] = Table()
    table["a"] = 1
    table.pop("a")
    table["b"] = 2
    assert table.take_touched() == {"b": None}
    table["c"] = 3
    del table["c"]
    table["d"] = 4
    table.clear()
    assert table.take_touched() == {"b": True}


async def test_traffic_is_saved_by_itself(tmp_path: Path, make_world: MakeWorld) -> None:
    store = StateStore(tmp_path)
    world = make_world(store.load())
    world.network.listeners.append(store.mark_dirty)
    saving = asyncio.create_task(store.run())
    online(world)
    for _ in range(6_000):
        if len([kind for kind, _, _ in rows_of(tmp_path) if kind == "inbox"]) == 2:
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("nothing was saved within a minute")
    saving.cancel()
    store.close()
