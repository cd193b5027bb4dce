"""Whether the day and the time of a call were named in the conversation."""

from datetime import date, time

import pytest
from pydantic import BaseModel
from unit.ai.test_consent import earlier, said, turn_of

from oxy_ai.assistants.agreed_moment import is_agreed
from oxy_ai.assistants.vertical import Consent
from oxy_ai.messages import MessageContent
from oxy_ai.records import HistoryMessage, Input

SATURDAY = date(2026, 11, 28)
BOOK = Consent(moment=("day", "at"))


class Order(BaseModel):
    """Arguments of a tool."""

    day: date = date(2026, 11, 30)
    at: time = time(10)


LIST = earlier("assistant", "Para Banho tenho em segunda-feira, 30/11/2026: 09:00, 10:00. Qual prefere?")
OFFER = earlier("phone", "Segunda às dez?")


@pytest.mark.parametrize(
    ("inputs", "history"),
    [
        (("quero banho segunda às 10h",), ()),
        (("quero banho", "segunda", "10:00"), ()),
        (("dia 30, dez da manhã",), ()),
        (("às 10",), (LIST,)),
        (("o segundo horário",), (LIST,)),
        (("sim",), (OFFER,)),
        (("às dez",), (earlier("customer", "quero um banho na segunda"), earlier("assistant", "Que horas?"))),
        (("depois de amanhã às 10",), ()),
        (("marca no primeiro horário que tiver",), ()),
        (("qualquer horário serve",), ()),
    ],
)
def test_what_was_named_is_agreed(inputs: tuple[str, ...], history: tuple[HistoryMessage, ...]) -> None:
    assert is_agreed(BOOK, Order(), turn_of(*map(said, inputs), history=history), SATURDAY)


@pytest.mark.parametrize(
    ("inputs", "history"),
    [
        ((said("Quero saber quanto custa o banho do Thor"),), ()),
        ((said("quero banho segunda"),), ()),
        ((said("quero banho às 10h"),), ()),
        ((said("posso passar aí para conhecer a loja?"),), ()),
        ((said("às 10h"),), (earlier("customer", "terça?"),)),
        ((said("segunda às 11h"),), (LIST.model_copy(update={"text": "Tenho segunda: 09:00, 11:00."}),)),
        ((said("segunda às 10h", content=MessageContent(forwarded=True)),), ()),
        ((said(None),), ()),
    ],
)
def test_what_the_model_made_up_is_not(inputs: tuple[Input, ...], history: tuple[HistoryMessage, ...]) -> None:
    assert not is_agreed(BOOK, Order(), turn_of(*inputs, history=history), SATURDAY)


def test_yesterdays_words_count_after_midnight() -> None:
    turn = turn_of(said("amanhã às 10"))
    assert is_agreed(BOOK, Order(day=SATURDAY), turn, SATURDAY)


def test_a_call_without_a_moment_needs_none() -> None:
    assert is_agreed(Consent(), Order(), turn_of(said("oi")), SATURDAY)
