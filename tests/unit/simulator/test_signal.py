import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from oxy_simulator.errors import DecryptionError, DuplicateCiphertextError
from oxy_simulator.signal import (
    MAX_SKIPPED,
    Encrypted,
    PhoneKeys,
    Session,
    SessionRecord,
    pad,
    unpad,
)


class Side:
    """One end of a conversation."""

    def __init__(self) -> None:
        self.keys = PhoneKeys.generate()
        self.record = SessionRecord()

    def open(self, other: "Side") -> None:
        self.record.promote(Session.initiate(self.keys, other.keys.issue_bundle()))

    def say(self, text: str) -> Encrypted:
        session = self.record.current
        assert session is not None
        return session.encrypt(self.keys, pad(text.encode()))

    def hear(self, message: Encrypted) -> str:
        return self.record.decrypt(self.keys, message.kind, message.data).decode()


@pytest.fixture
def pair() -> tuple[Side, Side]:
    ana, bot = Side(), Side()
    ana.open(bot)
    return ana, bot


def test_a_conversation_goes_both_ways(pair: tuple[Side, Side]) -> None:
    ana, bot = pair
    first = ana.say("oi")
    assert (first.kind, bot.hear(first)) == ("pkmsg", "oi")
    answer = bot.say("olá")
    assert (answer.kind, ana.hear(answer)) == ("msg", "olá")
    second = ana.say("tudo bem?")
    assert (second.kind, bot.hear(second)) == ("msg", "tudo bem?")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_messages_in_any_order_are_read_once(turns: list[bool], order: random.Random) -> None:
    ana, bot = Side(), Side()
    ana.open(bot)
    bot.hear(ana.say("start"))
    flying: list[tuple[Side, str, Encrypted]] = []
    for number, from_ana in enumerate(turns):
        speaker, listener = (ana, bot) if from_ana else (bot, ana)
        flying.append((listener, f"m{number}", speaker.say(f"m{number}")))
    order.shuffle(flying)
    for listener, text, message in flying:
        assert listener.hear(message) == text
    for listener, _, message in flying:
        with pytest.raises(DuplicateCiphertextError):
            listener.hear(message)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(("ana", "bot", "deliver")), st.integers(0, 20)), max_size=40))
def test_a_conversation_of_late_and_early_messages_is_read(actions: list[tuple[str, int]]) -> None:
    ana, bot = Side(), Side()
    ana.open(bot)
    bot.hear(ana.say("start"))
    flying: list[tuple[Side, str, Encrypted]] = []
    for number, (action, chosen) in enumerate([*actions, *[("deliver", 0)] * len(actions)]):
        if action != "deliver":
            speaker, listener = (ana, bot) if action == "ana" else (bot, ana)
            flying.append((listener, f"m{number}", speaker.say(f"m{number}")))
        elif flying:
            listener, text, message = flying.pop(chosen % len(flying))
            assert listener.hear(message) == text
    assert not flying


def test_who_only_reads_moves_no_ratchet(pair: tuple[Side, Side]) -> None:
    ana, bot = pair
    bot.hear(ana.say("oi"))
    session = bot.record.sessions[0]
    before, own = session.ratchet, bot.keys.signed_prekey
    bot.hear(ana.say("alô?"))
    assert before is session.ratchet is own
    ana.hear(bot.say("olá"))
    assert session.ratchet is not own


def test_a_ratchet_that_moves_twice_without_an_answer_is_refused(pair: tuple[Side, Side]) -> None:
    ana, bot = pair
    bot.hear(ana.say("oi"))
    session = ana.record.current
    assert session is not None
    session.answers = bot.keys.identity.public  # as if the bot had answered
    with pytest.raises(DecryptionError, match="twice"):
        bot.hear(ana.say("de novo"))


def test_a_repeated_first_message_is_a_duplicate(pair: tuple[Side, Side]) -> None:
    ana, bot = pair
    first = ana.say("oi")
    bot.hear(first)
    with pytest.raises(DuplicateCiphertextError):
        bot.hear(first)


def test_a_changed_message_is_refused_and_changes_nothing(pair: tuple[Side, Side]) -> None:
    ana, bot = pair
    bot.hear(ana.say("oi"))
    ana.hear(bot.say("olá"))
    good = ana.say("bom")
    assert good.kind == "msg"
    for position in (1, len(good.data) // 2, len(good.data) - 1):
        data = bytearray(good.data)
        data[position] ^= 1
        with pytest.raises(DecryptionError):
            bot.hear(Encrypted(good.kind, bytes(data)))
    assert bot.hear(good) == "bom"


def test_both_sides_may_open_a_session_at_once() -> None:
    ana, bot = Side(), Side()
    ana.open(bot)
    bot.open(ana)
    from_ana, from_bot = ana.say("oi"), bot.say("olá")
    assert bot.hear(from_ana) == "oi"
    assert ana.hear(from_bot) == "olá"
    for number in range(4):
        assert bot.hear(ana.say(f"a{number}")) == f"a{number}"
        assert ana.hear(bot.say(f"b{number}")) == f"b{number}"


def test_a_used_one_time_prekey_opens_no_second_session(pair: tuple[Side, Side]) -> None:
    ana, bot = pair
    first = ana.say("oi")
    bot.hear(first)
    bot.record = SessionRecord()
    with pytest.raises(DecryptionError, match="prekey"):
        bot.hear(first)


def test_more_missing_messages_than_allowed_are_refused(pair: tuple[Side, Side]) -> None:
    ana, bot = pair
    bot.hear(ana.say("start"))
    for _ in range(MAX_SKIPPED + 1):
        last = ana.say("lost")
    with pytest.raises(DecryptionError, match="are missing"):
        bot.hear(ana.say("late"))
    assert last


def test_without_a_session_nothing_is_read(pair: tuple[Side, Side]) -> None:
    ana, bot = pair
    bot.hear(ana.say("oi"))
    ana.hear(bot.say("olá"))
    with pytest.raises(DecryptionError, match="no session"):
        Side().hear(ana.say("quem?"))


def test_a_retired_record_reads_on_but_starts_nothing_new(pair: tuple[Side, Side]) -> None:
    ana, bot = pair
    bot.hear(ana.say("oi"))
    answer = bot.say("olá")
    ana.record.retire()
    assert ana.record.current is None
    assert ana.hear(answer) == "olá"
    assert ana.record.current is not None, "the ratchet moved, so its new sending chain was never used"
    assert bot.hear(ana.say("de novo")) == "de novo"


def test_sessions_survive_being_stored(pair: tuple[Side, Side]) -> None:
    ana, bot = pair
    bot.hear(ana.say("oi"))
    late = ana.say("atrasada")
    bot.hear(ana.say("depois"))
    keys, record = TypeAdapter(PhoneKeys), TypeAdapter(SessionRecord)
    bot.keys = keys.validate_json(keys.dump_json(bot.keys))
    bot.record = record.validate_json(record.dump_json(bot.record))
    assert bot.hear(late) == "atrasada"
    assert ana.hear(bot.say("olá")) == "olá"


@given(st.binary(max_size=50))
def test_padding_is_stripped_again(plaintext: bytes) -> None:
    assert unpad(pad(plaintext)) == plaintext


@pytest.mark.parametrize("padded", [b"", b"\x00", b"\x05", b"ab\x03\x02"])
def test_malformed_padding_is_refused(padded: bytes) -> None:
    with pytest.raises(DecryptionError, match="padding"):
        unpad(padded)
