from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_core.identity import Jid
from oxy_tenant.links.errors import LinkUnavailableError, SendUnconfirmedError
from oxy_tenant.links.neonize.chain_watch import QUEUE_SECONDS, ChainWatch
from oxy_tenant.links.neonize.sending_chains import (
    LONGEST_MARGIN,
    LONGEST_PAUSE,
    MOST_OWED,
    OWN,
    SHORTEST_MARGIN,
)
from oxy_tenant.own_account import OwnAccount

ANA = Jid.parse("111@lid")
ANA_PHONE = Jid.parse("5511911111111@s.whatsapp.net")
BIA = Jid.parse("222@lid")
OWN_CHAT = Jid.parse("999@lid")
OWN_USERS = frozenset({"999", "5511900000001"})

SEND = 0.004
"""Seconds that a send takes here; its margin is the shortest."""


@dataclass
class World:
    """Chains with a clock that the test moves."""

    owed: Mapping[str, int] = field(default_factory=dict)
    now: float = 100.0
    kept: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chains = ChainWatch(OwnAccount(OWN_USERS), self.owed, self.kept.update, clock=lambda: self.now)

    @contextmanager
    def sending(self, chat: Jid = ANA, seconds: float = SEND) -> Iterator[None]:
        with self.chains.sending(chat):
            yield
            self.now += seconds

    def send(self, chat: Jid = ANA, seconds: float = SEND) -> None:
        with self.sending(chat, seconds):
            pass

    def arrive(self, *addresses: Jid, after: float = 0.0, from_me: bool = False) -> bool:
        self.now += after
        with self.chains.calling_back():
            return self.chains.record_arrival(frozenset(addresses or {ANA}), from_me=from_me)


@pytest.fixture
def world() -> World:
    return World()


def test_a_chat_without_a_send_is_owed_nothing_and_needs_no_wait(world: World) -> None:
    assert not world.arrive()
    assert not world.chains.owes(ANA)
    assert world.chains.wait_seconds(ANA) == 0


def test_nothing_is_sent_while_the_server_delivers_what_it_had_queued(world: World) -> None:
    world.chains.queue_announced()
    world.now += QUEUE_SECONDS / 2
    assert world.chains.wait_seconds(ANA) > 0
    world.chains.queue_delivered()
    assert world.chains.wait_seconds(ANA) == 0


def test_a_queue_without_an_end_holds_up_nothing_for_ever(world: World) -> None:
    world.chains.queue_announced()
    world.now += QUEUE_SECONDS
    assert world.chains.wait_seconds(ANA) == 0


def test_a_message_before_a_send_does_not_matter(world: World) -> None:
    world.arrive()
    world.now += 0.003
    world.send()
    assert not world.chains.owes(ANA)


def test_a_message_during_a_send_may_roll_back_the_chain(world: World) -> None:
    with world.sending():
        assert world.arrive(after=0.001)
    assert world.chains.owes(ANA)
    assert not world.chains.owes(BIA)


def test_a_callback_shortly_after_a_send_may_be_for_an_overlapping_message(world: World) -> None:
    world.send()
    assert world.arrive(after=SHORTEST_MARGIN * 0.9)
    assert world.chains.owes(ANA)


def test_a_later_callback_is_not_for_an_overlapping_message(world: World) -> None:
    world.send()
    assert not world.arrive(after=SHORTEST_MARGIN * 1.1)
    assert not world.chains.owes(ANA)


def test_a_slow_send_has_a_longer_margin(world: World) -> None:
    world.send(seconds=0.1)
    assert world.arrive(after=0.15)
    world.send(seconds=75)
    world.now += LONGEST_MARGIN * 1.1
    assert world.chains.wait_seconds(BIA) == 0


def test_a_queued_callback_may_be_for_an_older_message(world: World) -> None:
    world.send()
    world.now += SHORTEST_MARGIN / 2
    for _ in range(20):
        with world.chains.calling_back():
            world.now += 0.005  # another customer's message is journalled
        world.now += 0.0005
    assert world.arrive()


