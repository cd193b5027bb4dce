"""What is said at once to a customer whose animal is in danger, and what may be said of his bookings."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from oxy_ai.assistants.vertical import Context, Facts, Role
from oxy_ai.ids import instance_id
from oxy_ai.petshop.parts import BOOKINGS, CATALOG, CatalogFacts
from oxy_ai.petshop.prompts import booked_moments
from oxy_ai.petshop.urgent import may_be_urgent, said_at_once, shown_phone
from oxy_ai.records import Contact, Input, Turn
from oxy_ai.scheduling.bookings import Booking
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind

WITH_NUMBER = CatalogFacts("", phone="+551130451122", emergency_phone="+551130459000")
WITHOUT = CatalogFacts("", phone="+551130451122")


def written(text: str, catalog: CatalogFacts | None = WITH_NUMBER, **changes: object) -> Context:
    items = tuple(
        Input.model_validate({"kind": MessageKind.TEXT, "text": part, "age_seconds": 1} | changes)
        for part in text.split("|")
    )
    turn = Turn(
        turn=1,
        attempts=0,
        instance=instance_id("petshop", "main"),
        settings=InstanceSettings.model_construct(max_answer_age_seconds=60),
        closed=False,
        chat=Jid.of_phone("+5511912340001"),
        self_chat=False,
        contact=Contact(id=1),
        inputs=items,
        inputs_total=len(items),
        history=(),
        steps=(),
        read_at=datetime.now(UTC),
    )
    found = {} if catalog is None else {CATALOG.name: catalog}
    return Context(turn, Role.CUSTOMER, datetime.now(ZoneInfo("America/Sao_Paulo")), Facts(found))


@pytest.mark.parametrize(
    "text",
    [
        "Socorro, meu cachorro comeu chocolate!",
        "o Rex tá convulsionando",
        "minha gata não consegue respirar",
        "ele foi atropelado agora e tá sangrando muito",
        "a barriga dele inchou e ele tenta vomitar e não sai nada",
        "oi|meu cachorro comeu|chocolate|oq eu faço",
    ],
)
def test_an_emergency_is_answered_with_the_number_of_the_clinic(text: str) -> None:
    said = said_at_once(written(text))
    assert said is not None
    assert "Ligue agora para +55 11 3045-9000" in said


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("Quero um banho para o Rex", {}),
        ("oi|quero um banho|para o Chocolate", {}),
        ("cachorro pode comer chocolate?", {}),
        ("meu cachorro comeu chocolate", {"content": {"forwarded": True}}),
        ("meu cachorro comeu chocolate", {"age_seconds": 61}),
    ],
)
def test_nothing_else_is(text: str, changes: dict[str, object]) -> None:
    assert said_at_once(written(text, **changes)) is None


def test_a_shop_without_a_number_says_so() -> None:
    said = said_at_once(written("meu cachorro está convulsionando", WITHOUT))
    assert said is not None
    assert "Não temos um telefone de emergência. Leve agora" in said
    assert "O telefone da loja é +55 11 3045-1122." in said
    unread = said_at_once(written("meu cachorro está convulsionando", None))
    assert unread is not None
    assert "Não consigo ver agora se temos um telefone de emergência." in unread


def test_an_answer_may_call_booked_what_is_booked_in_the_shops_time() -> None:
    at = datetime(2026, 12, 1, 18, 30, tzinfo=UTC)
    held, cancelled = (
        Booking(number, "Banho", "Thor", None, at, at, 6500, status, ())
        for number, status in enumerate(("confirmed", "cancelled"))
    )
    context = replace(written("Oi"), facts=Facts({BOOKINGS.name: (held, cancelled)}))
    assert [f"{moment:%d/%m %H:%M}" for moment in booked_moments(context)] == ["01/12 15:30"]
    assert booked_moments(written("Oi")) == ()


def test_numbers_are_shown_as_they_are_dialled() -> None:
    assert shown_phone("+5511987651111") == "+55 11 98765-1111"
    assert shown_phone("+14155550100") == "+14155550100"


@pytest.mark.parametrize(
    ("text", "may_be"),
    [
        ("Socorro, meu cachorro comeu chocolate!", True),
        ("chocolate", True),
        ("um pedaço de chocolate", True),
        ("Oi, bom dia!", False),
        ("Quanto custa o banho?", False),
        ("", False),
    ],
)
def test_a_piece_of_a_sentence_may_be_about_an_emergency(text: str, *, may_be: bool) -> None:
    assert may_be_urgent(text) is may_be
