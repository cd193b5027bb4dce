"""What an answer states that can be checked."""

from datetime import date

import pytest

from oxy_ai.portuguese.mentions import Mentions, mentions_in

TODAY = date(2026, 11, 25)

PRICES = {
    "O banho custa R$ 65,00 e a tosa R$80.": [6500, 8000],
    "*R$ 1.234,50*": [123450],
    "*R$* 50, R$ *60* ou R$: 70,00": [5000, 6000, 7000],
    "R$ 65,00 - 1 hora": [6500],
    "custa 80, sai por oitenta e cinco.": [8000, 8500],
    "custa um pouco mais, sai por volta das 10": [],
    "pesa 12,35 quilos e toma 2,50 mg": [],
    "R$ 65.00": [6500],
    "R$ 1.200": [120000],
    "De R$ 60 a 80": [6000, 8000],
    "60 ou 80 reais": [6000, 8000],
    "entre 60 e 80 reais": [6000, 8000],
    "65 conto": [6500],
    "80R$": [8000],
    "só 65,90!": [6590],
    "sessenta e cinco reais": [6500],
    "cento e vinte reais": [12000],
    "mil e duzentos reais": [120000],
    "2 mil reais": [200000],
    "R$ 1,5 mil": [150000],
    "65 reais e 50 centavos": [6550],
    "sessenta e cinco reais e cinquenta centavos": [6550],
    "50 centavos": [50],
    "US$ 20 ou 15 euros": [2000, 1500],
    "3x de R$ 40": [4000],
    "R$ 40 em até 3x": [4000],
    "é grátis": [0],
    "sem custo": [0],
    "o transporte fica por nossa conta": [0],
    "pacote de 10,50 kg": [],
    "às 14:30 do dia 15/01": [],
    "28/11/2026": [],
    "2 animais": [],
}

PERCENTAGES = {"10% de desconto": [1000], "7,5 % de desconto": [750], "vinte e 30 por cento": [3000], "10 porções": []}

PHONES = {
    "Ligue (11) 99999-0000": ["11999990000"],
    "+55 11 99999-0000": ["5511999990000"],
    "5511999990000": ["5511999990000"],
    "11999990000": ["11999990000"],
    "3333-4444 ou 99999 0000": ["33334444", "999990000"],
    "0800 123 4567": ["08001234567"],
    "wa.me/5511999990000": ["5511999990000"],
    "1 1 9 9 9 9 9 0 0 0 0": ["11999990000"],
    "11.99999.0000": ["11999990000"],
    "em 28/11/2026, 23-11-2026 ou 2026-11-28": [],
    "09:00, 09:30, 10:00": [],
    "em 2025-2026": [],
    "R$ 12.345.678,00": [],
}

LINKS = {
    "https://exemplo.com.br/x?y=1": ["exemplo.com.br"],
    "veja www.Exemplo.com.": ["exemplo.com"],
    "exemplo.com.br": ["exemplo.com.br"],
    "BIT.LY/abc": ["bit.ly"],
    "contato@exemplo.com": ["exemplo.com"],
    "https://exemplo.com@malvado.com/": ["malvado.com"],
    "ftp://malvado.xyz": ["malvado.xyz"],
    "malvado.zip/x": ["malvado.zip"],
    "wa.me/5511999990000": ["wa.me"],
    "Pronto.Com isso fica certo.": [],
    "ok.obrigado": [],
    "custa R$ 65.00": [],
}

DAYS = {
    "sexta-feira, 27/11/2026 às 10:00": [("2026-11-27", True)],
    "sexta-feira, 28/11/2026 às 10:00": [("", False)],
    "amanhã, quinta-feira (26/11)": [("2026-11-26", True)],
    "amanhã, quinta-feira (27/11)": [("", False)],
    "quinta-feira, 26 de novembro de 2026": [("2026-11-26", True)],
    "sexta (27)": [("2026-11-27", True)],
    "sexta (28)": [("", False)],
    "sexta ou sábado": [("2026-11-27", True), ("2026-11-28", True)],
    "de segunda a sexta, das 8h às 18h": [("2026-11-30", True), ("2026-11-27", True)],
}

TIMES = {
    "09:00, 9h30 e às 14": ["09:00", "09:30", "14:00"],
    "das 8h às 18h": ["08:00", "18:00"],
    "8:00-12:00 e 13h-18h": ["08:00", "12:00", "13:00", "18:00"],
    "a partir do meio-dia": ["12:00"],
    "dura 60 minutos": [],
}


def test_prices_are_found() -> None:
    assert {text: [price.cents for price in mentions_in(text, TODAY).prices] for text in PRICES} == PRICES


def test_percentages_are_found() -> None:
    found = {text: [part.hundredths for part in mentions_in(text, TODAY).percentages] for text in PERCENTAGES}
    assert found == PERCENTAGES


def test_phone_numbers_are_found() -> None:
    assert {text: [phone.digits for phone in mentions_in(text, TODAY).phones] for text in PHONES} == PHONES


def test_links_are_found() -> None:
    assert {text: [link.host for link in mentions_in(text, TODAY).links] for text in LINKS} == LINKS


def test_days_are_found_and_whether_the_weekday_fits() -> None:
    found = {
        text: [(" ".join(map(str, phrase.days)), phrase.agrees) for phrase in mentions_in(text, TODAY).days]
        for text in DAYS
    }
    assert found == DAYS


def test_times_are_found_ends_of_periods_included() -> None:
    found = {
        text: [f"{at:%H:%M}" for phrase in mentions_in(text, TODAY).times for at in phrase.times] for text in TIMES
    }
    assert found == TIMES


@pytest.mark.parametrize("text", ["Oi, Ana! Tudo bem?", "", "Bom dia! Como posso ajudar?"])
def test_a_text_without_facts_mentions_nothing(text: str) -> None:
    assert mentions_in(text, TODAY) == Mentions((), (), (), (), (), ())


def test_what_is_found_is_quoted_as_written() -> None:
    found = mentions_in("Sábado,  28/11 às 14H: R$ 65,00", TODAY)
    words = (found.days[0].words, found.times[0].words, found.prices[0].words)
    assert words == ("Sábado, 28/11", "14H", "R$ 65,00")
