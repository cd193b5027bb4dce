"""Days and times as Brazilians write them on WhatsApp, with all that they can mean."""

from datetime import date, timedelta

import pytest
from holidays.countries.brazil import Brazil

from oxy_ai.portuguese.dates import contradict, contradicts, days_meant, times_meant
from oxy_ai.portuguese.feast_days import FEAST_RULES, easter, may_name_feast
from oxy_ai.portuguese.words import read

WEDNESDAY = date(2026, 11, 25)
GOOD_FRIDAY = "Sexta-feira Santa"


def day(text: str) -> date:
    """Read a day of these weeks, ``27/11`` or ``15/01/27``."""
    parts = [int(part) for part in text.split("/")]
    return date(2000 + (parts[2] if len(parts) > 2 else 26), parts[1], parts[0])


DAYS = {
    # from today
    "hoje": "25/11",
    "tem horário hj ainda?": "25/11",
    "hojeee": "25/11",
    "hoje em dia": "",
    "amanhã": "26/11",
    "quero marcar pra amanha as 14h": "26/11",
    "amanhaaa cedo": "26/11",
    "amnh": "26/11",
    "depois de amanhã": "27/11",
    "dps de amanha de manhã": "27/11",
    "amanhã ou depois": "26/11 27/11",
    "hoje ou amanhã": "25/11 26/11",
    "daqui a 3 dias": "28/11",
    "daqui 3 dias": "28/11",
    "daki uns três dias": "28/11",
    "daqui a 3 ou 4 dias": "28/11 29/11",
    "pra daqui a dez dias": "05/12",
    "10 dias pra frente": "05/12",
    "em 2 dias": "27/11",
    "daqui a uma semana": "02/12",
    "daqui duas semanas": "09/12",
    "daqui a 15 dias": "09/12 10/12",
    "daqui um mês": "25/12",
    "daqui a um mês e meio": "",
    "daqui a pouco": "",
    "de hoje a oito": "02/12",
    "dentro de 2 dias": "",
    # the past
    "ontem à noite": "24/11",
    "anteontem": "23/11",
    "há 3 dias": "22/11",
    "tem 3 dias que ele não come": "22/11",
    "3 dias atrás": "22/11",
    "sexta passada": "20/11",
    "sexta retrasada": "13/11",
    "semana passada": "",
    # weekdays
    "sexta": "27/11",
    "Sexta-Feira": "27/11",
    "QUINTA": "26/11",
    "na 5a feira": "26/11",
    "3ª-feira": "01/12",
    "3a feira": "01/12",
    "6ªf": "27/11",
    "na 2ª às 10h": "30/11",
    "terca feira": "01/12",
    "terçafeira": "01/12",
    "sabado": "28/11",
    "sábado de manhã": "28/11",
    "sabadão": "28/11",
    "seg": "30/11",
    "ter ou qui": "26/11 01/12",
    "seg, qua e sex": "25/11 27/11 30/11 02/12",
    "tem que ter.": "",
    "quarta": "25/11 02/12",
    "essa quarta": "25/11",
    "quarta agora": "25/11",
    "quarta que vem": "02/12",
    "sexta que vem": "27/11 04/12",
    "próxima sexta": "27/11 04/12",
    "proxima terça": "01/12",
    "sabado q vem": "28/11 05/12",
    "domingo que vem": "29/11 06/12",
    "dom q vem": "29/11 06/12",
    "tem vaga qui que vem?": "26/11 03/12",
    "sexta sem ser essa": "04/12",
    "outra sexta": "",
    "sexta dessa semana": "27/11",
    "sexta da semana que vem": "04/12",
    "semana que vem na sexta": "04/12",
    "próxima semana, na terça": "01/12",
    "domingo da semana que vem": "29/11 06/12",
    "na quinta ou na sexta": "26/11 27/11",
    "segunda, quarta e sexta": "25/11 27/11 30/11 02/12",
    # weeks and months
    "semana que vem": "29/11 30/11 01/12 02/12 03/12 04/12 05/12 06/12",
    "semana q vem": "29/11 30/11 01/12 02/12 03/12 04/12 05/12 06/12",
    "essa semana": "25/11 26/11 27/11 28/11 29/11",
    "fim de semana": "28/11 29/11",
    "no fds": "28/11 29/11",
    "fds que vem": "28/11 29/11 05/12 06/12",
    # dates
    "dia 15": "15/12",
    "dia quinze": "15/12",
    "dia 25": "25/11 25/12",
    "dia 31": "31/12",
    "dia 32": "",
    "dia 1º": "01/12",
    "dia 15 ou 16": "15/12 16/12",
    "dias 5, 6 e 7": "05/12 06/12 07/12",
    "dia 15 às 15": "15/12",
    "dia 15, 16h": "15/12",
    "dia 14h30": "",
    "bom dia 3 gatos": "",
    "dia 15 do mês que vem": "15/12",
    "dia 30 deste mês": "30/11",
    "quinta-feira, 24/12/2026: 09:00, 09:30": "24/12",
    "24/12: 9h": "24/12",
    "24/12:30": "",
    "15/01": "15/01/27",
    "15/1/2027": "15/01/27",
    "15/01/27 às 9": "15/01/27",
    "15.01.2027": "15/01/27",
    "2027-01-15": "15/01/27",
    "27/11": "27/11",
    "20/11": "20/11 20/11/27",
    "31/11": "",
    "29/02": "29/02/28",
    "1/2 comprimido": "",
    "dia 1/2": "01/02/27",
    "atende 24/7?": "",
    "primeiro de dezembro": "01/12",
    "1º de dezembro": "01/12",
    "15 de jan": "15/01/27",
    "dia quinze de janeiro às 10": "15/01/27",
    "26 e 27/11": "26/11 27/11",
    "26, 27 e 28 de novembro": "26/11 27/11 28/11",
    # a weekday and a date
    "sexta, 27/11": "27/11",
    "sexta-feira (27/11)": "27/11",
    "dom, 29/11": "29/11",
    "terça dia 15": "15/12",
    "no dia 10, quinta": "10/12",
    "sexta que vem, dia 4": "04/12",
    "amanhã (quinta)": "26/11",
    "sexta 28/11": "",
    "sexta dia 15": "",
    "hoje, amanhã, sexta": "25/11 26/11 27/11",
    # what is not meant
    "até sexta": "",
    "depois do dia 15": "",
    "antes de sexta": "",
    "a partir de segunda": "",
    "de segunda a sexta": "",
    "seg a sex": "",
    "entre 10 e 15 de dezembro": "",
    "do dia 10 ao dia 15": "",
    "menos segunda e terça": "",
    "não posso sexta, pode ser sábado?": "28/11",
    "quinta e sexta não posso": "",
    "hoje não, amanhã": "26/11",
    "não, sexta": "27/11",
    "não tem sexta?": "27/11",
    "toda segunda e quarta": "",
    "a última sexta do mês": "",
    "segunda dose": "",
    "a segunda vacina": "",
    "pela quinta vez": "",
    # holidays by name
    "vcs abrem no natal?": "25/12",
    "véspera de natal": "24/12",
    "na antevéspera do Natal": "23/12",
    "no ano novo": "01/01/27",
    "vespera de ano-novo": "31/12",
    "no reveillon": "31/12 01/01/27",
    "no carnaval": "06/02/27 07/02/27 08/02/27 09/02/27",
    "terça de carnaval": "09/02/27",
    "na quarta-feira de cinzas": "10/02/27",
    "sexta-feira santa": "26/03/27",
    "no domingo de páscoa": "28/03/27",
    "no feriado de tiradentes": "21/04/27",
    "no dia das mães": "09/05/27",
    "no dia do trabalho": "01/05/27",
    "Natal": "",
    "feliz natal!": "",
    "moro em natal": "",
    "um laço de natal": "",
    "quero ele lindo pro natal": "",
    "no natal passado": "",
    "depois do carnaval": "",
    "presente de dia das mães": "",
    "dia dos namorados": "",
    "tô no trabalho": "",
    "": "",
}


