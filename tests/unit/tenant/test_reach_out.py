"""What WhatsApp's reach-out lock (463) holds back, and what it does not: it concerns people who have not written."""

from pathlib import Path

from unit.tenant.messages import incoming, request
from unit.tenant.senders import Stage, sending
from unit.tenant.test_sender import reached

from oxy_core.envelopes import Lane, SendOutcome
from oxy_core.identity import Jid
from oxy_core.outbound import SendRefusal
from oxy_tenant.links.errors import ReachOutLockedError

STRANGER, CUSTOMER, OTHER = Jid.parse("1@lid"), Jid.parse("2@lid"), Jid.parse("3@lid")


async def locked(stage: Stage) -> None:
    """Have WhatsApp refuse what was ordered for a stranger, which waits from now on."""
    stage.answer()
    stage.link.refusals["proposta"] = [ReachOutLockedError("server returned error 463")]
    stage.ask(request("proposta", chat=STRANGER, lane=Lane.AUTOMATION))
    await reached(lambda: "proposta" in stage.reach_out.waiting)


async def test_who_writes_is_answered_at_once_after_what_waited_in_the_chat(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        await locked(stage)
        stage.ask(request("resposta", chat=STRANGER))
        await reached(lambda: len(stage.results()) == 2)
        assert stage.link.texts == ["proposta", "proposta", "resposta"]
        assert stage.results() == [SendOutcome.SENT] * 2
        assert len(stage.locked) == 1, "what is sent to who has written says nothing of the lock"


async def test_what_waits_for_somebody_is_sent_when_he_writes(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        await locked(stage)
        stage.journal.inbound.receive(incoming("Q1", chat=STRANGER))
        stage.sender.heard(STRANGER)
        await reached(lambda: len(stage.results()) == 1)
        assert stage.link.texts == ["proposta", "proposta"]


async def test_what_people_order_for_whoever_has_written_is_tried_once_and_waits_only_if_whatsapp_refuses_it(
    tmp_path: Path,
) -> None:
    async with sending(tmp_path) as stage:
        stage.journal.inbound.receive(incoming("Q1", chat=CUSTOMER))
        stage.journal.inbound.receive(incoming("Q2", chat=OTHER))
        await locked(stage)
        stage.link.refusals["outra"] = [ReachOutLockedError("server returned error 463")] * 2
        stage.ask(request("conhecida", chat=CUSTOMER, lane=Lane.AUTOMATION))
        stage.ask(request("outra", chat=OTHER, lane=Lane.AUTOMATION))
        await reached(lambda: "outra" in stage.reach_out.waiting and len(stage.results()) == 1)
        assert sorted(stage.link.texts) == ["conhecida", "outra", "proposta"]

        # Refused again though an answer waits behind it: both are tried until WhatsApp takes them.
        stage.ask(request("resposta", chat=OTHER))
        await reached(lambda: len(stage.results()) == 3)
        assert stage.link.texts[3:] == ["outra", "outra", "resposta"]


async def test_what_the_platform_keeps_is_given_back_whoever_has_written(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.journal.inbound.receive(incoming("Q1", chat=CUSTOMER))
        await locked(stage)
        stage.ask(request("campanha", chat=CUSTOMER, lane=Lane.CAMPAIGN, resumption=0), request("oi", chat=CUSTOMER))
        await reached(lambda: len(stage.results()) == 2)
        assert stage.link.texts == ["proposta", "oi"]
        assert [result.refusal for result in stage.all_results()] == [SendRefusal.REACHOUT_LOCKED, None]
