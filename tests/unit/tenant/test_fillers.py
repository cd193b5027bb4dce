import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from oxy_core.identity import Jid
from oxy_tenant.links.errors import LinkUnavailableError, SendRefusedError, SendUnconfirmedError
from oxy_tenant.links.neonize.chain_watch import ChainWatch
from oxy_tenant.links.neonize.fillers import MOST_FILLERS, SendingTurns
from oxy_tenant.links.neonize.sending_chains import OWN
from oxy_tenant.own_account import OwnAccount

ANA = Jid.parse("111@lid")
BIA = Jid.parse("222@lid")


@dataclass
class Phone:
    """Turns to send; `newest` is the id of the newest message in each chat, `failure` is raised by each filler."""

    owed: dict[str, int] = field(default_factory=dict)
    newest: str | None = "3EB0"
    failure: Exception | None = None
    answers: bool = False
    """Whether a message from the contact overlaps every filler."""
    fillers: list[tuple[Jid, str]] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    frozen: bool = False

    def __post_init__(self) -> None:
        account = OwnAccount(frozenset({"999"}))
        self.watch = ChainWatch(account, self.owed, lambda _: None)
        self.turns = SendingTurns(
            self.watch,
            account,
            newest_sent=lambda _: self.newest,
            send_filler=self.fill,
            stopping=self.stopping,
            frozen=lambda: self.frozen,
        )

    async def fill(self, chat: Jid, target: str) -> None:
        self.fillers.append((chat, target))
        with self.watch.sending(chat):
            if self.answers:
                self.watch.record_arrival(frozenset({chat}), from_me=False)
            if self.failure is not None:
                raise self.failure


async def test_a_turn_without_anything_owed_is_granted_at_once() -> None:
    phone = Phone()
    async with phone.turns.turn(ANA):
        assert phone.fillers == []


async def test_a_turn_is_granted_after_all_fillers_that_are_owed() -> None:
    phone = Phone({str(ANA): 2})
    async with phone.turns.turn(ANA):
        assert phone.fillers == [(ANA, "3EB0"), (ANA, "3EB0")]
    async with phone.turns.turn(BIA):
        assert len(phone.fillers) == 2


async def test_a_chat_without_a_message_of_ours_gets_no_filler() -> None:
    phone = Phone({str(ANA): 1}, newest=None)
    async with phone.turns.turn(ANA):
        assert phone.fillers == []


async def test_no_filler_is_sent_after_a_stop() -> None:
    phone = Phone({str(ANA): 1})
    phone.stopping.set()
    async with phone.turns.turn(ANA):
        assert phone.fillers == []


async def test_while_sending_is_frozen_a_turn_is_granted_without_fillers() -> None:
    phone = Phone({str(ANA): 2, str(BIA): 1})
    async with phone.turns.turn(BIA):
        waiting = asyncio.create_task(_take_turn(phone, ANA))
        await asyncio.sleep(0)  # it was asked for before the freeze
        phone.frozen = True
    await asyncio.wait_for(waiting, 60)
    assert phone.fillers == [(BIA, "3EB0")]
    phone.frozen = False
    await _take_turn(phone, ANA)
    assert phone.fillers == [(BIA, "3EB0"), (ANA, "3EB0"), (ANA, "3EB0")]


async def _take_turn(phone: Phone, chat: Jid) -> None:
    async with phone.turns.turn(chat):
        pass


async def test_after_too_many_overlapping_fillers_the_message_is_sent_anyway() -> None:
    phone = Phone({str(ANA): 1}, answers=True)
    async with asyncio.timeout(60), phone.turns.turn(ANA):
        assert len(phone.fillers) == MOST_FILLERS


async def test_only_one_turn_is_granted_at_a_time() -> None:
    phone = Phone()
    held = asyncio.Event()

    async def other() -> None:
        async with phone.turns.turn(BIA):
            held.set()

    async with phone.turns.turn(ANA):
        waiting = asyncio.create_task(other())
        with suppress(TimeoutError):
            await asyncio.wait_for(held.wait(), 0.05)
        assert not held.is_set()
    await waiting
    assert held.is_set()


async def test_a_refused_filler_does_not_hold_up_the_message() -> None:
    phone = Phone({str(ANA): 1}, failure=SendRefusedError("refused"))
    async with phone.turns.turn(ANA):
        assert len(phone.fillers) == 1


@pytest.mark.parametrize("failure", [LinkUnavailableError("away"), SendUnconfirmedError("no answer")])
async def test_a_filler_that_may_not_have_been_sent_postpones_the_message(failure: Exception) -> None:
    phone = Phone({str(ANA): 1, OWN: 0}, failure=failure)
    with pytest.raises(LinkUnavailableError):
        async with phone.turns.turn(ANA):
            raise AssertionError
