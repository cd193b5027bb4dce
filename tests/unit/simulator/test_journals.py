"""What was acknowledged and never journalled; and restarts that lose the memory."""

import json
from pathlib import Path

import pytest
from unit.simulator.memory import ANA, BOT, World

from oxy_simulator import sending
from oxy_simulator.errors import RequestError
from oxy_simulator.journals import read_journal, unjournalled
from oxy_simulator.restart import restart


def say(world: World, text: str) -> str:
    message = sending.text_message(text)
    return sending.send_message(world.network, world.ana, world.bot, message, sending.new_message_id())


def test_what_was_confirmed_and_not_journalled_is_lost(world: World) -> None:
    client = world.online()
    client.received()
    receipted, refused, read, waiting, journalled = [say(world, text) for text in "abcde"]
    stanzas = {stanza.text("id"): stanza for stanza in client.received() if stanza.tag == "message"}
    client.confirm(stanzas[receipted])
    client.acknowledge(stanzas[refused], error=500)
    client.confirm(stanzas[read], "read")
    client.confirm(stanzas[journalled])
    assert waiting in stanzas
    ledger = world.network.state.ledger
    assert [line.id for line in unjournalled(ledger, BOT, {journalled})] == [receipted, refused, read]
    assert list(unjournalled(ledger, ANA, set())) == []


def test_a_journal_is_read_line_by_line_and_may_end_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"id": "A"}\n"B"\n\n{"id": "C", "text": "oi"}\n{"id": "D", "te')
    assert read_journal(path, "id") == {"A", "B", "C"}


@pytest.mark.parametrize(
    ("text", "key", "complaint"),
    [
        ('{"id": "A"}\n{"id"\n{"id": "C"}\n', "id", ":2 is no JSON object with 'id'"),
        ('{"id": "A"}\n{"id": "B"}\n', "message", ":1 is no JSON object with 'message'"),
        (json.dumps({"id": 7}) + "\n", "id", ":1 is no JSON object with 'id'"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, text: str, key: str, complaint: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(text)
    with pytest.raises(RequestError, match=complaint):
        read_journal(path, key)


def test_a_journal_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be read"):
        read_journal(tmp_path / "none", "id")


def test_a_restart_without_memory_accounts_for_the_mail_that_is_gone(world: World) -> None:
    client = world.online()
    client.disconnect()
    lost = say(world, "perdida")
    restart(world.network, world.network.state, memory=False)
    (line,) = [line for line in world.network.state.ledger if line.id == lost]
    assert set(line.stages) == {"sent", "queued", "dropped"}
    assert (world.bot.devices[1].mailbox, world.ana.sessions, world.ana.sent) == ({}, {}, {})


def test_a_restart_with_memory_keeps_the_mail_and_voids_connections(world: World) -> None:
    client = world.online()
    kept = say(world, "guardada")
    connection = client.connection
    restart(world.network, world.network.state, memory=True)
    assert connection.closed
    assert world.network.connections == {}
    assert any(key.startswith(f"message/{kept}/") for key in world.bot.devices[1].mailbox)
    assert world.ana.sessions
