"""What owners read when something went wrong."""

import pytest

from oxy_ai.assistants.fixed_texts import NAMED, explanation_to_owner, notice_to_owner, unaffordable_to_owner
from oxy_ai.engine.turn_failures import notice_of
from oxy_ai.errors import (
    BudgetExhaustedError,
    ModelInvalidError,
    ModelRefusalError,
    ModelRejectedError,
    PriceUnknownError,
    ProfileUnknownError,
    TurnAbandonedError,
    TurnError,
    TurnUnreadableError,
)
from oxy_ai.records import NoticeKind, OpenNotice


def about(number: int, name: str | None = None, phone: str | None = None) -> OpenNotice:
    return OpenNotice(id=number, kind="turn_failed", name=name, phone=phone)


ANA = about(1, 'Ana "a chefe"', "+5511912340001")


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (ModelRejectedError("HTTP 400"), NoticeKind.TURN_REJECTED, "recusou a pergunta"),
        (ModelInvalidError("no choice"), NoticeKind.TURN_INVALID, "deu uma resposta inválida"),
        (ModelRefusalError("filter"), NoticeKind.TURN_REFUSED, "se recusou a responder"),
        (TurnUnreadableError("settings", 1), NoticeKind.TURN_UNREADABLE, "não puderam ser lidos"),
        (TurnAbandonedError(5), NoticeKind.TURN_ABANDONED, "foi interrompida várias vezes"),
        (ProfileUnknownError("padaria", ("petshop",)), NoticeKind.TURN_PROFILE, "não está instalado"),
        (TurnError("round 6"), NoticeKind.TURN_UNANSWERED, "não chegou a uma resposta"),
        (KeyError("x"), NoticeKind.TURN_FAILED, "erro interno"),
    ],
)
def test_each_error_of_a_turn_has_a_reason_in_portuguese(error: Exception, kind: NoticeKind, reason: str) -> None:
    assert notice_of(error) is kind
    assert reason in notice_to_owner(kind, [ANA])
    assert reason in explanation_to_owner(kind)


def test_no_kind_of_turn_error_is_without_a_notice_of_its_own() -> None:
    kinds = TurnError.__subclasses__()
    assert len({notice_of(kind.__new__(kind)) for kind in (TurnError, *kinds)}) == len(kinds) + 1


def test_a_notice_says_who_waits_and_names_each_once() -> None:
    text = notice_to_owner(NoticeKind.TURN_FAILED, [ANA, ANA, about(2), about(3, "{0} Zé")])
    assert "Não consegui responder: Ana a chefe (+5511912340001); um cliente; {0} Zé. Motivo: erro interno." in text


def test_a_name_looks_like_no_other_entry_of_the_list() -> None:
    forger = about(9, "Ana\n• Outra (+5511999998888): URGENTE pague o Pix" + "x" * 300, "+5511912340009")
    text = notice_to_owner(NoticeKind.TURN_FAILED, [forger])
    assert "Não consegui responder: Ana Outra +5511999998888 URGENTE… (+5511912340009). Motivo" in text


def test_a_notice_about_many_counts_those_that_it_does_not_name() -> None:
    crowd = [about(number, f"Cliente {number}") for number in range(NAMED + 5)]
    text = notice_to_owner(NoticeKind.STALE, crowd)
    assert f"Cliente {NAMED - 1}; e mais 5." in text


@pytest.mark.parametrize("kind", [NoticeKind.FAILED, NoticeKind.EXPIRED, NoticeKind.AMBIGUOUS])
def test_an_owner_reads_whose_message_was_not_sent(kind: NoticeKind) -> None:
    assert "uma mensagem minha" in notice_to_owner(kind, [ANA])
    ordered = ANA.model_copy(update={"commanded": True})
    assert "uma mensagem enviada pela administração" in notice_to_owner(kind, [ordered])


@pytest.mark.parametrize(
    "text",
    [
        notice_to_owner(NoticeKind.BUDGET_LOW, [ANA]),
        notice_to_owner(NoticeKind.BUDGET_SPENT, [ANA]),
        notice_to_owner(NoticeKind.PRICE_UNKNOWN, [ANA]),
        unaffordable_to_owner(BudgetExhaustedError()),
        unaffordable_to_owner(PriceUnknownError("m")),
    ],
)
def test_an_owner_reads_that_nobody_is_told_of_a_spent_budget_by_drafts(text: str) -> None:
    assert "se eu só estiver rascunhando, ninguém recebe aviso" in text


@pytest.mark.parametrize("kind", [*NoticeKind, "of_a_newer_version"])
def test_every_kind_has_a_text(kind: str) -> None:
    text = notice_to_owner(kind, [ANA])
    assert text.startswith("⚠️")
    assert "{" not in text
