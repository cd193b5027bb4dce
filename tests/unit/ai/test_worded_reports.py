"""What of a model's words may go to an owner in the place of a report's figures."""

import pytest

from oxy_ai.schedules.faithful import is_faithful
from oxy_ai.schedules.report import OwnerReport

REPORT = OwnerReport(
    "🌙 Resumo de hoje, segunda-feira, 03/03/2031",
    (
        "Atendimentos: 12 (segunda-feira passada: 10)",
        "Receita: R$ 1.234,50 (segunda-feira passada: R$ 900,00; +37,2%)",
        "Faltas: 1",
        "Mensagens recebidas: 80 (semana anterior: 100; -20%)",
        "Clientes que escreveram: 34",
        "Bruna Alves: 7 visitas, R$ 455,00 no total",
        "Próximo dia aberto, terça-feira, 04/03/2031: 9 agendamentos, R$ 720,00, o primeiro às 09:00",
    ),
)


@pytest.mark.parametrize(
    "words",
    [
        "Hoje foram 12 atendimentos, contra 10 na segunda-feira passada, e a receita chegou a R$ 1.234,50.",
        "A receita subiu 37,2% e foi a R$ 1.234,50. Houve 1 falta. Amanhã há 9 agendamentos, o primeiro às 09:00.",
        "Dia bom! Vieram doze atendimentos. As mensagens caíram 20%: 80, antes 100.",
        "Receita de R$ 1.234,50, antes R$ 900. A Bruna Alves já veio 7 vezes.",
        "Parabéns pelo dia: 34 clientes escreveram no WhatsApp. Que tal confirmar os 9 agendamentos de amanhã?",
        "Uma segunda-feira forte, com 12 atendimentos.",
        "A receita cresceu e as mensagens caíram: R$ 1.234,50 e 80.",
        "A receita foi a R$ 1.234,50, 37,2% a mais que na segunda-feira passada.",
    ],
)
def test_what_was_given_may_be_said_in_other_words(words: str) -> None:
    assert is_faithful(words, REPORT)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "   ",
        "x" * 2_000,
        "Hoje foram 13 atendimentos.",
        "Hoje foram treze atendimentos.",
        "A receita foi de R$ 1.235,00.",
        "A receita foi de R$ 2.134,50.",
        "A receita subiu 40%.",
        "A receita caiu 37,2%.",
        "As mensagens subiram 20%.",
        "Houve +20% de mensagens.",
        "A receita caiu para R$ 1.234,50.",
        "Chegaram mais mensagens: alta de 20%.",
        "Foram 34 faltas.",
        "Foram 12 clientes.",
        "Nenhuma falta hoje!",
        "Dia sem faltas, com 12 atendimentos.",
        "A receita dobrou.",
        "Foi quase a metade da semana passada.",
        "Dezenas de clientes escreveram.",
        "A Camila mandou 12 mensagens.",
        "Camila foi a melhor cliente.",
        "O melhor do dia foi o Thor.",
        "Veja em www.exemplo.com os 12 atendimentos.",
        "Fechei a agenda de amanhã. Foram 12 atendimentos.",
        "Amanhã, 05/03/2031, há 9 agendamentos.",
        "O primeiro é às 08:00.",
        "Oi! Tudo certo por aqui?",
        'Oi! Sou a Aurora. Pergunte, por exemplo, "como foi o movimento hoje?".',
        "Um ótimo dia, segunda-feira, 03/03/2031!",
    ],
)
def test_what_was_not_given_is_not_said(words: str) -> None:
    assert not is_faithful(words, REPORT)
