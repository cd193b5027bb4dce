"""What owners read about a dead turn."""

import pytest

from oxy_ai.assistants.fixed_texts import notice_to_owner, reason_in_portuguese
from oxy_ai.assistants.vertical import Role
from oxy_ai.errors import ModelInvalidError, ModelRefusalError, ModelUnreachableError, TurnError, TurnUnreadableError
from oxy_ai.records import Contact

ANA = Contact(id=1, name='Ana "a chefe"', phone="+5511912340001")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelUnreachableError("HTTP 500"), "o serviço de inteligência artificial não respondeu"),
        (ModelInvalidError("no choice"), "o serviço de inteligência artificial deu uma resposta inválida"),
        (ModelRefusalError("filter"), "a inteligência artificial se recusou a responder"),
        (TurnUnreadableError("settings", 1), "os dados guardados para a assistente não puderam ser lidos"),
        (TurnError("round 6"), "a assistente não chegou a uma resposta"),
        (KeyError("x"), "erro interno"),
    ],
)
def test_each_error_has_a_reason_in_portuguese(error: Exception, reason: str) -> None:
    assert reason_in_portuguese(error) == reason


def test_no_kind_of_turn_error_is_without_a_reason_of_its_own() -> None:
    kinds = TurnError.__subclasses__()
    reasons = {reason_in_portuguese(kind.__new__(kind)) for kind in (TurnError, *kinds)}
    assert len(reasons) == len(kinds) + 1


@pytest.mark.parametrize(
    ("contact", "role", "expected"),
    [
        (ANA, Role.CUSTOMER, "Não consegui responder Ana a chefe (+5511912340001). Motivo: erro interno."),
        (Contact(id=1), Role.CUSTOMER, "Não consegui responder um cliente. Motivo: erro interno."),
        (ANA, Role.AURORA, "Não consegui responder sua mensagem: erro interno. Tente de novo em alguns minutos."),
    ],
)
def test_the_notice_says_who_waits_and_why(contact: Contact, role: Role, expected: str) -> None:
    assert expected in notice_to_owner(contact, role, KeyError("x"))