def test_what_days_mean_on_a_wednesday() -> None:
    wrong = {
        text: found
        for text, expected in DAYS.items()
        if (found := days_meant(text, WEDNESDAY)) != tuple(map(day, expected.split()))
    }
    assert wrong == {}


def test_the_table_is_large() -> None:
    assert len([text for text, expected in DAYS.items() if expected]) >= 60


def test_no_day_that_is_meant_is_contradicted() -> None:
    wrong = [
        (text, meant) for text in DAYS for meant in days_meant(text, WEDNESDAY) if contradicts(text, meant, WEDNESDAY)
    ]
    assert wrong == []


def test_typing_does_not_matter() -> None:
    wrong = [
        (written, text)
        for text in DAYS
        for written in (text.upper(), text.replace(" ", "  "), f"oi,\n{text}\n", f"*{text}*")
        if days_meant(written, WEDNESDAY) != days_meant(text, WEDNESDAY)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("today", "meanings"),
    [
        (
            date(2026, 11, 28),  # a Saturday
            {
                "sábado": "28/11 05/12",
                "sábado que vem": "05/12",
                "domingo que vem": "29/11 06/12",
                "sexta que vem": "04/12",
                "fim de semana": "28/11 29/11",
                "fds que vem": "05/12 06/12",
                "sexta passada": "27/11",
            },
        ),
        (
            date(2026, 11, 29),  # a Sunday: for some the week begins, for others it ends
            {
                "domingo que vem": "06/12",
                "sexta que vem": "04/12 11/12",
                "sexta da semana que vem": "04/12 11/12",
                "fim de semana": "29/11 05/12 06/12",
                "dia 29": "29/11 29/12",
                "dia 28": "28/12",
            },
        ),
        (date(2026, 12, 31), {"amanhã": "01/01/27", "dia 1": "01/01/27", "31/12": "31/12", "01/01": "01/01/27"}),
        (date(2027, 1, 31), {"dia 30": "30/03/27", "daqui a um mês": "28/02/27", "dia 1": "01/02/27"}),
    ],
)
def test_what_days_mean_at_the_ends_of_weeks_and_months(today: date, meanings: dict[str, str]) -> None:
    found = {text: days_meant(text, today) for text in meanings}
    assert found == {text: tuple(map(day, expected.split())) for text, expected in meanings.items()}


