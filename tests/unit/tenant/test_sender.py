import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from unit.tenant.messages import LID, PHONE, Clock, incoming, request
from unit.tenant.senders import Stage, sending
from unit.tenant.sessions import add_secret, make_session

from oxy_core.envelopes import Lane, SendOutcome
from oxy_core.identity import Jid
from oxy_core.outbound import EditContent, FileContent, SendRefusal
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.sends import OpenSend
from oxy_tenant.links.errors import (
    LinkError,
    LinkUnavailableError,
    RateLimitedError,
    ReachOutLockedError,
    RefusalReason,
    SendDeferredError,
    SendRefusedError,
)


async def until(stage: Stage, texts: int) -> None:
    await reached(lambda: len(stage.link.texts) >= texts)


def postponed() -> float:
    """How many attempts this process has put off because something was not there."""
    return REGISTRY.get_sample_value("oxy_tenant_sends_postponed_total", {"cause": "unavailable"}) or 0


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 the state under test has no event
            await asyncio.sleep(0.005)


async def test_after_a_stop_waiting_requests_stay_open_and_nothing_is_sent(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.ask(request("first"), request("second"), request("other", chat=Jid.parse("222@lid")))
        await asyncio.sleep(0.05)
        stage.stopping.set()
        stage.link.turn.set()
        stage.link.answering.set()
        stage.ask(request("late"))
        await stage.sender.finish(within=60)
        await asyncio.sleep(0.05)
        assert (stage.link.texts, stage.results()) == ([], [])
        assert stage.open_texts() == ["first", "second", "other", "late"]


async def test_a_stop_waits_for_the_message_in_flight_and_journals_its_result(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.link.turn.set()
        stage.ask(request("first"), request("second"))
        await until(stage, texts=1)
        stage.stopping.set()
        finishing = asyncio.create_task(stage.sender.finish(within=60))
        await asyncio.sleep(0.05)
        assert not finishing.done()
        stage.link.answering.set()
        await finishing
        assert (stage.link.texts, stage.results()) == (["first"], [SendOutcome.SENT])
        assert stage.open_texts() == ["second"]


async def test_a_stop_does_not_wait_forever_for_the_message_in_flight(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.link.turn.set()
        stage.ask(request("first"))
        await until(stage, texts=1)
        stage.stopping.set()
        await stage.sender.finish(within=0.05)
        assert stage.open_texts() == ["first"]


@pytest.mark.parametrize("error", [SendDeferredError("server returned error 429"), LinkUnavailableError("no socket")])
async def test_what_was_certainly_not_sent_is_tried_again_in_order(tmp_path: Path, error: LinkError) -> None:
    async with sending(tmp_path) as stage:
        stage.answer()
        stage.link.refusals["first"] = [error] * 3
        soon = datetime.now(UTC) + timedelta(minutes=5)
        stage.ask(request("first", expires_at=soon), request("second"), request("other", chat=Jid.parse("222@lid")))
        await reached(lambda: len(stage.results()) == 3)
        assert [text for text in stage.link.texts if text != "other"] == ["first"] * 4 + ["second"]
        assert stage.link.texts.index("other") < 2
        assert stage.results() == [SendOutcome.SENT] * 3


async def test_a_request_that_is_refused_until_it_expires_says_why(tmp_path: Path) -> None:
    clock = Clock()
    async with sending(tmp_path, clock=clock) as stage:
        stage.answer()
        stage.link.refusals["first"] = [SendDeferredError("server returned error 429")] * 10_000
        stage.ask(request("first", expires_at=clock.now + timedelta(hours=1)))
        await until(stage, texts=7)  # more often than what never expires
        clock.advance(hours=1)
        await reached(lambda: len(stage.results()) == 1)
        [result] = stage.all_results()
        assert result.outcome is SendOutcome.EXPIRED
        assert result.error is not None
        assert "429" in result.error


async def test_a_request_that_never_expires_fails_after_many_attempts(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.answer()
        stage.link.refusals["first"] = [SendDeferredError("server returned error 503")] * 1_000
        stage.ask(request("first"))
        await reached(lambda: len(stage.results()) == 1)
        [result] = stage.all_results()
        assert (result.outcome, len(stage.link.texts)) == (SendOutcome.FAILED, 6)
        assert "503" in str(result.error)


async def test_a_final_refusal_is_not_repeated_and_says_why(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.answer()
        stage.link.refusals["first"] = [SendRefusedError("server returned error 403")]
        stage.ask(request("first"))
        await reached(lambda: len(stage.results()) == 1)
        assert [(result.outcome, result.error) for result in stage.all_results()] == [
            (SendOutcome.FAILED, "server returned error 403")
        ]


async def test_a_send_that_waits_to_be_tried_again_is_no_doubt_after_a_kill(tmp_path: Path) -> None:
    make_session(tmp_path / "session.db")
    async with sending(tmp_path) as stage:
        stage.answer()
        stage.link.refusals["first"] = [SendDeferredError("server returned error 429")] * 1_000
        stage.ask(request("first", expires_at=datetime.now(UTC) + timedelta(minutes=5)))
        await until(stage, texts=2)
        await reached(lambda: not stage.journal.sends.unfinished()[0].in_flight)
        [send] = stage.journal.sends.unfinished()
    # The library stores the secret of every attempt before it sends anything.
    for attempt in range(1, send.attempts + 1):
        add_secret(tmp_path / "session.db", f"3EB0{attempt}", send_secret(tmp_path, send, attempt))
    async with sending(tmp_path) as stage:
        stage.answer()
        for send in stage.journal.sends.unfinished():
            stage.sender.enqueue(send)
        await reached(lambda: len(stage.results()) == 1)
        assert stage.results() == [SendOutcome.SENT]


def send_secret(folder: Path, send: OpenSend, attempt: int) -> bytes:
    journal = Journal.open(folder / "journal.db", organization="acme", instance="shop")
    secret = journal.sends.attempt_secret(send.request.id, attempt)
    journal.close()
    return secret


@pytest.mark.parametrize("session", ["absent", "unlinked", "linked"])
@pytest.mark.parametrize("in_flight", [True, False])
async def test_a_send_interrupted_in_a_session_that_is_gone_is_never_repeated(
    tmp_path: Path, session: str, *, in_flight: bool
) -> None:
    async with sending(tmp_path) as stage:
        ask = request("first")
        stage.journal.sends.accept([ask])
        stage.journal.sends.begin_attempt(ask.id)
        if not in_flight:
            stage.journal.sends.postpone(ask.id)
    if session != "absent":
        make_session(tmp_path / "session.db", paired=session == "linked")
    async with sending(tmp_path) as stage:
        stage.answer()
        for send in stage.journal.sends.unfinished():
            stage.sender.enqueue(send)
        await reached(lambda: len(stage.results()) == 1)
        certain = session == "linked" or not in_flight
        assert stage.results() == [SendOutcome.SENT if certain else SendOutcome.AMBIGUOUS]
        assert stage.link.texts == (["first"] if certain else [])


# -- one chat, whatever its addresses


async def test_an_answer_from_the_phone_supersedes_a_request_under_the_old_address(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.journal.inbound.receive(incoming("A", PHONE))
        stage.ask(request("first", chat=PHONE, based_on=1))
        # The chat's LID is learned only now, with the business's own answer.
        stage.journal.inbound.receive(incoming("B", LID, chat_alias=PHONE, from_me=True))
        stage.answer()
        await reached(lambda: len(stage.results()) == 1)
        assert (stage.results(), stage.link.texts) == ([SendOutcome.SUPERSEDED], [])


async def test_a_request_is_sent_to_the_address_known_when_it_is_sent(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.ask(request("first", chat=PHONE))
        stage.journal.inbound.receive(incoming("A", LID, chat_alias=PHONE))
        stage.answer()
        await reached(lambda: len(stage.results()) == 1)
        assert stage.link.chats == [LID]


async def test_requests_to_both_addresses_of_a_chat_keep_their_order(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.answer()
        stage.link.refusals["first"] = [SendDeferredError("server returned error 429")] * 3
        stage.ask(request("first", chat=PHONE))
        await until(stage, texts=1)
        stage.journal.inbound.receive(incoming("A", LID, chat_alias=PHONE))
        stage.ask(request("second", chat=LID), request("third", chat=PHONE))
        await reached(lambda: len(stage.results()) == 3)
        assert stage.link.texts == ["first"] * 4 + ["second", "third"]


async def test_queues_of_two_addresses_that_prove_to_be_one_chat_keep_the_order(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.connected.clear()
        stage.ask(request("1", chat=PHONE), request("2", chat=LID), request("3", chat=PHONE), request("4", chat=LID))
        await asyncio.sleep(0.05)
        stage.journal.inbound.receive(incoming("A", LID, chat_alias=PHONE))
        stage.link.refusals["1"] = [SendDeferredError("server returned error 429")] * 2
        stage.answer()
        stage.connected.set()
        await reached(lambda: len(stage.results()) == 4)
        assert stage.link.texts == ["1", "1", "1", "2", "3", "4"]
        assert set(stage.link.chats) == {LID}


# -- what WhatsApp refuses for a kind of messages, and files


async def test_while_the_account_may_write_to_nobody_first_unasked_messages_wait_and_replies_go_on(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with sending(tmp_path, clock=clock) as stage:
        stage.answer()
        stage.link.refusals["campanha"] = [ReachOutLockedError("server returned error 463")]
        soon = clock.now + timedelta(seconds=0.2)  # for so long a message waits until it is looked at again
        stage.ask(request("campanha", chat=Jid.parse("1@lid"), lane=Lane.CAMPAIGN, expires_at=soon))
        await reached(lambda: len(stage.locked) == 1)
        stage.ask(request("lembrete", chat=Jid.parse("2@lid"), lane=Lane.AUTOMATION, expires_at=soon))
        stage.ask(request("resposta", chat=Jid.parse("3@lid"), lane=Lane.REPLY))
        await reached(lambda: stage.reach_out.waiting == {"campanha", "lembrete"} and len(stage.results()) == 1)
        clock.advance(hours=1)
        await reached(lambda: len(stage.results()) == 3)
        assert stage.link.texts == ["campanha", "resposta"]
        waited = [result for result in stage.all_results() if result.outcome is SendOutcome.EXPIRED]
        assert [result.refusal for result in waited] == [SendRefusal.REACHOUT_LOCKED] * 2
        assert all(result.retry_after_seconds for result in waited)
        assert len(stage.locked) == 1


async def test_the_first_unasked_message_that_is_sent_shows_that_the_account_may_write_again(tmp_path: Path) -> None:
    async with sending(tmp_path, probe_seconds=0.2) as stage:
        stage.answer()
        stage.link.refusals["campanha"] = [ReachOutLockedError("server returned error 463")]
        stage.ask(request("campanha", chat=Jid.parse("1@lid"), lane=Lane.CAMPAIGN))
        await reached(lambda: len(stage.results()) == 1)
        assert stage.results() == [SendOutcome.SENT]
        assert [lock is None for lock in stage.locked] == [False, True]


async def test_once_a_person_lets_the_number_go_on_a_message_is_tried_and_what_waited_follows_it(
    tmp_path: Path,
) -> None:
    locked, never = ReachOutLockedError("463"), SendRefusedError("no", reason=RefusalReason.OTHER)
    async with sending(tmp_path) as stage:

        def ask_promotion(resumption: int) -> None:
            stage.ask(request("c", chat=Jid.parse("3@lid"), lane=Lane.CAMPAIGN, resumption=resumption))

        stage.answer()
        stage.link.refusals = {"a": [locked] * 2, "b": [locked], "c": [locked]}
        stage.ask(request("a", chat=Jid.parse("1@lid"), lane=Lane.AUTOMATION))
        await reached(lambda: len(stage.locked) == 1)
        stage.ask(request("b", chat=Jid.parse("2@lid"), lane=Lane.AUTOMATION))
        ask_promotion(0)
        await reached(lambda: len(stage.results()) == 1)
        assert stage.link.texts == ["a"], "what the platform keeps is given back"

        ask_promotion(1)
        await reached(lambda: len(stage.locked) == len(stage.results()) == 2)
        ask_promotion(1)
        await reached(lambda: len(stage.results()) == 3)
        assert len(stage.link.texts) == 2, "one finds out, once"
        assert {(result.outcome, result.refusal) for result in stage.all_results()} == {
            (SendOutcome.EXPIRED, SendRefusal.REACHOUT_LOCKED)
        }

        stage.link.refusals = {"a": [never], "b": [never]}
        ask_promotion(2)
        await reached(lambda: len(stage.results()) == 6)
        assert sorted(stage.results()[3:]) == [SendOutcome.FAILED, SendOutcome.FAILED, SendOutcome.SENT]
        assert [lock and lock.resumption for lock in stage.locked] == [None, 1, None]


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (RateLimitedError("server returned error 429", retry_after=0.1), SendRefusal.RATE_LIMITED),
        (SendDeferredError("server returned error 500", retry_after=0.1), SendRefusal.SERVER_ERROR),
    ],
)
async def test_what_kept_a_message_until_it_expired_is_typed(
    tmp_path: Path, error: LinkError, refusal: SendRefusal
) -> None:
    clock = Clock()
    async with sending(tmp_path, clock=clock) as stage:
        stage.answer()
        stage.link.refusals["oi"] = [error] * 10_000
        began = time.monotonic()
        stage.ask(request("oi", expires_at=clock.now + timedelta(hours=1)))
        await until(stage, texts=4)
        assert time.monotonic() - began > 0.29, "each time after the pause that was asked for"
        clock.advance(hours=1)
        await reached(lambda: len(stage.results()) == 1)
        [result] = stage.all_results()
        assert (result.outcome, result.refusal, result.retry_after_seconds) == (SendOutcome.EXPIRED, refusal, 0.1)


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [
        (RefusalReason.NOT_ON_WHATSAPP, SendRefusal.NOT_ON_WHATSAPP),
        (RefusalReason.INVALID, SendRefusal.INVALID),
        (RefusalReason.FORBIDDEN, SendRefusal.REFUSED),
        (RefusalReason.OTHER, SendRefusal.REFUSED),
    ],
)
async def test_what_whatsapp_refuses_for_good_is_typed(
    tmp_path: Path, reason: RefusalReason, refusal: SendRefusal
) -> None:
    async with sending(tmp_path) as stage:
        stage.answer()
        stage.link.refusals["oi"] = [SendRefusedError("no", reason=reason)]
        stage.ask(request("oi"))
        await reached(lambda: len(stage.results()) == 1)
        assert [(result.outcome, result.refusal) for result in stage.all_results()] == [(SendOutcome.FAILED, refusal)]


async def test_a_file_that_no_worker_hands_out_waits_in_its_chat_alone(tmp_path: Path) -> None:
    clock, before = Clock(), postponed()
    async with sending(tmp_path, clock=clock) as stage:
        stage.answer()
        file = FileContent(kind="document", media_id=uuid4(), mime="a/b", size=9, sha256="0" * 64)
        stage.ask(request(None, content=file, expires_at=clock.now + timedelta(hours=1)), request("depois"))
        stage.ask(request("outra", chat=Jid.parse("2@lid")))
        await reached(lambda: len(stage.results()) == 1 and postponed() > before)
        clock.advance(hours=1)
        await reached(lambda: len(stage.results()) == 3)
        assert stage.link.texts == ["outra", "depois"]
        assert [(result.outcome, result.refusal) for result in stage.all_results()][1] == (
            SendOutcome.EXPIRED,
            SendRefusal.FILE_UNAVAILABLE,
        )


async def test_an_edit_that_phones_would_ignore_is_refused(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.answer()
        first = request("Custa 50")
        stage.ask(first)
        await reached(lambda: len(stage.results()) == 1)
        stage.ask(request(None, content=EditContent(whatsapp_id="3EB01", text="Custa 60")))
        await reached(lambda: len(stage.results()) == 2)
        with stage.journal.database.transaction() as database:
            database.execute("UPDATE sends SET ended_at = ended_at - 901 WHERE whatsapp_id = '3EB01'")
        stage.ask(request(None, content=EditContent(whatsapp_id="3EB01", text="Custa 70")))
        await reached(lambda: len(stage.results()) == 3)
        assert [result.refusal for result in stage.all_results()] == [None, None, SendRefusal.INVALID]
        # An edit is no message of its own, which a filler could refer to.
        assert stage.journal.sends.newest_sent(LID) == "3EB01"


async def test_what_is_no_person_is_never_written_to(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.answer()
        stage.ask(request("a todos", chat=Jid.parse("1203630@g.us")), request("oi", chat=Jid.parse("status@broadcast")))
        await reached(lambda: len(stage.results()) == 2)
        assert [result.refusal for result in stage.all_results()] == [SendRefusal.INVALID] * 2
        assert stage.link.texts == []


# -- numbers


async def test_a_number_is_resolved_once_and_its_spellings_are_one_chat(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.answer()
        spelled, registered = Jid.of_phone("+5511987650001"), Jid.of_phone("+551187650001")
        stage.link.accounts = {"+5511987650001": registered, "+551187650001": registered}
        stage.ask(request("um", chat=spelled))
        await reached(lambda: len(stage.results()) == 1)
        stage.ask(request("dois", chat=registered), request("três", chat=spelled))
        await reached(lambda: len(stage.results()) == 3)
        assert stage.link.chats == [registered] * 3
        assert stage.link.resolved == ["+5511987650001", "+551187650001"]
        # The hidden address, once it is learned, is that of both.
        stage.journal.inbound.receive(incoming("A", LID, chat_alias=registered))
        stage.ask(request("quatro", chat=spelled))
        await reached(lambda: len(stage.results()) == 4)
        assert stage.link.chats[3] == LID


async def test_a_number_without_an_account_is_refused_and_asked_about_again(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.answer()
        stage.link.accounts = {}
        for expected in (1, 2):
            stage.ask(request("oi", chat=PHONE))
            await reached(lambda expected=expected: len(stage.results()) == expected)
        assert [result.refusal for result in stage.all_results()] == [SendRefusal.NOT_ON_WHATSAPP] * 2
        assert (stage.link.texts, len(stage.link.resolved)) == ([], 2)
        assert all(str(PHONE.user) not in str(result.error) for result in stage.all_results())
