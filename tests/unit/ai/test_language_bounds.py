"""Whatever people and models write, reading it raises nothing and takes a time that grows with its length alone."""

import time
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oxy_ai.petshop.emergencies import emergency_in
from oxy_ai.portuguese.agreement import agreement_in
from oxy_ai.portuguese.dates import contradicts, days_meant, times_meant
from oxy_ai.portuguese.machines import is_automatic_reply, is_verification_code
from oxy_ai.portuguese.mentions import mentions_in
from oxy_ai.portuguese.opt_out import is_opt_in, is_opt_out
from oxy_ai.portuguese.promises import promises_person
from oxy_ai.portuguese.sentences import sentences, split_answer
from oxy_ai.portuguese.words import read

TODAY = date(2026, 11, 25)


def separated(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


READERS: dict[str, Callable[[str], object]] = {
    "days": lambda text: days_meant(text, TODAY),
    "contradicts": lambda text: contradicts(text, TODAY, TODAY),
    "times": times_meant,
    "mentions": lambda text: mentions_in(text, TODAY),
    "agreement": agreement_in,
    "opt out": is_opt_out,
    "opt in": is_opt_in,
    "promises": promises_person,
    "automatic replies": is_automatic_reply,
    "verification codes": is_verification_code,
    "emergencies": emergency_in,
    "sentences": sentences,
    "split": split_answer,
}

FRAGMENTS = separated(
    "véspera de |no dia das |domingo de |no natal |"
    "a|1| |\n|.|-|/|:|,|!|?|é|\u0301|\u200d|🙏|\0|não |ninguém |segunda |sexta, |sábado q vem |semana que vem |"
    "dia 1, |dia 15 ou |1/1 |29/02|99/99|31/04/0000|2026-13-45|0000-00-00|1-|1.1|(11) |um |vinte e |mil e |"
    "R$ 1 a |R$|R$ 99999999999|14h e |às 3 e |das 1 às |meio-dia e |quinze pras |daqui a 99 |daqui a 59 meses |"
    "há 99 semanas |a.|x@|www.|http://|http://[|posso |vou avisar |um atendente vai |te |comeu |um pouco de |"
    "barriga |se ele |código de |seu código |\n1 - a|agradecemos |para de |me |lista |Dr. |…"
)


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)))
def test_no_text_raises(text: str) -> None:
    for reader in READERS.values():
        reader(text)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join), st.dates(date(2000, 1, 1), date(2199, 12, 31)))
def test_no_day_raises_and_all_meanings_are_in_order(text: str, today: date) -> None:
    days = days_meant(text, today)
    assert list(days) == sorted(set(days))
    contradicts(text, today, today)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=60))
def test_both_forms_of_a_text_have_the_same_length(text: str) -> None:
    reading = read(text)
    assert len(reading.shown) == len(reading.folded)


def seconds(reader: Callable[[str], object], text: str) -> float:
    start = time.process_time()
    reader(text)
    return time.process_time() - start


LONG = 4_000
QUICK = 0.4
"""Seconds; twenty times what the slowest takes. What grew with the square of the length would take longer."""


@pytest.mark.parametrize("name", [name for name in READERS if name != "contradicts"])
def test_a_long_text_is_read_quickly(name: str) -> None:
    slowest = max((seconds(READERS[name], fragment * (LONG // len(fragment))), fragment) for fragment in FRAGMENTS)
    assert slowest < (QUICK, "")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([*FRAGMENTS, "palavra ", "Uma frase. ", "Outra! 😀 ", "\n\n"]), max_size=60).map("".join),
    st.integers(20, 80),
)
def test_a_split_answer_is_whole_and_no_piece_is_too_long(text: str, limit: int) -> None:
    pieces = split_answer(text, limit)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