def test_another_contacts_message_rolls_back_no_chain(world: World) -> None:
    with world.sending():
        assert not world.arrive(BIA)
    assert not world.chains.owes(ANA)


@pytest.mark.parametrize("addresses", [(ANA, ANA_PHONE), (ANA_PHONE,), (Jid.parse("111:3@lid"),)])
def test_a_contact_is_recognised_by_each_of_its_addresses(world: World, addresses: tuple[Jid, ...]) -> None:
    with world.sending(ANA):
        assert world.arrive(*addresses)
    assert world.chains.owes(ANA)


def test_an_address_that_may_belong_to_the_contact_counts_as_the_contacts(world: World) -> None:
    with world.sending(ANA_PHONE):
        assert world.arrive(ANA)
    assert world.chains.owes(ANA_PHONE)


def test_a_filler_to_one_address_settles_the_other(world: World) -> None:
    with world.sending(ANA_PHONE):
        world.arrive(ANA, ANA_PHONE)
    assert world.chains.owes(ANA)
    world.now += 1
    world.send(ANA)
    assert not world.chains.owes(ANA_PHONE)
    assert set(world.kept.values()) == {0}


def test_a_message_from_our_own_phone_affects_the_next_send_to_any_chat(world: World) -> None:
    with world.sending(ANA):
        assert world.arrive(OWN_CHAT, from_me=True)
    assert world.kept == {OWN: 1}
    assert world.chains.owes(BIA)
    assert world.chains.owes(OWN_CHAT)
    world.now += 1
    world.send(BIA)
    assert not world.chains.owes(ANA)


def test_the_own_chat_waits_for_sends_to_others(world: World) -> None:
    world.send(ANA)
    assert world.chains.wait_seconds(OWN_CHAT) > 0
    assert world.chains.wait_seconds(BIA) == 0


def test_one_send_clears_one_overlap(world: World) -> None:
    with world.sending():
        world.arrive()
        world.arrive(after=0.001)
    world.now += 1
    world.send()
    assert not world.chains.owes(ANA)


def test_a_filler_that_overlaps_a_message_is_owed_again(world: World) -> None:
    with world.sending():
        world.arrive()
    world.now += 1
    with world.sending():
        world.arrive()
    assert world.chains.owes(ANA)


def test_a_message_that_overlapped_two_sends_may_roll_back_both(world: World) -> None:
    world.send()
    world.send()
    world.arrive(after=0.001)
    assert world.kept[str(ANA)] == 2


def test_a_rollback_during_a_filler_restores_all_that_was_owed_before(world: World) -> None:
    world.send()
    world.send()
    world.arrive(after=0.001)
    world.now += 1
    with world.sending():
        world.arrive()
    assert world.kept[str(ANA)] == 2


def test_no_more_is_owed_than_one_rollback_can_undo(world: World) -> None:
    for _ in range(20):
        world.send(seconds=0.0001)
    world.arrive()
    assert world.kept[str(ANA)] == MOST_OWED


def test_a_send_that_failed_before_encryption_settles_nothing(world: World) -> None:
    with world.sending():
        world.arrive()
    world.now += 1
    with suppress(LinkUnavailableError), world.sending():
        raise LinkUnavailableError
    assert world.chains.owes(ANA)
    with suppress(SendUnconfirmedError), world.sending():
        raise SendUnconfirmedError
    assert not world.chains.owes(ANA)


def test_fillers_owed_by_an_earlier_run_stay_owed(world: World) -> None:
    again = World(owed={str(ANA): 2})
    for owes in (True, True, False):
        assert again.chains.owes(ANA) is owes
        assert not world.chains.owes(ANA)
        again.now += 1
        again.send()
    assert again.kept == {str(ANA): 0}


