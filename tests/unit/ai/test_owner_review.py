"""What may not be told to an owner: figures that nobody has given, and deeds that nobody has done."""

from datetime import UTC, datetime

import pytest

from oxy_ai.assistants.review.evidence import Evidence, ToolOutcome
from oxy_ai.assistants.review.objections import Fault
from oxy_ai.assistants.review.owners import review_for_owner

FIGURES = (
    '{"receita": {"agora": "R$ 12.345,67", "antes": "R$ 8.818,33", "variacao": "+40%"}, "media": 1234.5, "faltas": 3}'
)
NOW = datetime(2026, 12, 2, 19, tzinfo=UTC)
INVENTED = "Faturamos R$ 12.345,67 hoje, 40% a mais que ontem."


def faults(said: str, *results: str, asked: str = "como foi hoje?", before: str = "") -> set[Fault]:
    outcomes = tuple(ToolOutcome("buscar_analytics", result) for result in results)
    evidence = Evidence(NOW, facts="Banho: R$ 65,00", outcomes=outcomes, by_customer=(asked,), by_assistant=(before,))
    return {found.fault for found in review_for_owner(said, evidence, knows=bool(results))}


@pytest.mark.parametrize(
    ("said", "results", "found"),
    [
        (INVENTED, (), {Fault.FIGURE}),
        (INVENTED, ('{"erro": "período inválido"}',), {Fault.FIGURE}),
        ("Foram 12 atendimentos hoje.", (), {Fault.FIGURE}),
        ("A receita subiu 12%.", (FIGURES,), {Fault.FIGURE}),
        ("Foram R$ 21.164,00 nos dois dias.", (FIGURES,), {Fault.FIGURE}),
        ("Pronto, a loja foi fechada amanhã.", (), {Fault.NOT_DONE}),
    ],
)
def test_what_nobody_has_given_is_objected_to(said: str, results: tuple[str, ...], found: set[Fault]) -> None:
    assert faults(said, *results) == found


@pytest.mark.parametrize(
    "said",
    [
        INVENTED,
        "Faturamos R$ 12.346, quase 12,3 mil reais, contra R$ 8818,33 ontem.",
        "A média é de R$ 1.234,50, ou R$ 1234.5, e houve 3 faltas.",
        "Foram 5 atendimentos, às 10:00, em 02/12/2026; o banho custa 65 reais.",
        "Que tal um cupom de 10% para quem sumiu?",
    ],
)
def test_what_was_looked_up_may_be_told_in_other_words(said: str) -> None:
    assert faults(said, FIGURES) == set()


def test_what_was_written_before_may_be_repeated() -> None:
    assert (
        faults("Sua meta de R$ 5.000,00 é boa, 15% acima.", asked="minha meta é 5 mil: 5000 reais, 15% a mais") == set()
    )
    assert faults("Como eu disse, foram R$ 185,00 em 2 atendimentos.", before="R$ 185,00 em 2 atendimentos") == set()
    assert faults("Hoje, dia 02/12, abrimos das 9h às 18h. O banho custa R$ 65,00.") == set()
