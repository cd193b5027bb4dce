"""What counts as a yes to a question, as a no, and the many answers that are neither."""

import pytest

from oxy_ai.portuguese.agreement import LONGEST, Agreement, agreement_in, agreement_of

YES = (
    *("sim", "Sim", "SIM!!", "sim.", "siiim", "simmm", "s", "S", "ss", "sss", "ok", "Ok.", "okkk", "okay", "pode"),
    *("Pode sim", "pode fazer", "pode ser", "Pode, por favor", "isso", "Isso!", "isso mesmo"),
    *(
        "isso aí",
        "é isso",
        "é isso aí",
        "isso, pode",
        "exato",
        "certo",
        "correto",
        "confirmo",
        "Confirmado",
        "confirma",
    ),
    *("sim, confirmo", "claro", "claro que sim", "com certeza", "Com certeza, pode fazer", "positivo", "beleza", "blz"),
    *("fechado", "combinado", "perfeito", "bora", "vamos", "manda", "manda ver", "faz", "faz isso", "faça", "aham"),
    *("uhum", "tá", "tá bom", "ta ok", "tudo bem", "quero", "quero sim", "eu quero", "aceito", "autorizo", "de acordo"),
    *("sim, obrigado", "sim por favor", "sim senhora", "ok, obrigada 🙏", "sim, pode sim", "sim sim", "yes", "show 👏"),
    *("👍", "👍🏽", "👍🏿👍🏿", "sim 👍", "ok👍", "👌🏻", "✅", "✔️", "☑️", "🤝", "Sim 😊", "pode ❤️", "sim, Aurora"),
    *(
        "oi, sim",
        "por mim pode",
        "então tá bom, pode",
        "vai em frente",
        "sem dúvida",
        "sim\u200b",
        "\uff53\uff49\uff4d",
    ),
    *("Ah, sim, pode sim.", "É, isso aí, pode fazer.", "Sim. Pode confirmar, por favor.", "Isso, isso mesmo, pode."),
    *("*sim*", "_pode_", "(sim)", '"sim"', "afirmativo", "aprovado", "já é", "sim... pode"),
    *("Sim!!! 👍🙏", "👍🙏", "🙏👍🏽", "ok 😊👌"),
)
NO = (
    *(
        "não",
        "nao",
        "Não!",
        "n",
        "nn",
        "naum",
        "naaao",
        "não, obrigado",
        "Não, obrigada 🙏",
        "nunca",
        "negativo",
        "jamais",
    ),
    *(
        "claro que não",
        "com certeza não",
        "de jeito nenhum",
        "nem pensar",
        "melhor não",
        "acho melhor não",
        "agora não",
    ),
    *("ainda não", "hoje não", "não precisa", "não quero", "não quero mais", "não faz", "não faça isso", "não pode"),
    *("cancela", "Cancelar", "cancela, por favor", "deixa", "deixa pra lá", "deixa quieto", "esquece", "para", "pare"),
    *(
        "espera",
        "espera aí",
        "peraí",
        "calma",
        "desisti",
        "mudei de ideia",
        "👎",
        "👎🏾",
        "❌",
        "🚫",
        "não 👎",
        "errado",
    ),
    *("Não. Deixa pra lá.", "Ah, não, melhor não.", "não não", "no", "oi, não", "não agora", "isso não", "nada disso"),
)
NEITHER = (
    *("sim, mas amanhã", "sim?", "ok?", "pode?", "não?", "👍?", "sim, só que às 15h", "ok, mas só a tosa", "talvez"),
    *("acho que sim", "sim não", "não, pode sim", "sim... não", "já confirmo", "confirmo amanhã", "depois eu confirmo"),
    *("pode deixar", "pode cancelar", "pode deixar que eu faço", "sim, e fecha sexta também", "ok, vou ver", "entendi"),
    *(
        "obrigado",
        "🙏",
        "😂",
        "❤️",
        "oi",
        "bom dia",
        "e",
        "hum",
        "",
        "   ",
        "?",
        "!!!",
        "\u200b",
        "1",
        "quanto faturei hoje?",
    ),
    *(
        "sim, fecha segunda",
        "não fecha amanhã, fecha sexta",
        "não esquece de confirmar",
        "simples",
        "okupado",
        "isso que",
    ),
    *(
        "sim, a Ana pediu",
        "se puder, sim",
        "sim se a agenda estiver livre",
        "quase isso",
        "nem sim nem não",
        "👍👎",
        "👍🙏❌",
    ),
    *("ele disse sim", 'ela respondeu "ok"', "quem disse que pode", "Sim. Legendas pela comunidade Amara.org"),
    *("sim " * LONGEST, "s" * LONGEST + "s", "isso " * 15 + "x", "e isso " * 11 + "x", "não sei", "não sei, pode ser"),
)


@pytest.mark.parametrize(
    ("said", "texts"),
    [(Agreement.YES, YES), (Agreement.NO, NO), (Agreement.NEITHER, NEITHER)],
    ids=("yes", "no", "neither"),
)
def test_what_a_text_says(said: Agreement, texts: tuple[str, ...]) -> None:
    assert {text: agreement_in(text) for text in texts} == dict.fromkeys(texts, said)


def test_there_are_enough_of_them() -> None:
    assert len({*YES, *NO, *NEITHER}) > 120


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["sim", "👍"], Agreement.YES),
        (["sim", "não"], Agreement.NEITHER),
        (["sim", "fecha sexta também"], Agreement.NEITHER),
        (["não", "deixa"], Agreement.NO),
        ([], Agreement.NEITHER),
    ],
)
def test_what_several_texts_say_together(texts: list[str], said: Agreement) -> None:
    assert agreement_of(texts) is said


@pytest.mark.parametrize(
    ("asked", "text", "said"),
    [
        ("Vou fechar a loja amanhã.", "tá bom então, pode fechar", Agreement.YES),
        ("Vou fechar a loja amanhã.", "Sim, pode fechar o dia!", Agreement.YES),
        ("Vou fechar a loja amanhã.", "pode fechar a loja 👍🙏", Agreement.YES),
        ("Vou fechar a loja amanhã.", "sim, mas amanhã", Agreement.NEITHER),
        ("Vou fechar a loja amanhã.", "pode fechar outro dia", Agreement.NEITHER),
        ("Vou fechar a loja amanhã.", "pode fechar o dia 5", Agreement.NEITHER),
        ("Vou fechar a loja amanhã.", "não pode fechar", Agreement.NO),
        ("Vou fechar a loja amanhã.", "pode pausar", Agreement.NEITHER),
        ("Vou cancelar o horário da Ana.", "pode cancelar", Agreement.NEITHER),
        ("", "pode fechar", Agreement.NEITHER),
    ],
)
def test_a_yes_may_repeat_what_is_to_be_done(asked: str, text: str, said: Agreement) -> None:
    assert agreement_in(text, asked) is said