TIMES = {
    "14h": "14:00",
    "14hs": "14:00",
    "14 hrs": "14:00",
    "14h30": "14:30",
    "14:30h": "14:30",
    "14h30min": "14:30",
    "13.30h": "13:30",
    "14 horas": "14:00",
    "às 14": "14:00",
    "as 17": "17:00",
    "as 2": "02:00 14:00",
    "2h": "02:00 14:00",
    "as 2 da tarde": "14:00",
    "2h da tarde": "14:00",
    "2pm": "14:00",
    "02:00": "02:00",
    "8h": "08:00",
    "às 8": "08:00 20:00",
    "8 da noite": "20:00",
    "8 horas da manha": "08:00",
    "de manhã, às 9": "09:00",
    "amanhã à tarde às 3": "15:00",
    "boa tarde, às 8 pode?": "08:00 20:00",
    "duas e meia": "02:30 14:30",
    "duas e meia da tarde": "14:30",
    "às três e quinze": "03:15 15:15",
    "15 pras 3": "02:45 14:45",
    "quinze para as três da tarde": "14:45",
    "dez pra meio-dia": "11:50",
    "à uma da tarde": "13:00",
    "à uma": "01:00 13:00",
    "uma hora": "",
    "meio dia": "12:00",
    "meio-dia e meia": "12:30",
    "meio dia e meio": "12:30",
    "meia noite e meia": "00:30",
    "3 da madrugada": "03:00",
    "12 da noite": "00:00",
    "por volta das 16": "16:00",
    "tem às 9? ou às 10:30?": "09:00 10:30 21:00",
    "9h15 ou 10h": "09:15 10:00",
    "às dez horas": "10:00 22:00",
    "10 e 11 da manhã": "",
    "as 3 vacinas": "",
    "depois das 14h": "",
    "até as 18h": "",
    "das 9h às 18h": "",
    "de 8 a 12h": "",
    "demora 2 horas": "",
    "dura 1h30": "",
    "daqui 2 horas": "",
    "24 horas por dia": "",
    "meia hora": "",
    "às 25h": "",
    "14h75": "",
    "R$ 14,30": "",
    "15/01": "",
}


