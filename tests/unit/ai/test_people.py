"""What customers and owners are told when a person is to answer."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from oxy_ai.assistants.escalation import Escalation, Motive, Pressure
from oxy_ai.assistants.fixed_texts import NAMED, notice_to_owner
from oxy_ai.assistants.people import SUMMARY, People, person_will_answer, with_promise
from oxy_ai.portuguese.promises import promises_person
from oxy_ai.records import HandOverReason, NoticeKind, OpenNotice

NOW = datetime(2026, 11, 28, 22, 30, tzinfo=ZoneInfo("America/Sao_Paulo"))  # a Saturday
LATER = {
    "now": NOW,
    "today": NOW.replace(hour=23),
    "tomorrow": NOW.replace(day=29, hour=8, minute=0),
    "monday": NOW.replace(day=30, hour=9, minute=0),
}


@pytest.mark.parametrize(
    ("told", "opens", "words"),
    [
        (True, None, "Já avisei a equipe e uma pessoa vai responder"),
        (True, "now", "Já avisei a equipe e uma pessoa vai responder"),
        (True, "today", "abrimos hoje, sábado, 28/11/2026, às 23:30"),
        (True, "tomorrow", "abrimos amanhã, domingo, 29/11/2026, às 08:00"),
        (True, "monday", "abrimos segunda-feira, 30/11/2026, às 09:00"),
        (False, None, "não tenho como avisar ninguém agora"),
        (False, "now", "não tenho como avisar ninguém agora"),
        (False, "monday", "Estamos fechados e abrimos segunda-feira, 30/11/2026, às 09:00"),
    ],
)
def test_customers_hear_what_happens_and_when(told: bool, opens: str | None, words: str) -> None:  # noqa: FBT001 a column of the table
    text = person_will_answer(People(told, NOW, None if opens is None else LATER[opens]))
    assert words in text
    assert promises_person(text) is told


def test_opening_hours_that_nobody_can_read_are_not_spoken_of() -> None:
    assert person_will_answer(People(told=True)) == person_will_answer(People(told=True, now=NOW))


@pytest.mark.parametrize(("text", "whole"), [("", "Aviso."), ("  \n", "Aviso."), ("Oi!\n", "Oi!\n\nAviso.")])
def test_an_answer_ends_with_the_promise_once(text: str, whole: str) -> None:
    assert with_promise(text, "Aviso.") == whole
    assert with_promise(whole, "Aviso.") == whole


def waiting(number: int, **changes: str) -> OpenNotice:
    return OpenNotice(id=number, kind="hand_over", **({"name": "Ana", "reason": "asked", "summary": "banho"} | changes))


@pytest.mark.parametrize("reason", [*HandOverReason, "of_a_newer_version", None])
def test_owners_read_why_what_and_how_to_have_the_assistant_back(reason: str | None) -> None:
    text = notice_to_owner(
        NoticeKind.HAND_OVER, [OpenNotice(id=1, kind="x", name="Ana", reason=reason, summary="b{0}")]
    )
    assert "• Ana: " in text
    assert "Resumo: b{0}" in text
    assert "escreva #bot na conversa" in text


def test_owners_read_that_whoever_is_not_answered_was_told_nothing() -> None:
    told = OpenNotice(id=1, kind="x", name="Ana", reason="emergency", summary="veneno", silences=False)
    text = notice_to_owner(NoticeKind.HAND_OVER_URGENT, [told])
    assert "• Ana: parece ser uma emergência, e eu não respondo essa conversa. Resumo: veneno" in text
    assert "#bot" not in text


def test_each_hand_over_is_listed_and_too_many_are_counted() -> None:
    crowd = [waiting(number, summary="x" * 2 * SUMMARY) for number in range(NAMED + 3)]
    text = notice_to_owner(NoticeKind.HAND_OVER_URGENT, crowd)
    assert text.startswith("⚠️ URGENTE!")
    assert text.count("• Ana") == NAMED
    assert "• e mais 3" in text
    assert len(text) < NAMED * 2 * SUMMARY


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"motivo": "reclamacao", "urgencia": "urgente", "resumo": "x"}', (Motive.COMPLAINT, Pressure.URGENT, "x")),
        ('{"motivo": "Emergência", "urgencia": "alta", "resumo": null}', (Motive.EMERGENCY, Pressure.NORMAL, "")),
        ('{"motivo": "cliente pediu", "urgencia": null}', (Motive.ASKED, Pressure.NORMAL, "")),
        ('{"motivo": "financeiro", "nome": "Ana"}', (Motive.UNABLE, Pressure.NORMAL, "")),
        ('{"motivo": 3, "resumo": ["a"]}', (Motive.UNABLE, Pressure.NORMAL, "")),
        ("{}", (Motive.UNABLE, Pressure.NORMAL, "")),
    ],
)
def test_a_person_is_called_however_a_model_puts_it(arguments: str, expected: tuple[Motive, Pressure, str]) -> None:
    wanted = Escalation.model_validate_json(arguments)
    assert (wanted.motivo, wanted.urgencia, wanted.resumo) == expected
