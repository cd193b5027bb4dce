"""Long answers in several messages: where they are cut, and what is never cut."""

import pytest

from oxy_ai.portuguese.sentences import sentences, split_answer

ANSWER = (
    "Oi, Ana! O horário das 14h está livre.\n\n"
    "O serviço custa R$ 65,00 e dura 1h30. O Dr. Paulo atende na Av. Brasil, nº. 10. Quer confirmar? 😀\n\n"
    "- Traga o documento\n- Chegue 10 min. antes\n\nAté logo! 👋"
)


def test_a_short_answer_stays_one_message() -> None:
    assert split_answer("Oi! Tudo bem?") == ("Oi! Tudo bem?",)
    assert split_answer("  \n ") == ()


def test_an_answer_is_cut_between_paragraphs() -> None:
    assert split_answer(ANSWER, 150) == tuple(
        part.strip() for part in (ANSWER[: ANSWER.index("- Traga")], ANSWER[ANSWER.index("- Traga") :])
    )


def test_a_paragraph_is_cut_between_sentences_with_the_emoji_that_end_them() -> None:
    text = "O serviço custa R$ 65,00. O Dr. Paulo atende na Av. Brasil. Quer confirmar? 😀 Responda aqui."
    assert split_answer(text, 60) == (
        "O serviço custa R$ 65,00. O Dr. Paulo atende na Av. Brasil.",
        "Quer confirmar? 😀 Responda aqui.",
    )
    assert split_answer("Quer confirmar? 😀 Responda aqui.", 20) == ("Quer confirmar? 😀", "Responda aqui.")


def test_a_sentence_is_cut_between_words_and_a_word_only_if_it_must() -> None:
    assert split_answer("um dois tres quatro", 9) == ("um dois", "tres", "quatro")
    assert split_answer("x" * 25, 10) == ("x" * 10, "x" * 10, "x" * 5)


@pytest.mark.parametrize("character", ["👨\u200d👩\u200d👧", "e\u0301", "👍🏽"])
def test_no_character_is_cut(character: str) -> None:
    pieces = split_answer(character * 10, 12)
    assert "".join(pieces) == character * 10
    assert all(piece == character * (len(piece) // len(character)) for piece in pieces)


def test_sentences_end_after_their_punctuation() -> None:
    assert sentences("Oi! Custa R$ 1.234,50 (à vista). O Dr. Paulo vem?\nSim… 👍 Até") == (
        "Oi!",
        "Custa R$ 1.234,50 (à vista).",
        "O Dr. Paulo vem?",
        "Sim… 👍",
        "Até",
    )