def test_what_times_mean() -> None:
    found = {text: " ".join(f"{at:%H:%M}" for at in times_meant(text)) for text in TIMES}
    assert found == TIMES


CONTRADICTIONS = [
    ("sexta", "28/11"),
    ("pode ser amanhã?", "27/11"),
    ("sexta-feira, 28/11", "27/11"),
    ("sexta-feira, 28/11", "28/11"),
    ("dia 15", "16/12"),
    ("26 ou 27/11", "28/11"),
    ("seg, qua ou sex", "26/11"),
    ("sexta que vem", "11/12"),
    ("não posso sexta, só sábado", "27/11"),
    ("semana que vem", "27/11"),
    ("no fim de semana", "30/11"),
    ("daqui a 3 dias", "29/11"),
    ("o mais rápido possível, tipo hoje ou amanhã", "27/11"),
    ("sabado, 5 de dezembro", "28/11"),
    ("sexta feira agora", "4/12"),
    ("viajo na sexta", "26/11"),
    ("ele vai fazer 1 ano dia 10, quero deixar ele lindo na véspera", "9/12"),
    ("só posso aos sábados", "27/11"),
    ("hoje a tarde", "26/11"),
    ("amanhã de manha cedinho", "27/11"),
    ("2/12 às 14:30", "3/12"),
    ("terça, 2/12", "2/12"),
    ("terça 2/12", "1/12"),
    ("no natal", "26/12"),
    ("na véspera de natal", "25/12"),
    ("no carnaval ou no natal", "31/12"),
]

