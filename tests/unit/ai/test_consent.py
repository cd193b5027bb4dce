"""What a customer must have written himself before a tool acts."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from oxy_ai.assistants.consent import is_asked
from oxy_ai.assistants.vertical import Consent
from oxy_ai.ids import instance_id
from oxy_ai.messages import MessageContent
from oxy_ai.records import Contact, HistoryMessage, Input, Turn
from oxy_core.content import Quote
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind

BOOK = Consent(wishes=("agend", "marc", "quer"), named=("service",), registered=("name",))
CANCEL = Consent(wishes=("cancel", "desmarc", "nao vou"))
MOVE = Consent(wishes=("remarc", "mud"), by_moment=True)
REGISTER = Consent(written=("name",))
KNOWN = 'O nome do cliente no WhatsApp é "Ana". Pets: Thor (cão).'


class Order(BaseModel):
    """Arguments of a tool."""

    service: str | None = None
    name: str | None = None


BATH = Order(service="Banho e tosa", name="Rex")


def said(text: str | None, **changes: object) -> Input:
    return Input.model_validate({"kind": MessageKind.TEXT, "text": text, "age_seconds": 1} | changes)


def earlier(author: str, text: str, **changes: object) -> HistoryMessage:
    return HistoryMessage.model_validate({"author": author, "text": text} | changes)


def turn_of(*inputs: Input, history: tuple[HistoryMessage, ...] = ()) -> Turn:
    return Turn(
        turn=1,
        attempts=0,
        instance=instance_id("petshop", "main"),
        settings=InstanceSettings.model_construct(),
        closed=False,
        chat=Jid.of_phone("+5511912340001"),
        self_chat=False,
        contact=Contact(id=1),
        inputs=inputs,
        inputs_total=len(inputs),
        history=history,
        steps=(),
        read_at=datetime.now(UTC),
    )


FORWARDED = MessageContent(forwarded=True)
QUOTING = MessageContent(quote=Quote(whatsapp_id="Q1", text="cancele tudo agora"))
OFFER = earlier("assistant", "Quer que eu agende banho e tosa do Rex para segunda às 10:00?")
ASSENTS = (
    "simm",
    "siiim",
    "tá bom",
    "ta",
    "Tá ótimo",
    "tudo certo",
    "fechou",
    "show!",
    "pode sim, n vou poder ir",
    "🤝",
)
DENIALS = (
    "n quero cancelar",
    "não quero mais cancelar",
    "não quero que cancele",
    "por favor não",
    "por favor, não cancele",
    "pode deixar, não precisa cancelar",
    "negativo",
    "n",
    "melhor não, ok?",
)
WISH = earlier("customer", "acho que vou ter que cancelar o banho de quinta")
CANCELLING = earlier("assistant", "Confirma que é para cancelar o banho do Thor?")


@pytest.mark.parametrize(
    ("consent", "order", "turn"),
    [
        (BOOK, BATH, turn_of(said("Quero marcar banho pro Rex segunda às 10"))),
        (BOOK, BATH, turn_of(said("quero banho"), said("o nome dele é rex"))),
        (BOOK, BATH, turn_of(said("QUERO BÂNHO PRO RÉX"))),
        (BOOK, BATH, turn_of(said("é o Rex"), history=(earlier("customer", "quero um banho segunda"),))),
        (BOOK, BATH, turn_of(said("sim"), history=(OFFER,))),
        (BOOK, BATH, turn_of(said("Pode ser!"), history=(OFFER,))),
        (BOOK, BATH, turn_of(said("👍"), history=(OFFER,))),
        (BOOK, Order(service="Vacina V10", name="Rex"), turn_of(said("quero vacinar o Rex"))),
        (BOOK, Order(service="Banho", name="Thor"), turn_of(said("quero banho pro meu cachorro"))),
        (CANCEL, Order(), turn_of(said("preciso cancelar"))),
        (CANCEL, Order(), turn_of(said("pode cancelar meu banho de terça?"))),
        (CANCEL, Order(), turn_of(said("qual a multa? quero cancelar mesmo assim"))),
        (CANCEL, Order(), turn_of(said("se for possível, quero desmarcar"))),
        (CANCEL, Order(), turn_of(said("Não vou poder ir amanhã"))),
        (CANCEL, Order(), turn_of(said("isso"), history=(CANCELLING,))),
        (CANCEL, Order(), turn_of(said("n vou conseguir ir amanha"))),
        (CANCEL, Order(), turn_of(said("o do Thor"), history=(WISH, CANCELLING))),
        (CANCEL, Order(), turn_of(said("não é o do Thor, cancela o do Rex"), history=(WISH, CANCELLING))),
        *((CANCEL, Order(), turn_of(said(yes), history=(CANCELLING,))) for yes in ASSENTS),
        (MOVE, Order(), turn_of(said("às 14h está ótimo"))),
        (MOVE, Order(), turn_of(said("quinta que vem"))),
        (REGISTER, Order(name="Rex"), turn_of(said("tenho um labrador chamado Rex"))),
        (REGISTER, Order(name="Rex"), turn_of(said("o Rex", kind=MessageKind.IMAGE))),
    ],
)
def test_the_customer_has_asked(consent: Consent, order: Order, turn: Turn) -> None:
    assert is_asked(consent, order, turn, KNOWN)


@pytest.mark.parametrize(
    ("consent", "order", "turn"),
    [
        (BOOK, BATH, turn_of(said("Oi, tudo bem?"))),
        (BOOK, BATH, turn_of(said("quero saber o endereço do Rex"))),
        (BOOK, BATH, turn_of(said("quero um banho"))),
        (BOOK, Order(service="Hidratação", name="Thor"), turn_of(said("quero marcar banho pro Thor"))),
        (BOOK, BATH, turn_of(said("o que é isso?"), history=(OFFER,))),
        (BOOK, BATH, turn_of(said("quero marcar banho pro Rex", content=FORWARDED))),
        (BOOK, BATH, turn_of(said("quero marcar banho pro Rex", revoked=True))),
        (BOOK, BATH, turn_of(said("sim"), history=(OFFER, earlier("phone", "Oi! Tudo bem?")))),
        (CANCEL, Order(), turn_of(said("o que é isso?", content=QUOTING))),
        (CANCEL, Order(), turn_of(said("cancele tudo", content=FORWARDED))),
        (CANCEL, Order(), turn_of(said("oi"), history=(earlier("customer", "cancele", content=FORWARDED),))),
        (CANCEL, Order(), turn_of(said("oi"), history=(CANCELLING,))),
        (CANCEL, Order(), turn_of(said("sim"), history=(earlier("assistant", "Posso ajudar?"),))),
        (CANCEL, Order(), turn_of(said("não quero cancelar"))),
        (CANCEL, Order(), turn_of(said("e quanto tempo antes preciso avisar se for cancelar?"))),
        (CANCEL, Order(), turn_of(said("qual a multa para cancelar?"))),
        (CANCEL, Order(), turn_of(said("se eu cancelar hoje, perco o sinal?"))),
        (CANCEL, Order(), turn_of(said("vocês cobram para desmarcar?"))),
        (CANCEL, Order(), turn_of(said("caso precise desmarcar, aviso"))),
        *((CANCEL, Order(), turn_of(said(no), history=(CANCELLING,))) for no in DENIALS),
        (CANCEL, Order(), turn_of(said("não, isso não"), history=(CANCELLING,))),
        *((CANCEL, Order(), turn_of(said(no), history=(WISH, CANCELLING))) for no in DENIALS),
        (CANCEL, Order(), turn_of(said("não, deixa, vou conseguir ir"), history=(WISH, CANCELLING))),
        (CANCEL, Order(), turn_of(said("melhor não, pode deixar"), history=(CANCELLING,))),
        (CANCEL, Order(), turn_of(said("ah, acho que nao... pode deixar assim"), history=(CANCELLING,))),
        (CANCEL, Order(), turn_of(said(None, kind=MessageKind.STICKER))),
        (MOVE, Order(), turn_of(said("às 14h", content=FORWARDED))),
        (MOVE, Order(), turn_of(said("bom dia!"))),
        (REGISTER, Order(name="Thor"), turn_of(said("sim"), history=(earlier("assistant", "Cadastro o Thor?"),))),
        (REGISTER, Order(name="Thor"), turn_of(said("oi"))),
        (REGISTER, Order(name="!!"), turn_of(said("oi !!"))),
    ],
)
def test_the_customer_has_not_asked(consent: Consent, order: Order, turn: Turn) -> None:
    assert not is_asked(consent, order, turn, KNOWN)
