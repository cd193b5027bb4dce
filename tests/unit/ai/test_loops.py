from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from oxy_ai.assistants.loops import MOST_IN_RUN, MOST_QUICK, MOST_REPEATED, LoopLimits, exchanges_with, is_loop
from oxy_ai.records import Contact, Exchanges, Input, Turn
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
SETTINGS = InstanceSettings(
    organization="petshop",
    instance="main",
    account="A" * 56,
    generation=1,
    display_name="Pet Shop",
    phone_number="+5511999990000",
    timezone="America/Sao_Paulo",
)
DAY = 86_400


def said(text: str | None, age: float = 1, kind: MessageKind = MessageKind.TEXT) -> Input:
    return Input(kind=kind, text=text, age_seconds=age)


def turn(moment: datetime, inputs: tuple[Input, ...], before: Exchanges | None) -> Turn:
    return Turn(
        turn=1,
        attempts=0,
        instance=UUID(int=1),
        settings=SETTINGS,
        closed=False,
        chat=Jid.parse("5511912340001@s.whatsapp.net"),
        self_chat=False,
        contact=Contact(id=1),
        exchanges=before,
        inputs=inputs,
        inputs_total=len(inputs),
        history=(),
        steps=(),
        read_at=moment,
    )


def answered_before_stopping(pauses: list[float], texts: list[str] | None = None) -> int:
    """How many messages are answered, each sent so many seconds after the answer to the one before it."""
    moment, before = NOON, None
    for number, pause in enumerate(pauses):
        moment += timedelta(seconds=pause)
        text = texts[number] if texts else f"mensagem {number}"
        inputs = (said(text, age=1),)
        exchanges = exchanges_with(turn(moment + timedelta(seconds=1), inputs, before), inputs)
        if is_loop(exchanges):
            return number
        moment += timedelta(seconds=2)
        before = exchanges.model_copy(update={"ended_at": moment})
    return len(pauses)


def test_a_machine_that_answers_at_once_is_answered_a_bounded_number_of_times() -> None:
    assert answered_before_stopping([0.5] * 1000) == MOST_QUICK + 1


def test_a_machine_that_takes_its_time_is_answered_a_bounded_number_of_times() -> None:
    assert answered_before_stopping([40] * 1000) == MOST_IN_RUN + 1


def test_a_machine_that_repeats_itself_is_answered_a_bounded_number_of_times() -> None:
    assert answered_before_stopping([DAY] * 100, ["Digite 1 para vendas"] * 100) == MOST_REPEATED + 1


@pytest.mark.parametrize(
    "pauses",
    [
        [30] * MOST_IN_RUN,
        [*[30] * MOST_IN_RUN, 700, *[30] * MOST_IN_RUN],
        [*[3] * MOST_QUICK, 20, *[3] * MOST_QUICK],
        [DAY] * 1000,
        [],
    ],
)
def test_people_are_answered(pauses: list[float]) -> None:
    assert answered_before_stopping(pauses) == len(pauses)


def test_people_who_write_the_same_now_and_then_are_answered() -> None:
    texts = ["oi", "oi", "OI ", "Quanto custa?"] * 5
    assert answered_before_stopping([DAY] * len(texts), texts) == len(texts)


def test_who_answers_within_the_second_of_our_answer_is_quick() -> None:
    before = Exchanges(ended_at=NOON, quick=4, run=4)
    inputs = (said("oi", age=10.9),)
    assert exchanges_with(turn(NOON + timedelta(seconds=10), inputs, before), inputs).quick == 5


def test_a_customer_may_say_yes_to_everything() -> None:
    assert answered_before_stopping([60] * 9, ["Sim", "sim", "sim, por favor"] * 3) == 9
    assert answered_before_stopping([60] * 9, ["Sim"] * 9) == 9


def test_a_message_that_crossed_the_answer_says_nothing_of_its_senders_speed() -> None:
    before = Exchanges(ended_at=NOON, quick=4, run=4)
    inputs = (said("e amanhã?", age=10),)
    assert exchanges_with(turn(NOON + timedelta(seconds=5), inputs, before), inputs).quick == 4


def test_what_looks_alike_but_is_no_text_is_no_repetition() -> None:
    photo = (said(None, kind=MessageKind.IMAGE),)
    before = exchanges_with(turn(NOON, photo, None), photo).model_copy(update={"ended_at": NOON})
    assert exchanges_with(turn(NOON + timedelta(days=1), photo, before), photo).repeated == 0
    blank = (said(" \u200b"),)
    assert exchanges_with(turn(NOON, blank, None), blank).digest is None


def test_a_limit_of_zero_is_none() -> None:
    endless = Exchanges(quick=1000, run=1000, repeated=1000)
    assert is_loop(endless)
    assert not is_loop(endless, LoopLimits(quick=0, run=0, repeated=0))
    assert is_loop(endless, LoopLimits(quick=0, run=0))
