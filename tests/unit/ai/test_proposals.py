"""What an owner's next messages make of a question about an act."""

import pytest
from unit.ai.test_routing import turn

from oxy_ai.assistants.deeds import NO_DEED, beside_question, without_deeds
from oxy_ai.assistants.proposals import PATIENCE, Ruled, question_of, ruling_on
from oxy_ai.assistants.routing import CarryOut, Say, Skip, decide, hears_of_emergency
from oxy_ai.messages import MessageContent, QuotedMessage, Reading
from oxy_ai.records import Input, Proposal
from oxy_core.content import Quote, Reaction, Target
from oxy_core.instance.settings import AiSettings
from oxy_core.message_kinds import MessageKind

OWNER = "+5511987651111"
ASKED = Proposal(
    id=1,
    tool="fechar_dia",
    arguments={},
    intent="Vou fechar a loja amanhã.",
    state="open",
    answers=True,
    question="Q1",
    asked_seconds=60,
)
DONE = ASKED.model_copy(update={"state": "done", "answers": False, "outcome": "Pronto! Fechei.", "just_ended": True})
LATE = PATIENCE.total_seconds() + 61


def text(words: str, *, age: float = 1, quote: str | None = None, **changes: object) -> Input:
    content = MessageContent(quote=None if quote is None else Quote(whatsapp_id=quote), **changes)  # type: ignore[arg-type]  # fields of it
    return Input(kind=MessageKind.TEXT, text=words, age_seconds=age, content=content)


def heard(words: str | None) -> Input:
    return Input(kind=MessageKind.VOICE_NOTE, age_seconds=1, reading=Reading(way="heard", text=words))


def seen(words: str) -> Input:
    return Input(kind=MessageKind.IMAGE, age_seconds=1, reading=Reading(way="seen", text=words))


def reaction(emoji: str, target: str = "Q1") -> Input:
    details = Reaction(target=Target(whatsapp_id=target), emoji=emoji)
    return Input(kind=MessageKind.REACTION, age_seconds=1, content=MessageContent(details=details))


@pytest.mark.parametrize(
    ("inputs", "ruled"),
    [
        ([text("sim")], Ruled.AGREED),
        ([text("👍🏽")], Ruled.AGREED),
        ([text("sim"), text("pode")], Ruled.AGREED),
        ([text("pode", quote="Q1")], Ruled.AGREED),
        ([heard("Sim, pode fazer.")], Ruled.AGREED),
        ([reaction("👍🏿")], Ruled.AGREED),
        ([reaction("😮"), reaction("✅")], Ruled.AGREED),
        ([text("não")], Ruled.DECLINED),
        ([heard("Não, deixa.")], Ruled.DECLINED),
        ([reaction("👎")], Ruled.DECLINED),
        ([reaction("👍"), reaction("")], Ruled.REACTED),
        ([reaction("👍", "Q0")], Ruled.REACTED),
        ([reaction("❤️")], Ruled.REACTED),
        ([text("sim, mas amanhã")], Ruled.SET_ASIDE),
        ([text("sim?")], Ruled.SET_ASIDE),
        ([text("sim"), text("não")], Ruled.SET_ASIDE),
        ([text("sim"), reaction("👍")], Ruled.SET_ASIDE),
        ([text("quanto faturei hoje?")], Ruled.SET_ASIDE),
        ([text("sim", forwarded=True)], Ruled.SET_ASIDE),
        ([seen("uma placa que diz sim")], Ruled.SET_ASIDE),
        ([heard(None)], Ruled.SET_ASIDE),
        ([Input(kind=MessageKind.STICKER, age_seconds=1)], Ruled.SET_ASIDE),
        ([Input(kind=MessageKind.IMAGE, text="sim", age_seconds=1)], Ruled.SET_ASIDE),
        ([Input(kind=MessageKind.TEXT, text="sim", cut=True, age_seconds=1)], Ruled.SET_ASIDE),
        ([Input(kind=MessageKind.TEXT, text="sim", revoked=True, age_seconds=1)], Ruled.SET_ASIDE),
        ([text("sim", quote="Q0")], Ruled.OLDER),
        ([text("sim", age=62)], Ruled.EXPIRED),
    ],
)
def test_what_the_next_messages_say(inputs: list[Input], ruled: Ruled) -> None:
    ruling = ruling_on(turn(*inputs, phone=OWNER, proposal=ASKED), inputs)
    assert ruling is not None
    assert ruling.ruled is ruled


@pytest.mark.parametrize(("asked", "age"), [(LATE, 1), (None, 1), (LATE + 700, LATE), (30, 45)])
def test_a_yes_in_the_wrong_moment_does_nothing(asked: float | None, age: float) -> None:
    proposal = ASKED.model_copy(update={"asked_seconds": asked})
    decided = decide(turn(text("sim", age=age), phone=OWNER, proposal=proposal))
    assert isinstance(decided, Say)
    assert decided.reason == "expired"
    assert "Não fiz nada" in decided.text


def test_a_yes_carries_out_and_repeats_nothing() -> None:
    assert decide(turn(text("sim"), phone=OWNER, proposal=ASKED)) == CarryOut(ASKED)
    again = decide(turn(text("sim"), phone=OWNER, proposal=DONE))
    assert isinstance(again, Say)
    assert again.text == "Isso eu já tinha feito, uma vez só: Pronto! Fechei."
    assert decide(turn(reaction("❤️"), phone=OWNER, proposal=ASKED)) == Skip("reaction")


