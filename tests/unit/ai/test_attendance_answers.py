"""What a customer's next messages make of the bookings that a reminder has asked him about."""

from datetime import UTC, datetime
from typing import Any

import pytest
from unit.ai.test_proposals import heard, reaction, seen, text
from unit.ai.test_routing import turn

from oxy_ai.assistants.attendance import Answered, text_of
from oxy_ai.assistants.routing import Ask, Attend, Decision, Skip, decide
from oxy_ai.records import AskedBooking, Input
from oxy_ai.timezones import zone_or_default
from oxy_core.instance.settings import AiSettings

ZONE = zone_or_default("America/Sao_Paulo")
BATH = AskedBooking(
    occurrence=1,
    booking=7,
    service="Corte",
    subject="Ana",
    starts_at=datetime(2026, 12, 5, 13, tzinfo=UTC),
    message="Q1",
    asked_seconds=7_200,
    newest=True,
)
LATER = BATH.model_copy(update={"occurrence": 2, "booking": 8, "service": "Barba", "message": "Q2"})
OLD = BATH.model_copy(update={"newest": False})
HOURS = 3 * 3_600


def decided(inputs: list[Input], *asked: AskedBooking, **changes: Any) -> Decision:  # noqa: ANN401 fields of a turn
    return decide(turn(inputs=inputs, inputs_total=len(inputs), asked=asked or (BATH,), **changes))


@pytest.mark.parametrize(
    ("inputs", "answered"),
    [
        ([text("sim")], Answered.CONFIRMED),
        ([text("Sim!"), text("confirmado 👍")], Answered.CONFIRMED),
        ([text("pode confirmar", quote="Q1")], Answered.CONFIRMED),
        ([heard("Sim, confirmo.")], Answered.CONFIRMED),
        ([reaction("👍🏿")], Answered.CONFIRMED),
        ([reaction("😮"), reaction("✅")], Answered.CONFIRMED),
        ([text("cancelar")], Answered.CANCELLED),
        ([heard("Pode cancelar, por favor.")], Answered.CANCELLED),
        ([text("não vou poder ir")], Answered.CANNOT),
        ([reaction("👎")], Answered.CANNOT),
    ],
)
def test_a_plain_answer_is_understood_without_a_model(inputs: list[Input], answered: Answered) -> None:
    decision = decided(inputs)
    assert isinstance(decision, Attend)
    assert decision.ruling.answered is answered
    assert decision.ruling.about == (BATH,)


@pytest.mark.parametrize(
    "inputs",
    [
        [text("sim, mas pode ser às 11?")],
        [text("quero remarcar")],
        [text("sim"), text("cancelar")],
        [text("sim", forwarded=True)],
        [text("sim", quote="X9")],  # of another message
        [seen("uma placa que diz sim")],
        [heard(None)],
        [text("sim"), reaction("👍")],
        [text("sim", age=HOURS)],  # written before the reminder was sent
    ],
)
def test_whatever_else_is_answered_as_usual(inputs: list[Input]) -> None:
    decision = decided(inputs)
    assert not isinstance(decision, Attend)
    assert not isinstance(decision, Skip) or decision.reason == "stale"


def test_once_the_business_has_said_something_else_only_a_quote_or_a_reaction_answers() -> None:
    assert isinstance(decided([text("sim")], OLD), Ask)
    quoted = decided([text("sim", quote="Q1")], OLD)
    assert isinstance(quoted, Attend)
    reacted = decided([reaction("👍")], OLD)
    assert isinstance(reacted, Attend)
    assert decided([reaction("😮")], OLD) == Skip("reaction")
    assert decided([reaction("👍", "X9")], OLD) == Skip("reaction")


def test_of_two_bookings_both_are_confirmed_and_which_is_cancelled_is_asked() -> None:
    both = decided([text("sim")], BATH, LATER)
    assert isinstance(both, Attend)
    assert both.ruling.about == (BATH, LATER)
    which = decided([text("cancelar")], BATH, LATER)
    assert isinstance(which, Attend)
    assert which.ruling.answered is Answered.WHICH
    assert text_of(which.ruling, ZONE) == (
        "Claro! Qual deles você quer cancelar?\n• Corte de Ana, sábado, 05/12/2026 às 10:00\n"
        "• Barba de Ana, sábado, 05/12/2026 às 10:00"
    )
    one = decided([text("cancelar", quote="Q2")], BATH, LATER)
    assert isinstance(one, Attend)
    assert one.ruling.about == (LATER,)
    twice_reminded = decided([text("cancelar")], BATH, LATER.model_copy(update={"booking": 7}))
    assert isinstance(twice_reminded, Attend)
    assert twice_reminded.ruling.answered is Answered.CANCELLED


def test_what_has_begun_is_cancelled_no_more_and_nothing_else_is_said_of_it() -> None:
    begun = BATH.model_copy(update={"has_begun": True})
    for words in ("cancelar", "não vou poder ir"):
        late = decided([text(words)], begun)
        assert isinstance(late, Attend)
        assert late.ruling.answered is Answered.TOO_LATE
        assert text_of(late.ruling, ZONE).startswith("O horário já começou (Corte de Ana, ")
    assert isinstance(decided([text("sim")], begun), Ask)
    coming = decided([text("cancelar")], begun, LATER)
    assert isinstance(coming, Attend)
    assert (coming.ruling.answered, coming.ruling.about) == (Answered.CANCELLED, (LATER,))


def test_an_attempt_after_the_one_that_acted_only_tells() -> None:
    done = BATH.model_copy(update={"answer": "cancelled", "outcome": "Tudo bem, cancelei."})
    decision = decided([text("cancelar")], done)
    assert isinstance(decision, Attend)
    assert decision.ruling.answered is Answered.CANCELLED
    assert decision.ruling.about[0].outcome == "Tudo bem, cancelei."


def test_a_business_that_tries_the_assistant_out_changes_nothing() -> None:
    settings = turn().settings.model_copy(update={"ai": AiSettings(mode="Draft")})
    assert isinstance(decided([text("sim")], settings=settings), Ask)


def test_a_reaction_to_nothing_is_not_answered() -> None:
    assert decide(turn(inputs=[reaction("👍")], inputs_total=1)) == Skip("reaction")
    assert isinstance(decide(turn(inputs=[reaction("👍"), text("oi")], inputs_total=2)), Ask)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("sim", "Combinado, está confirmado: Corte de Ana, sábado, 05/12/2026 às 10:00. Até lá! 😊"),
        ("cancelar", "Tudo bem, cancelei: Corte de Ana, sábado, 05/12/2026 às 10:00. Quando quiser"),
        ("não", "Entendi. Quer que eu *cancele* Corte de Ana, sábado, 05/12/2026 às 10:00, ou prefere *remarcar*"),
    ],
)
def test_a_customer_is_told_what_came_of_it(inputs: str, said: str) -> None:
    decision = decided([text(inputs)])
    assert isinstance(decision, Attend)
    assert text_of(decision.ruling, ZONE).startswith(said)
