"""Texts with variables: what may be in them, and what they say to one person."""

import pytest

from oxy_ai.text_templates import Filled, fill, is_template, names_in

KNOWN = ("nome", "loja", "pet")


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("Oi, {nome}! Aqui é a {loja}.", True),
        ("Oi, { nome | tudo bem }!", True),
        ("Sem variáveis", True),
        ("", True),
        ("Oi {telefone}", False),
        ("Oi {nome", False),
        ("Oi nome}", False),
        ("Oi {{nome}}", False),
        ("Oi {nome|a|b}", False),
        ("Oi {}", False),
        ("Oi {|amigo}", False),
    ],
)
def test_a_text_has_known_variables_and_no_other_braces(text: str, sound: bool) -> None:  # noqa: FBT001 a row
    assert is_template(text, KNOWN) is sound


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("Oi, {nome}!", {"nome": "Ana"}, Filled("Oi, Ana!")),
        ("Oi, {nome|tudo bem}!", {}, Filled("Oi, tudo bem!")),
        ("Oi, {nome|tudo bem}!", {"nome": "Ana"}, Filled("Oi, Ana!")),
        ("{nome}, e {pet}? {nome}!", {"pet": "Rex"}, Filled(", e Rex? !", ("nome",))),
        ("{nome| }", {"nome": ""}, Filled("", ("nome",))),
        ("{nome}", {"nome": "{pet} \\1"}, Filled("{pet} \\1")),
    ],
)
def test_a_text_says_what_is_known_of_a_person(text: str, values: dict[str, str], filled: Filled) -> None:
    assert fill(text, values) == filled


def test_variables_are_named_once() -> None:
    assert names_in("{pet} {nome|x} {pet|y}") == ("pet", "nome")
