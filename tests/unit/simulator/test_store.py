"""What a state folder keeps."""

from collections.abc import Callable
from pathlib import Path

import pytest
from unit.simulator.memory import MemoryClient, World

from oxy_simulator import phones
from oxy_simulator.accounts import Account
from oxy_simulator.errors import SimulatorError
from oxy_simulator.keys import ensure_keys, load_keys
from oxy_simulator.network import State
from oxy_simulator.node import node
from oxy_simulator.store import STATE_FILE, StateStore

MakeWorld = Callable[[State], World]


def say(world: World, sender: Account, to: Account, text: str) -> None:
    phones.send_message(world.network, sender, to, phones.text_message(text), phones.new_message_id())


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
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / STATE_FILE).write_bytes((tmp_path / STATE_FILE).read_bytes())
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
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / STATE_FILE).write_bytes((tmp_path / STATE_FILE).read_bytes())
    assert list(StateStore(copy).load().accounts[world.bot.phone].devices) == [1]
    store.close()


def test_a_folder_serves_one_simulator_at_a_time(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.load()
    with pytest.raises(SimulatorError, match="in use by another simulator"):
        StateStore(tmp_path).load()
    store.close()
    StateStore(tmp_path).load()


def test_a_damaged_state_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text('{"accounts": {"1": {}}}')
    with pytest.raises(SimulatorError, match="move it away to start afresh"):
        StateStore(tmp_path).load()


def test_keys_are_made_once_and_their_secrets_are_private(tmp_path: Path) -> None:
    ensure_keys(tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(files) == {"ca.crt", "noise-root.hex", "noise-root.key", "tls.pem"}
    assert {name: (tmp_path / name).stat().st_mode & 0o077 for name in ("noise-root.key", "tls.pem")} == {
        "noise-root.key": 0,
        "tls.pem": 0,
    }
    ensure_keys(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
    assert load_keys(tmp_path, 1_800_000_000).noise_root.hex() == files["noise-root.hex"].decode().strip()