NO_CONTRADICTIONS = [
    ("a vacina dele foi 20/11, quero banho", "27/11"),
    ("sexta", "27/11"),
    ("sexta", "11/12"),  # the customer may speak of a week that was named before
    ("dia 15", "15/01/27"),
    ("sexta que vem", "27/11"),
    ("sexta que vem", "04/12"),
    ("sexta ou sábado", "28/11"),
    ("pode ser", "28/11"),
    ("até sexta", "26/11"),
    ("de segunda a sexta", "26/11"),
    ("menos sexta", "26/11"),
    ("não posso sexta", "26/11"),
    ("fui aí sexta passada e gostei, quero de novo", "26/11"),
    ("ontem ele tomou banho", "26/11"),
    ("nasceu em 15/03/2020", "26/11"),
    ("é a segunda dose", "26/11"),
    ("em 3 dias", "26/11"),
    ("daqui a duas semanas", "11/12"),
    ("hoje não, amanhã", "26/11"),
    ("toda quinta", "10/12"),
    ("dia 26, quinta", "26/11"),
    ("quero remarcar de sexta pra quarta", "2/12"),
    ("tenho um banho marcado sexta, dá pra passar pra segunda?", "30/11"),
    ("meu horário é amanhã mas não vou conseguir ir, tem na sexta?", "27/11"),
    ("não vou conseguir ir amanhã, tem outro dia?", "30/11"),
    ("cancela o de amanhã e marca pra sábado", "28/11"),
    ("hoje ele não comeu nada, pode ser amanhã cedo?", "26/11"),
    ("pode ser 27/11 ou 28/11 de manhã", "28/11"),
    ("qualquer dia da semana que vem depois das 15h", "2/12"),
    ("qualquer dia menos quarta", "26/11"),
    ("primeira hora de sexta", "27/11"),
    ("segunda de manhã", "30/11"),
    ("segunda opção então", "26/11"),
    ("a primeira opção, quinta", "26/11"),
    ("quero às 10 do dia 27", "27/11"),
    ("sexta às 10, ou sábado às 9", "28/11"),
    ("pode ser no sábado dia 28 mesmo", "28/11"),
    ("sábado 28", "28/11"),
    ("sabado dia 5", "5/12"),
    ("sabado, 5 de dezembro", "5/12"),
    ("sexta feira agora", "27/11"),
    ("na outra sexta", "4/12"),
    ("sexta da outra semana", "4/12"),
    ("daqui duas sextas", "4/12"),
    ("no último dia do mês", "30/11"),
    ("no começo do mês", "1/12"),
    ("depois do dia 5", "7/12"),
    ("só depois de sexta", "30/11"),
    ("até sexta preciso", "26/11"),
    ("viajo sexta, tem que ser antes", "26/11"),
    ("a veterinária disse pra voltar em 15 dias", "9/12"),
    ("retorno em uma semana", "2/12"),
    ("dia 15 eu recebo, marca pro dia 16", "16/12"),
    ("nao tenho preferência de dia", "27/11"),
    ("pode marcar", "27/11"),
    ("o dia todo tô livre", "27/11"),
    ("bom dia, tudo bem? quero um banho pro Rex", "27/11"),
    ("boa noite! tem vaga amanhã?", "26/11"),
    ("terça ou quinta, tanto faz", "1/12"),
    ("terças e quintas eu posso", "26/11"),
    ("só posso aos sábados", "28/11"),
    ("trabalho de segunda a sexta, então sábado", "28/11"),
    ("às 2 da tarde de quinta", "26/11"),
    ("na quinta que vem, dia 3", "3/12"),
    ("na quinta que vem, dia 26", "26/11"),
    ("quinta que vem sem falta", "3/12"),
    ("hj as 5 da tarde", "25/11"),
    ("dia 2", "2/12"),
    ("2 de dez", "2/12"),
    ("02-12", "2/12"),
    ("quarta, 2/12", "2/12"),
    ("na semana do dia 7", "9/12"),
    ("semana do natal", "22/12"),
    ("no natal", "24/12"),
    ("só no ano novo agora", "4/1/27"),
    ("quero ele lindo pro natal", "22/12"),
    ("ganhei ela no dia dos namorados, quero banho", "26/11"),
    ("estou no trabalho, pode ser", "26/11"),
    ("pra semana", "1/12"),
    ("mais pro fim da semana", "27/11"),
    ("no meio da semana que vem", "2/12"),
    ("final do mês que vem", "29/12"),
    ("feriado vocês abrem? queria dia 8", "8/12"),
    ("véspera de natal", "24/12"),
    ("tenho 2 dias livres: 26 e 27", "27/11"),
    ("entre quinta e sábado", "27/11"),
    ("de preferência sexta, mas pode ser outro dia", "30/11"),
    ("sexta ou qualquer outro dia", "30/11"),
    ("sexta seria bom, senão o próximo horário livre", "30/11"),
    ("sexta, se não tiver, sábado ou domingo", "29/11"),
    ("tanto faz o dia, menos sexta", "30/11"),
]


def test_feasts_that_move_are_those_of_the_calendar() -> None:
    listed = {day for day, name in Brazil(years=range(2020, 2045), language="pt_BR").items() if name == GOOD_FRIDAY}
    assert {easter(day.year) - timedelta(days=2) for day in listed} == listed != set()


def test_each_holiday_is_looked_for_by_a_stem_of_its_name() -> None:
    named = [text for text in DAYS if any(rule.search(read(text).folded) for rule, _ in FEAST_RULES)]
    assert len(named) > 12
    assert all(may_name_feast(read(text).folded) for text in named)


def test_words_count_from_the_day_on_which_they_were_written() -> None:
    thursday, friday = date(2026, 11, 26), date(2026, 11, 27)
    said = [("quero banho amanhã", WEDNESDAY), ("às 10h", thursday)]
    assert [contradict(said, day) for day in (thursday, friday)] == [False, True]
    assert not contradict([*said, ("ou depois de amanhã", WEDNESDAY)], friday)


@pytest.mark.parametrize(("cases", "expected"), [(CONTRADICTIONS, True), (NO_CONTRADICTIONS, False)])
def test_words_contradict_a_day_only_if_they_name_another(cases: list[tuple[str, str]], expected: bool) -> None:  # noqa: FBT001 a column of the table
    assert [case for case in cases if contradicts(case[0], day(case[1]), WEDNESDAY) is not expected] == []
