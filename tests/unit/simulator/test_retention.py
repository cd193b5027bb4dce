"""Memory is bounded over all phones together."""

from pathlib import Path

from unit.simulator.memory import World

from oxy_simulator import sending
from oxy_simulator.accounts import Account
from oxy_simulator.retention import Retention
from oxy_simulator.store import StateStore


def say(world: World, sender: Account, to: Account, text: str, message_id: str = "") -> None:
    sending.send_message(world.network, sender, to, sending.text_message(text), message_id or sending.new_message_id())


def test_the_oldest_of_all_phones_is_forgotten(world: World) -> None:
    world.linked()
    world.network.retention = Retention(world.network.state.accounts, 3, known=4, sent=2)
    other = Account("5511922222222", "Bia")
    world.network.add_account(other)
    for number in range(4):
        say(world, world.ana, world.bot, f"a{number}", f"3A0{number}")
    say(world, world.bot, other, "b", "3A10")
    assert [(entry.number, entry.text) for entry in world.bot.inbox] == [(3, "a2"), (4, "a3")]
    assert [entry.text for entry in other.inbox] == ["b"]
    assert (world.bot.inbox.next_number, world.bot.inbox.after(3)[0].text) == (5, "a3")
    kept = [message.text for account in (world.ana, world.bot, other) for message in account.chats.messages.values()]
    assert sorted(kept) == ["a3", "a3", "b", "b"]
    assert len(world.ana.sent) + len(world.bot.sent) == 2


def test_a_repetition_of_what_was_forgotten_is_not_noticed(world: World) -> None:
    world.network.retention = Retention(world.network.state.accounts, 1)
    say(world, world.ana, world.bot, "um", "3A01")
    say(world, world.ana, world.bot, "um", "3A01")
    assert [entry.duplicate for entry in world.bot.inbox] == [True]
    say(world, world.ana, world.bot, "dois", "3A02")
    say(world, world.ana, world.bot, "um", "3A01")
    assert [entry.duplicate for entry in world.bot.inbox] == [False]


def test_what_is_forgotten_is_gone_from_the_state_folder_too(tmp_path: Path, world: World) -> None:
    store = StateStore(tmp_path)
    state = store.load()
    world.network.reload(state)
    bot, ana = Account("5511900000001", "Clínica"), Account("5511911111111", "Ana")
    world.network.add_account(bot)
    world.network.add_account(ana)
    for number in range(4):
        say(world, ana, bot, f"a{number}")
        store.save()
    world.network.retention = Retention(state.accounts, 2)
    for number in range(4, 6):
        say(world, ana, bot, f"a{number}")
    before = state
    store.close()
    again = StateStore(tmp_path).load()
    assert again == before
    assert [(entry.number, entry.text) for entry in again.accounts[bot.phone].inbox][-1] == (6, "a5")
    assert again.accounts[bot.phone].inbox.next_number == 7


def test_life_lines_go_on_counting_and_say_how_many_were_forgotten(world: World) -> None:
    world.linked()
    ledger = world.network.state.ledger
    ledger.kept = 3
    for number in range(4):
        say(world, world.ana, world.bot, f"a{number}")
    assert ([line.text for line in ledger], ledger.forgotten) == (["a1", "a2", "a3"], 1)
    ledger.kept = 1
    say(world, world.ana, world.bot, "a4")
    assert [(line.number, line.text) for line in ledger] == [(5, "a4")]


def test_a_lower_limit_holds_at_the_next_message(world: World) -> None:
    for number in range(5):
        say(world, world.ana, world.bot, f"a{number}")
    world.network.retention = Retention(world.network.state.accounts, 2)
    say(world, world.ana, world.bot, "a5")
    assert [entry.text for entry in world.bot.inbox] == ["a4", "a5"]


def test_a_restart_goes_on_counting(world: World) -> None:
    for number in range(3):
        world.clock.now += 1
        say(world, world.ana, world.bot, f"a{number}")
        say(world, world.bot, world.ana, f"b{number}")
    retention = Retention(world.network.state.accounts, 5)
    world.network.retention = retention
    say(world, world.ana, world.bot, "a3")
    assert [entry.text for entry in world.bot.inbox] == ["a1", "a2", "a3"]
    assert [entry.text for entry in world.ana.inbox] == ["b1", "b2"]