def test_the_next_send_waits_until_the_last_is_decided(world: World) -> None:
    world.send()
    assert world.chains.wait_seconds(ANA) == pytest.approx(SHORTEST_MARGIN)
    assert world.chains.wait_seconds(BIA) == 0
    world.now += SHORTEST_MARGIN * 1.01
    assert world.chains.wait_seconds(ANA) == 0


def test_a_filler_waits_until_the_contact_pauses(world: World) -> None:
    with world.sending():
        world.arrive()
    for _ in range(50):
        world.arrive(after=SHORTEST_MARGIN / 2)
    assert world.chains.wait_seconds(ANA) == pytest.approx(SHORTEST_MARGIN)
    world.now += SHORTEST_MARGIN * 1.01
    assert world.chains.wait_seconds(ANA) == 0


def test_the_pause_grows_with_each_failed_filler(world: World) -> None:
    with world.sending():
        world.arrive()
    world.now += LONGEST_MARGIN
    world.arrive()
    waits = [world.chains.wait_seconds(ANA, fillers) for fillers in range(9)]
    assert waits[:3] == pytest.approx([SHORTEST_MARGIN, SHORTEST_MARGIN * 2, SHORTEST_MARGIN * 4])
    assert waits[8] == pytest.approx(LONGEST_PAUSE)
    world.send()
    assert world.chains.wait_seconds(ANA, 8) == pytest.approx(SHORTEST_MARGIN)


def test_a_contact_that_is_owed_nothing_needs_no_pause(world: World) -> None:
    world.send()
    world.now += 1
    world.arrive()
    world.now += 0.003
    assert world.chains.wait_seconds(ANA) == 0


def test_contacts_without_recent_sends_are_forgotten(world: World) -> None:
    for number in range(2000):
        world.send(Jid.parse(f"{number}@lid"))
    assert len(world.chains._chains._uses) < 200  # noqa: SLF001 memory is not seen from outside


LONGEST_DECRYPTION = SHORTEST_MARGIN * 0.9


@dataclass
class Library(World):
    """A world with the library's stored session: a decryption stores what it loaded, even if that is stale by then."""

    stored: int = 0
    used: set[int] = field(default_factory=set)
    dropped: list[str] = field(default_factory=list)
    loaded: tuple[float, int] | None = None

    def load(self) -> None:
        if self.loaded is None:
            self.loaded = self.now, self.stored

    def store(self) -> None:
        if self.loaded is not None:
            (_, self.stored), self.loaded = self.loaded, None
            self.arrive()

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        if self.loaded is not None and self.loaded[0] + LONGEST_DECRYPTION <= end:
            self.now = max(self.now, self.loaded[0] + LONGEST_DECRYPTION)
            self.store()
        self.now = end

    def encrypt_and_send(self, what: str) -> None:
        with self.chains.sending(ANA):
            self.pass_time(SEND / 2)
            if self.stored in self.used:
                self.dropped.append(what)
            self.used.add(self.stored)
            self.stored += 1
            self.pass_time(SEND / 2)

    def answer(self) -> None:
        while (wait := self.chains.wait_seconds(ANA)) or self.chains.owes(ANA):
            if wait:
                self.pass_time(wait)
            else:
                self.encrypt_and_send("filler")
        self.encrypt_and_send("answer")


STEPS = st.lists(
    st.tuples(
        st.sampled_from([Library.load, Library.store, Library.answer]), st.floats(min_value=0.0001, max_value=0.02)
    ),
    max_size=60,
)


@given(STEPS)
def test_no_answer_is_dropped_no_matter_when_sessions_are_loaded_and_stored(
    steps: list[tuple[Callable[[Library], None], float]],
) -> None:
    library = Library()
    for act, seconds in steps:
        library.pass_time(seconds)
        act(library)
    assert "answer" not in library.dropped


def test_an_answer_is_dropped_without_a_filler() -> None:
    library = Library()
    library.load()
    library.encrypt_and_send("answer")
    library.store()
    library.encrypt_and_send("answer")
    assert library.dropped == ["answer"]
