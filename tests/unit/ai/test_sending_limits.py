"""What Aurora is told of the budget of her number."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from oxy_ai.aurora.acting.sending_acts import promotions_begin, sending_limits, shown
from oxy_ai.reputation import PauseReason, Purpose, Reputation, Stop, WaitingTexts
from oxy_core.instance.settings import LimitsSettings

HERE = ZoneInfo("America/Sao_Paulo")
NOON = datetime(2031, 3, 3, 15, tzinfo=UTC)
FOUND = Reputation(
    per_minute=20,
    this_minute=3,
    next_at=None,
    promotions_a_day=50,
    promotions_left=12,
    promotion_day=2,
    quiet_hours="21:00-08:00",
    quiet_until=None,
    timezone="America/Sao_Paulo",
    paused=None,
    waiting=[WaitingTexts(purpose=Purpose.PROMOTION, why="interval", texts=4, since=NOON, until=NOON)],
)


def test_what_is_left_and_why_something_waits() -> None:
    state = shown(FOUND, LimitsSettings(), HERE)
    assert (state.divulgacao.restam_hoje, state.divulgacao.dia_de_aquecimento, state.parado) == (12, 2, None)
    [waits] = state.esperando
    assert waits.o_que == "campanhas e divulgação"
    assert waits.podem_sair_a_partir_de == "segunda-feira, 03/03/2031 às 12:00"
    assert promotions_begin(FOUND, HERE) == (
        " Agora nenhuma sai (o cliente recebeu outra divulgação há poucos dias), a partir de segunda-feira, 03/03/2031 "
        "às 12:00."
    )
    assert promotions_begin(FOUND.model_copy(update={"waiting": []}), HERE) == ""


@pytest.mark.parametrize("why", PauseReason)
def test_each_reason_has_words(why: PauseReason) -> None:
    stopped = FOUND.model_copy(update={"paused": Stop(why=why, at=NOON), "promotion_day": 4})
    state = shown(stopped, LimitsSettings(), HERE)
    assert state.parado is not None
    assert state.parado.desde == "segunda-feira, 03/03/2031 às 12:00"
    assert state.divulgacao.dia_de_aquecimento is None


def test_the_prompt_names_the_limits() -> None:
    assert "20 mensagens por minuto, nunca entre 21:00 e 08:00" in sending_limits(LimitsSettings())
    assert "nunca" not in sending_limits(LimitsSettings(quiet_hours=""))
