"""Whether something that is due is sent now, later or not at all, and what it says."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from oxy_ai.automations.decision import (
    LOOK_AGAIN,
    TALKING,
    Assistant,
    Deliver,
    Drop,
    Dropped,
    Recipient,
    Wait,
    decide,
    decide_by_room,
)
from oxy_ai.automations.definition import Automation
from oxy_ai.automations.occurrences import Due, Subject
from oxy_ai.automations.wording import enumerated, people_of, text_for
from oxy_ai.reputation import Purpose, Room

NOW = datetime(2026, 12, 4, 13, tzinfo=UTC)
ZONE = ZoneInfo("America/Sao_Paulo")
HOUR = timedelta(hours=1)
REMINDER = Automation.model_validate(
    {"name": "r", "trigger": "before_booking", "delay": "24h", "text": "{agendamentos}", "enabled": True}
)


def subject(name: str, hour: int, service: str = "Corte") -> Subject:
    start = datetime(2026, 12, 5, hour, tzinfo=UTC)
    return Subject(1, f"booking:{hour}", "x", start, booking=hour, starts_at=start, service=service, name=name)


@pytest.mark.parametrize(
    ("changes", "decision"),
    [
        ({}, Deliver()),
        ({"now": NOW + 6 * HOUR}, Drop(Dropped.TOO_LATE)),
        ({"now": NOW - HOUR}, Wait(NOW, "due")),
        ({"now": NOW - timedelta(seconds=30)}, Deliver()),
        ({"enabled": False}, Drop(Dropped.DISABLED)),
        ({"assistant": Assistant(enabled=False)}, Drop(Dropped.ASSISTANT_OFF)),
        ({"assistant": Assistant(paused=True)}, Wait(NOW + LOOK_AGAIN, "room:booking:assistant")),
        ({"opt_out": "proactive"}, Drop(Dropped.OPTED_OUT)),
        ({"opt_out": "all"}, Drop(Dropped.OPTED_OUT)),
        ({"private": True}, Drop(Dropped.PRIVATE)),
        ({"owner": True}, Drop(Dropped.OWNER)),
        ({"on_trial": False}, Drop(Dropped.TRIAL)),
        ({"human_until": NOW + 9 * HOUR}, Wait(NOW + LOOK_AGAIN, "room:booking:human")),
        ({"human_until": NOW - HOUR}, Deliver()),
        ({"last_inbound_at": NOW - TALKING / 2}, Wait(NOW + TALKING / 2, "room:booking:talking")),
        ({"last_inbound_at": NOW + HOUR}, Deliver()),  # the clock was put back
        ({"last_inbound_at": NOW, "now": NOW + 5 * HOUR}, Deliver()),
        ({"human_until": NOW + 9 * HOUR, "now": NOW + 6 * HOUR - LOOK_AGAIN / 2}, Drop(Dropped.TOO_LATE)),
    ],
)
def test_what_becomes_of_it(changes: dict[str, Any], decision: object) -> None:
    known = dict(changes)
    now, assistant = known.pop("now", NOW), known.pop("assistant", Assistant())
    automation = REMINDER.model_copy(update={"enabled": known.pop("enabled", True)})
    due = Due(subject("Rex", 13), NOW, NOW + 6 * HOUR)
    assert decide(automation, due, Recipient(1, **known), assistant, now) == decision


@pytest.mark.parametrize(
    ("room", "decision"),
    [
        (Room(NOW + LOOK_AGAIN, "turn"), Deliver()),
        (Room(NOW + HOUR, "day"), Wait(NOW + HOUR, "room:promotion:day")),
        (Room(NOW + 6 * HOUR, "interval"), Drop(Dropped.NO_ROOM)),
        (Room(None, "paused"), Wait(NOW + LOOK_AGAIN, "room:promotion:paused")),
    ],
)
def test_what_becomes_of_it_by_the_numbers_budget(room: Room, decision: object) -> None:
    assert decide_by_room(room, Purpose.PROMOTION, NOW, NOW + 6 * HOUR) == decision
    assert decide_by_room(room._replace(at=None), Purpose.PROMOTION, NOW, NOW) == Drop(Dropped.NO_ROOM)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ""),
        (["Rex"], "Rex"),
        (["Rex", "Mia"], "Rex e Mia"),
        (["Rex", "Mia", "Tom"], "Rex, Mia e Tom"),
        (["Rex", "rex", "Mia", ""], "Rex e Mia"),
    ],
)
def test_several_are_named_once(words: list[str], said: str) -> None:
    assert enumerated(words) == said


def test_a_text_tells_of_all_in_the_order_of_time() -> None:
    filled = text_for(REMINDER, [subject("Mia", 14), subject("Rex", 13)], people_of("Ana", "Loja"), {}, ZONE)
    assert filled.text == "Corte de Rex, sábado, 05/12/2026 às 10:00 e Corte de Mia, sábado, 05/12/2026 às 11:00"


def test_a_text_has_names_or_words_for_them_and_a_promotion_a_way_out() -> None:
    thanks = Automation.model_validate(
        {"name": "t", "trigger": "after_visit", "text": "Oi, {nome|tudo bem}! {pet} gostou do {servico}? {loja}"}
    )
    aliases = {"pet": "para"}
    known = text_for(thanks, [subject("Rex", 13)], people_of("Ana Souza 🌻", "Loja"), aliases, ZONE)
    assert known.text.startswith("Oi, Ana! Rex gostou do Corte? Loja\n\n")
    assert known.text.endswith("é só responder *sair*.")
    unknown = text_for(thanks, [subject("Rex", 13)], people_of(None, None), aliases, ZONE)
    assert unknown.missing == ("loja",)
    assert unknown.text.startswith("Oi, tudo bem! ")
