"""Whether a text tells the assistant to answer again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_core.chat_commands import is_hand_back


@pytest.mark.parametrize(
    "text",
    [
        "#bot",
        "#BOT",
        "#Bot",
        " # bot ",
        "\n#bot\n",
        "#b o t",
        "\u200e#bot\u200b",
        "\uff03\uff42\uff4f\uff54",
        "#bo\u00adt",
    ],
)
def test_any_case_spacing_and_width_hands_back(text: str) -> None:
    assert is_hand_back(text)


@pytest.mark.parametrize(
    "text", [None, "", "bot", "#", "##bot", "#bots", "#bot por favor", "o #bot", "#robot", "#bot" * 20, "#" + "b" * 99]
)
def test_anything_else_is_said_to_the_customer(text: str | None) -> None:
    assert not is_hand_back(text)


@given(st.text())
def test_no_text_fails(text: str) -> None:
    assert is_hand_back(text) in {True, False}
