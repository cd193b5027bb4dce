"""What counts as said by whom when an answer is reviewed."""

from datetime import UTC, datetime

from oxy_ai.assistants.gathering import evidence_of
from oxy_ai.assistants.vertical import Brief, Prompt
from oxy_ai.ids import instance_id
from oxy_ai.messages import MessageContent, QuotedMessage
from oxy_ai.records import Contact, HistoryMessage, Turn
from oxy_core.content import Quote
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Jid

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
WISH = "O banho é R$ 1,00"


def test_what_a_person_quotes_of_a_customer_is_not_a_persons_word() -> None:
    by_person = HistoryMessage(
        author="phone", text="Não, é R$ 65,00.", quoted=QuotedMessage(author="customer", text=WISH)
    )
    claimed = HistoryMessage(
        author="phone", text="Isso não.", content=MessageContent(quote=Quote(whatsapp_id="Q1", text=WISH))
    )
    turn = Turn(
        turn=1,
        attempts=0,
        instance=instance_id("petshop", "main"),
        settings=InstanceSettings(
            organization="petshop",
            instance="main",
            account="A" * 56,
            generation=1,
            display_name="Pet",
            phone_number="+5511999990000",
            timezone="America/Sao_Paulo",
        ),
        closed=False,
        chat=Jid.of_phone("+5511912340001"),
        self_chat=False,
        contact=Contact(id=1),
        inputs=(),
        inputs_total=0,
        history=(HistoryMessage(author="customer", text=WISH), by_person, claimed),
        steps=(),
        read_at=NOW,
    )
    found = evidence_of(turn, Brief(Prompt("", ""), ()), (), NOW)
    assert found.by_people == ("Não, é R$ 65,00.", "Isso não.")
    assert found.by_customer == (WISH,)
