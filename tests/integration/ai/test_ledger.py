"""The ledger: it shows what is open or ended badly, and names what must not be."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from integration.ai.endpoint import refusing, running_endpoint, saying
from integration.ai.engine_database import INSTANCE, ORGANIZATION, Database, Row, lasting
from integration.ai.scene import CUSTOMER, Scene, settings_of, until
from prometheus_client import REGISTRY
from psycopg.types.json import Jsonb

from oxy_ai.records import NoticeKind
from oxy_ai.worker import Worker
from oxy_core.envelopes import SendOutcome, SendResult

QUEUE_TEXT = "queue_text((select c from conversations c where id = %s), (select t from turns t where id = %s), %s, 1)"
TEXT = {"id": ORGANIZATION, "part": 0, "text": "Olá", "keep_seconds": 60}
OWNER = {"chat": "5511900000000@s.whatsapp.net", "phone": "+5511900000000", "phone_key": "+551100000000"}
GRACE = lasting(60)


def entries(engine: Database) -> list[Row]:
    rows = engine.rows("select to_jsonb(l) from ledger(%s, %s) l order by l.what, l.since", ORGANIZATION, GRACE)
    return [row for (row,) in rows]


def wrong(engine: Database) -> list[str]:
    return [entry["wrong"] for entry in entries(engine) if entry["wrong"] is not None]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("update conversations set lease_until = clock_timestamp() + interval '1 minute'", "is being answered"),
        ("update turns set waiting_since = now(), reason = 'HTTP status 503'", "waits for the model: HTTP status 503"),
        ("update turns set reason = 'suspended'", "its instance is suspended"),
        ("update turns set reason = 'closed'", "its instance was deleted"),
        ("update turns set attempts = 1, reason = 'no choice'", "is tried again: no choice"),
        ("update conversations set human_until = now() + interval '1 hour'", "a person has taken over"),
        ("update conversations set due_at = now() + interval '1 hour'", "waits for more messages"),
        ("select", "is due"),
    ],
)
def test_an_open_message_has_a_reason(engine: Database, change: str, reason: str) -> None:
    engine.claimed()
    engine.rows("update conversations set lease_until = null, due_at = now()")
    engine.rows(change)
    (entry,) = entries(engine)
    assert (entry["what"], entry["state"], entry["reason"], entry["wrong"]) == ("message", "open", reason, None)


@pytest.mark.parametrize(
    "change",
    [
        "update conversations set lease_until = null, due_at = now() + interval '1 minute'",
        "update conversations set due_at = lease_until",
    ],
    ids=["put off", "running"],
)
def test_what_came_after_an_open_turn_waits_for_it(engine: Database, change: str) -> None:
    conversation, _ = engine.claimed()
    engine.received(conversation, 2)
    engine.rows(change)
    engine.rows("update turns set reason = 'suspended'")
    assert entries(engine)[1]["reason"] == "waits for the turn before it"


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ("update conversations set lease_until = null, due_at = now()", True),
        ("update conversations set lease_until = null, due_at = now() + interval '10 seconds'", True),
        ("update conversations set lease_until = null, due_at = now() + interval '1 hour'", False),
        ("update conversations set lease_until = clock_timestamp() + interval '1 minute', due_at = now()", False),
    ],
    ids=["due", "due soon", "due later", "running"],
)
def test_the_ledger_says_until_when_turns_wait_in_a_database_that_began_anew(
    engine: Database, change: str, *, held: bool
) -> None:
    engine.claimed()
    engine.rows(change)
    engine.value("mark_database()")
    (before,) = entries(engine)
    known = engine.value("id from database_state")
    engine.value("replace_database(%s, %s, %s)", known, INSTANCE, lasting(180))
    until = engine.value("held_until from database_state").astimezone(UTC)
    (entry,) = entries(engine)
    because = f"waits until {until:%Y-%m-%d %H:%M:%S} UTC: the database began anew or was set back"
    assert entry["reason"] == (because if held else before["reason"])
    engine.rows("update database_state set held_until = now()")
    assert entries(engine) == [before]


def test_a_finished_conversation_is_not_in_the_ledger(engine: Database) -> None:
    conversation, turn = engine.claimed()
    ending = {"state": "answered", "reason": None, "role": "customer", "answers": [TEXT], "last_step": None}
    engine.value("end_turn(%s, %s, 7, %s, %s)", ORGANIZATION, conversation, turn, Jsonb(ending))
    assert [entry["state"] for entry in entries(engine)] == ["pending"]
    result = Jsonb({"request_id": ORGANIZATION, "outcome": "sent", "whatsapp_id": "W"})
    engine.value("close_request(%s, %s, %s)", ORGANIZATION, INSTANCE, result)
    assert entries(engine) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("update outbox set expires_at = now() - interval '10 seconds'", []),
        ("update outbox set expires_at = now() - interval '10 minutes'", ["it has expired"]),
        (
            """
            update outbox set state = 'accepted', accepted_epoch = gen_random_uuid();
            insert into journals
            select organization_id, instance_id, accepted_epoch, now() - interval '1 hour' from outbox;
            insert into journals select organization_id, instance_id, gen_random_uuid(), now() from outbox
            """,
            ["its journal is gone"],
        ),
        ("update outbox set state = 'ambiguous', closed_at = now()", ["the owner was not told"]),
        ("update outbox set state = 'failed', error = 'InstanceDeleted', closed_at = now()", []),
    ],
)
def test_a_text_in_a_state_that_must_not_be_is_named(engine: Database, change: str, found: list[str]) -> None:
    conversation, turn = engine.claimed()
    engine.rows("update conversations set due_at = now()")
    engine.value(QUEUE_TEXT, conversation, turn, Jsonb(TEXT))
    engine.rows(change)
    assert wrong(engine) == found


def test_a_dead_turn_of_which_nobody_was_told_is_named(engine: Database) -> None:
    conversation, turn = engine.claimed()
    failure: Row = {"reason": "broken", "role": "customer", "apology": TEXT | {"part": 1}, "notice": "turn_failed"}
    engine.value("bury_turn(%s, %s, 7, %s, %s)", ORGANIZATION, conversation, turn, Jsonb(failure))
    assert [entry["state"] for entry in entries(engine)] == ["dead", "untold", "pending"]
    assert wrong(engine) == []
    engine.rows("delete from notice_queue")
    assert wrong(engine) == ["nobody will tell it"]
    engine.rows("delete from owner_notices")
    assert wrong(engine) == ["the owner was not told"]


def test_an_owner_learns_whose_text_was_not_sent(engine: Database) -> None:
    conversation, turn = engine.claimed()
    engine.value(QUEUE_TEXT, conversation, turn, Jsonb(TEXT))
    ordered = {"id": str(uuid4()), "part": 3, "text": "Promoção!", "lane": "automation", "keep_seconds": 60}
    engine.value("queue_message(%s, %s, %s, %s)", ORGANIZATION, INSTANCE, Jsonb(OWNER), Jsonb(ordered))
    for (text,) in engine.rows("select id from outbox order by position"):
        engine.value("note_for_owner(%s, %s, 'failed', %s)", ORGANIZATION, INSTANCE, f"outbox:{text}")
    found = engine.value("open_notices(%s, %s, array(select id from owner_notices))", ORGANIZATION, INSTANCE)
    assert [notice["commanded"] for notice in found["notices"]] == [False, True]


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_notice_is_named_in_plain_english(engine: Database, kind: NoticeKind) -> None:
    sentence = engine.value("notice_sentence(%s)", kind)
    assert " " in sentence
    assert "_" not in sentence
    assert not sentence.startswith("unknown kind")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("select", "will be told soon"),
        ("update owner_notices set failures = 1", "not told in 1 attempt"),
        ("update owner_notices set failures = 3", "not told in 3 attempts"),
        ("update instances set closed_at = now()", "its instance was deleted, so it waits until that is created again"),
        ("update instances set settings = '{}'", "the settings name nobody to tell"),
        ('update instances set settings = \'{"phone_number": "+551100000000"}\'', "will be told soon"),
        ('update instances set settings = \'{"owners": ["+551100000000"]}\'', "will be told soon"),
    ],
)
def test_a_notice_that_is_not_told_says_why(engine: Database, change: str, why: str) -> None:
    engine.rows("update instances set settings = settings || %s", Jsonb({"phone_number": OWNER["phone"]}))
    engine.value("note_for_owner(%s, %s, 'turn_rejected', 'outage:1')", ORGANIZATION, INSTANCE)
    engine.rows(change)
    (entry,) = entries(engine)
    said = (entry["what"], entry["state"], entry["reason"], entry["wrong"])
    assert said == ("notice", "untold", f"the model endpoint rejected the request; {why}", None)


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told yet"])
@pytest.mark.parametrize("bury", ["bury_turn", "bury_plainly"])
def test_a_replayed_turn_that_dies_again_is_told_again(engine: Database, bury: str, *, told: bool) -> None:
    conversation, turn = engine.claimed()
    failure: Row = {"reason": "broken", "role": "customer", "apology": TEXT | {"part": 1}, "notice": "turn_failed"}
    key = (ORGANIZATION, conversation, 7, turn)
    engine.value(f"{bury}(%s, %s, %s, %s, %s)", *key, Jsonb(failure))
    if told:
        tell(engine)
        assert untold(engine) == []
    engine.value("replay_turn(%s, %s, 'ana', false)", ORGANIZATION, turn)
    engine.change("conversations", conversation, fence=7, lease_until=datetime.now(UTC) + lasting(60))
    engine.value(f"{bury}(%s, %s, %s, %s, %s)", *key, Jsonb(failure))
    assert untold(engine) == [("turn_failed", f"turn:{turn}")]
    assert wrong(engine) == []


def tell(engine: Database) -> None:
    """Tell the owner of all that was noted."""
    notices = [number for (number,) in engine.rows("select id from owner_notices where outbox_id is null")]
    text = {"id": str(uuid4()), "part": 2, "text": "Aviso", "keep_seconds": 60}
    assert engine.value("tell_owner(%s, %s, %s, %s, %s)", ORGANIZATION, INSTANCE, Jsonb(OWNER), Jsonb(text), notices)


def untold(engine: Database) -> list[tuple[str, str]]:
    return engine.rows("select kind, reference from owner_notices where outbox_id is null order by id")


@pytest.mark.parametrize("ends", ["end_turn", "bury_turn", "wait_for_model", "tell_owner"])
def test_a_text_for_an_instance_that_was_deleted_meanwhile_has_failed(engine: Database, ends: str) -> None:
    conversation, turn = engine.claimed()
    engine.value("note_for_owner(%s, %s, 'stale', %s)", ORGANIZATION, INSTANCE, f"turn:{turn}")
    engine.value("close_instance(%s, %s, now(), 2, 2, 1000000)", ORGANIZATION, INSTANCE)
    key = (ORGANIZATION, conversation, 7, turn)
    if ends == "end_turn":
        ending = {"state": "answered", "reason": None, "role": "customer", "answers": [TEXT], "last_step": None}
        engine.value("end_turn(%s, %s, %s, %s, %s)", *key, Jsonb(ending))
    elif ends == "bury_turn":
        failure = {"reason": "broken", "role": "customer", "apology": TEXT | {"part": 1}, "notice": None}
        engine.value("bury_turn(%s, %s, %s, %s, %s)", *key, Jsonb(failure))
    elif ends == "wait_for_model":
        outage = {"reason": "503", "role": "customer", "promise": TEXT | {"part": 1}, "notice": "model_outage"}
        pauses = (lasting(0), lasting(1), lasting(1), lasting(0), lasting(60))
        engine.value("wait_for_model(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", *key, Jsonb(outage), *pauses)
    else:
        notices = [number for (number,) in engine.rows("select id from owner_notices")]
        arguments = (ORGANIZATION, INSTANCE, Jsonb(OWNER), Jsonb(TEXT | {"part": 2}), notices)
        assert engine.value("tell_owner(%s, %s, %s, %s, %s)", *arguments) is True
    [(text, state, error)] = engine.rows("select id, state, error from outbox")
    assert (state, error) == ("failed", "InstanceDeleted")
    about = [reference for _, reference in untold(engine)]
    assert f"turn:{turn}" in about, "of what was noted before the owner hears, too"
    assert (f"outbox:{text}" in about) is (ends != "tell_owner")


async def test_a_message_waits_for_a_suspended_instance_and_is_answered_when_it_is_back(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings.model_copy(update={"suspended": True}))
    async with running_endpoint(saying("Oi!")) as endpoint, away(scene, endpoint.base_url):
        pod.receive("Oi")
        await until(lambda: scene.query("select from turns where state = 'open' and reason = 'suspended'"))
        await scene.publish(settings.model_copy(update={"generation": 2}))
        await until(lambda: pod.answers_to(CUSTOMER))
    assert await scene.value("select state from messages where author = 'customer'") == "answered"


async def test_the_owner_of_an_instance_that_comes_back_too_late_hears_who_wrote(scene: Scene) -> None:
    settings = settings_of("petshop", max_answer_age_seconds=1)
    pod = await scene.pod(settings.model_copy(update={"suspended": True}))
    async with running_endpoint(saying("Oi!")) as endpoint, away(scene, endpoint.base_url):
        pod.receive("Oi")
        await until(lambda: scene.query("select from messages where state = 'ignored' and reason = 'stale'"))
        await scene.publish(settings.model_copy(update={"generation": 2}))
        await until(lambda: pod.answers_to(settings.owners[0]))
    assert "agora é tarde" in pod.answers_to(settings.owners[0])[0]
    assert pod.answers_to(CUSTOMER) == []


def away(scene: Scene, base_url: str) -> AbstractAsyncContextManager[Worker]:
    """A worker that soon notices that an instance is back."""
    return scene.worker(openai_base_url=base_url, instance_retry_seconds=0.2)


def test_what_concerns_a_deleted_instance_is_told_when_it_is_made_again(engine: Database) -> None:
    _, turn = engine.claimed()
    engine.value("note_for_owner(%s, %s, 'stale', %s)", ORGANIZATION, INSTANCE, f"turn:{turn}")
    due = "select instance from due_notices('0 s', '1 s', 10, 200, 50)"
    assert len(engine.rows(due)) == 1
    engine.value("close_instance(%s, %s, now(), 2, 2, 1000000)", ORGANIZATION, INSTANCE)
    assert engine.rows(due) == []
    assert [entry["wrong"] for entry in entries(engine) if entry["what"] == "notice"] == [None]
    engine.rows("update relay_queue set closed = false")
    assert len(engine.rows(due)) == 1


async def test_the_command_lists_what_is_open_and_fails_if_something_is_wrong(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    pod.results = False
    async with (
        running_endpoint(refusing(503)) as endpoint,
        # A turn that waits is asked about: it must not be tried again meanwhile.
        scene.worker(
            openai_base_url=endpoint.base_url, ledger_check_seconds=0.2, retry_seconds=60, retry_max_seconds=60
        ),
    ):
        pod.receive("Oi")
        await until(lambda: scene.query("select from turns where waits > 0"))
        done, ledger = await shown(scene, "petshop")
        assert done == 0
        (page,) = ledger["organizations"]
        (entry,) = page["oldest"]
        assert entry["reason"].startswith("waits for the model")
        assert entry["phone"].startswith("…")
        assert CUSTOMER not in json.dumps(ledger)
        await scene.query("update conversations set due_at = null")
        await until(lambda: REGISTRY.get_sample_value("oxy_ledger_violations") == 1)
        done, ledger = await shown(scene)
        assert (done, ledger["violations"]) == (1, 1)
        assert (await shown(scene, "nobody"))[0] == 2


async def test_the_owner_hears_of_a_promise_even_if_the_first_notice_is_not_sent(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    pod.results = False
    async with (
        running_endpoint(refusing(400)) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, notice_retry_max_seconds=0.4),
    ):
        pod.receive("Oi")
        await until(lambda: len(pod.sent) == 2)
        pod.report(SendResult(request_id=pod.sent[1].id, outcome=SendOutcome.FAILED))
        untold = await until(lambda: scene.query("select from owner_notices where outbox_id is null"))
        assert untold
        await until(lambda: len(pod.sent) == 3)
        for request in pod.sent[0], pod.sent[2]:
            pod.report(SendResult(request_id=request.id, outcome=SendOutcome.SENT, whatsapp_id=str(request.id)))
        await until(lambda: scene.query("select from outbox where state = 'sent' having count(*) = 2"))
        done, ledger = await shown(scene)
    assert done == 0
    (page,) = ledger["organizations"]
    assert {(count["what"], count["state"]) for count in page["counts"]} == {("message", "dead"), ("person", "awaited")}


async def test_an_answered_conversation_leaves_nothing_in_the_ledger(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with running_endpoint(saying("Oi!")) as endpoint, scene.worker(openai_base_url=endpoint.base_url):
        await pod.answer_to("Oi")
        await until(lambda: scene.query("select from outbox where state = 'sent'"))
        assert await shown(scene) == (0, {"violations": 0, "organizations": []})


async def shown(scene: Scene, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The command's exit status and what it printed."""
    done = await asyncio.to_thread(scene.admin, "ledger", *arguments)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}