@pytest.mark.parametrize("inputs", [[text("sim", age=LATE)], [text("não")], [text("sim"), text("espera")]])
@pytest.mark.parametrize("state", ["done", "undone"])
def test_what_was_done_is_told_whenever_a_later_attempt_comes(inputs: list[Input], state: str) -> None:
    done = ASKED.model_copy(update={"state": state, "outcome": "Pronto! Fechei.", "asked_seconds": LATE + 60})
    assert decide(turn(*inputs, phone=OWNER, proposal=done)) == CarryOut(done)


@pytest.mark.parametrize(
    ("inputs", "ruled"),
    [
        ([text("sim", age=LATE)], Ruled.AGREED),
        ([text("não")], Ruled.AGREED),
        ([reaction("❤️")], Ruled.REACTED),
        ([text("quanto faturei hoje?")], Ruled.SET_ASIDE),
    ],
)
def test_whoever_answers_a_question_that_was_withdrawn_hears_so(inputs: list[Input], ruled: Ruled) -> None:
    withdrawn = ASKED.model_copy(update={"state": "undone", "withdrawn": True, "outcome": "Não fiz nada."})
    ruling = ruling_on(turn(*inputs, phone=OWNER, proposal=withdrawn), inputs)
    assert ruling is not None
    assert (ruling.ruled, ruling.text) == (ruled, "Não fiz nada." if ruled is Ruled.SET_ASIDE else "")


def test_an_older_question_is_answered_in_vain() -> None:
    asked = QuotedMessage(author="assistant", kind=MessageKind.TEXT, text=question_of("Vou fechar a loja."))
    old = text("sim", quote="Q0").model_copy(update={"quoted": asked})
    for proposal in (None, DONE.model_copy(update={"just_ended": False})):
        decided = decide(turn(old, phone=OWNER, proposal=proposal))
        assert isinstance(decided, Say)
        assert decided.reason == "older"


def test_nobody_but_an_owner_is_asked() -> None:
    decided = decide(turn(text("sim"), proposal=ASKED))
    assert not isinstance(decided, CarryOut)
    assert isinstance(decide(turn(text("sim"), proposal=ASKED, owner=True)), CarryOut)


def test_a_pause_is_for_customers_alone() -> None:
    ai = AiSettings(paused=True)
    assert decide(turn(text("oi"), ai=ai)).reason == "paused"  # type: ignore[union-attr]  # it waits
    assert decide(turn(text("oi", age=90_000), ai=ai)) == Skip("paused")
    waiting = turn(text("meu cachorro comeu veneno"), ai=ai)
    assert hears_of_emergency(waiting, decide(waiting)) == "customer"
    assert isinstance(decide(turn(text("sim"), phone=OWNER, ai=ai, proposal=ASKED)), CarryOut)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Fechei a sexta!", "Nesta resposta não mudei nada na loja."),
        ("Ontem foram 3 banhos. Já está fechado!", "Ontem foram 3 banhos.\n\nNesta resposta não mudei nada na loja."),
        ("Pronto, pausei a assistente.\nMais algo?", "Mais algo?\n\nNesta resposta não mudei nada na loja."),
        ("Ainda não fechei nada.", "Ainda não fechei nada."),
        ("Você fechou o mês com R$ 1.200,00.", "Você fechou o mês com R$ 1.200,00."),
        ("Já foram marcados 12 agendamentos.", "Já foram marcados 12 agendamentos."),
    ],
)
def test_a_deed_that_was_not_done_is_not_claimed(said: str, left: str) -> None:
    assert without_deeds(said) == left


def test_beside_a_question_nothing_else_is_asked_or_claimed() -> None:
    said = "Ontem foram 3 banhos. Fechei a sexta! Quer ver mais?\nPosso avisar a Ana?"
    assert beside_question(said) == "Ontem foram 3 banhos."
    assert beside_question("Já está fechado!") == ""


@pytest.mark.parametrize(
    "said",
    [
        "Feito! Amanhã a loja não abre.",
        "Loja fechada para amanhã ✅",
        "Está fechado!",
        "Ok, a assistente foi pausada.",
        "Pausa ativada.",
        "Seu pedido foi realizado: cancelamos todos os agendamentos de amanhã.",
        "Acabei de bloquear o horário das 10h.",
        "Pronto, tudo certo, agenda bloqueada.",
        "Já deixei o horário mudado.",
        "Pronto! Fechei a loja amanhã.",
        "Feito!",
        "Enviei a campanha para todo mundo!",
        "A campanha de Natal já foi enviada.",
        "Mandei a mensagem para os clientes.",
        "Acabei de enviar a campanha.",
    ],
)
def test_no_form_of_a_claim_of_a_deed_is_left(said: str) -> None:
    assert without_deeds(said) == NO_DEED


@pytest.mark.parametrize(
    ("said", "knows"),
    [
        ("Pronto! Aqui está o resumo: 12 banhos.", True),
        ("A tosa das 10h foi cancelada ontem pela Ana.", True),
        ("Hoje a loja está fechada por causa do feriado.", False),
        ("Não foi cancelado nada.", False),
        ("O banho foi cancelado pela cliente.", False),
        ("Loja fechada aos domingos.", False),
        ("Boa tarde! Tudo certo por aqui.", False),
        ("A loja foi fechada em algum dia?", False),
        ("Esta semana foram cancelados 5 agendamentos.", False),
        ("Para fechar a loja, é só pedir.", False),
        ("Você quer a loja fechada amanhã?", False),
        ("Nada foi enviado; só você decide.", False),
        ("Ainda não enviei nada.", False),
        ("Enviei o gráfico acima.", False),
        ("A campanha Natal foi enviada para 12 clientes.", True),
    ],
)
def test_what_tells_of_something_is_no_claim(said: str, *, knows: bool) -> None:
    assert without_deeds(said, knows=knows) == said
