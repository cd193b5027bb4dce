"""What did not arrive is in the ledger, the owner hears of it, and the customer may be asked to send it again."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from integration.ai.endpoint import running_endpoint, saying
from integration.ai.engine_database import CHAT, ORGANIZATION, Database, Row, at, ingest, item
from integration.ai.scene import CUSTOMER, Scene, settings_of, until
from psycopg.types.json import Jsonb

from oxy_ai.assistants.fixed_texts import ASK_TO_REPEAT
from oxy_ai.records import NoticeKind
from oxy_core.content import FileOffered
from oxy_core.files import FileFailed, FileFailure
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import MessageLost

FILE = "77777777-7777-4777-8777-777777777777"
GROUP = "123-456@g.us"
ASKING = {
    "ask_to_repeat": True,
    "suspended": False,
    "max_answer_age_seconds": 21_600,
    "ai": {"enabled": True, "debounce_seconds": 3, "debounce_max_seconds": 15, "takeover_minutes": 30},
}
LOST = ("lost", "lost: store")


def said(number: int, **changes: object) -> Row:
    return item(number, **{"whatsapp_id": f"C{number}", "sent_at": str(at(number))} | changes)


def placeholder(number: int, **changes: object) -> Row:
    return said(number, **{"kind": "undecryptable", "text": None, "placeholder_reason": "lost"} | changes)


def lost(number: int, **changes: object) -> Row:
    report = item(number + 100)
    body = {"type": "message_lost", "whatsapp_id": f"C{number}", "chat": CHAT, "sender": CHAT, "from_me": False}
    body |= {"sent_at": str(at(number)), "found_by": "store"} | changes
    return report | {"report": report["report"] | {"body": body}}


def failed(reason: str) -> Row:
    report = item(200)
    return report | {"report": report["report"] | {"body": {"type": "file_failed", "media_id": FILE, "reason": reason}}}


NOTICES = "select kind from owner_notices order by id"


@pytest.mark.parametrize("order", list(permutations(range(2))), ids=str)
def test_a_lost_message_is_in_the_ledger_and_the_owner_hears_of_it(engine: Database, order: Sequence[int]) -> None:
    for index in order:
        ingest(engine, [placeholder(1), lost(1)][index])
    assert engine.rows("select state, reason from messages") == [LOST]
    assert engine.rows(NOTICES) == [("lost",)]
    ledger = "what, state, reason, wrong from ledger(%s, '0 s') where what = 'message'"
    assert engine.rows(f"select {ledger}", ORGANIZATION) == [("message", *LOST, None)]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_a_message_that_arrives_after_all_is_not_lost(engine: Database, order: Sequence[int]) -> None:
    for index in order:
        ingest(engine, [placeholder(1), lost(1), said(1)][index])
    assert engine.rows("select state, reason from messages order by placeholder") == [
        ("open", None),
        ("ignored", "received in readable form"),
    ]
    assert engine.rows(NOTICES) == []


@pytest.mark.parametrize("change", [{"chat": GROUP}, {"from_me": True}], ids=["group", "own"])
def test_nobody_hears_of_what_nobody_would_have_answered(engine: Database, change: Row) -> None:
    ingest(engine, lost(1, **change))
    assert engine.rows(NOTICES) == []


# -- asking the customer


def prepared(engine: Database, **settings: object) -> None:
    engine.rows("update instances set settings = settings || %s", Jsonb(ASKING | settings))


def asked(engine: Database) -> int:
    """Tell the owner of all notices: how often customers were asked."""
    count = 0
    for (notice,) in engine.rows("select id from owner_notices where outbox_id is null order by id"):
        text = {"id": str(uuid4()), "part": 4, "text": "De novo?", "keep_seconds": 60}
        instance = engine.value("instance_id from owner_notices where id = %s", notice)
        count += engine.value("ask_to_repeat(%s, %s, %s, %s)", ORGANIZATION, instance, notice, Jsonb(text))
    return count


def test_a_customer_is_asked_once_however_much_was_lost(engine: Database) -> None:
    prepared(engine)
    ingest(engine, placeholder(1), lost(1), placeholder(2), lost(2), lost(3))
    assert asked(engine) == 1
    assert engine.rows("select chat, body, part, based_on from outbox") == [(CHAT, "De novo?", 4, 2)]
    assert asked(engine) == 0
    ingest(engine, said(4), lost(5))
    engine.rows("update messages set state = 'answered', turn_id = 0 where whatsapp_id = 'C4'")
    engine.rows("delete from owner_notices where id = (select min(id) from owner_notices)")
    assert asked(engine) == 1, "another outage, after the customer has written"


WITHOUT: dict[str, tuple[Row, list[Row]]] = {
    "not wanted": ({"ask_to_repeat": False}, [lost(1)]),
    "suspended": ({"suspended": True}, [lost(1)]),
    "switched off": ({"ai": {"enabled": False, "takeover_minutes": 30}}, [lost(1)]),
    "too old": ({}, [lost(1) | {"age_seconds": 30_000}]),
    "written since": ({}, [lost(1), said(2)]),
    "written since, stored before": ({}, [said(2), lost(1)]),
    "a person answered": ({}, [lost(1), said(2, from_me=True)]),
    "undecryptable may still come": ({}, [placeholder(1, placeholder_reason="undecryptable")]),
    "file not answered yet": ({}, [said(1, kind="image", file={"id": FILE}), failed("expired")]),
}


@pytest.mark.parametrize("case", WITHOUT)
def test_a_customer_is_not_asked_without_need(engine: Database, case: str) -> None:
    settings, reports = WITHOUT[case]
    prepared(engine, **settings)
    ingest(engine, *reports)
    assert engine.value("count(*) from owner_notices") == 1
    assert asked(engine) == 0


def test_who_was_told_with_his_answer_is_not_asked_as_well(engine: Database) -> None:
    prepared(engine)
    ingest(engine, said(1, kind="voice_note", file={"id": FILE}), failed("expired"))
    engine.rows("update messages set state = 'answered', turn_id = 0")
    engine.rows(
        "insert into readings (organization_id, instance_id, media_id, message_id, way) "
        "select organization_id, instance_id, %s, id, 'heard' from messages",
        FILE,
    )
    assert asked(engine) == 0
    engine.rows("delete from readings")
    assert asked(engine) == 1


@pytest.mark.parametrize(("reason", "told"), [("expired", 1), ("unavailable", 1), ("too_large", 0), ("wrong_hash", 0)])
@pytest.mark.parametrize("first", ["message", "failure"])
def test_the_owner_hears_of_a_file_that_is_gone(engine: Database, reason: str, told: int, first: str) -> None:
    reports = [said(1, kind="image", file={"id": FILE}), failed(reason)]
    ingest(engine, *(reports if first == "message" else reversed(reports)))
    assert engine.rows(NOTICES) == [("file_lost",)] * told


async def test_the_customer_the_owner_and_the_model_hear_of_what_is_gone(scene: Scene) -> None:
    settings = settings_of("petshop", ask_to_repeat=True)
    pod = await scene.pod(settings)
    file = FileOffered(id=uuid4(), mime="image/jpeg", size=9)
    async with running_endpoint(saying("Oi!")) as model, scene.worker(openai_base_url=model.base_url):
        pod.report(FileFailed(media_id=file.id, reason=FileFailure.TOO_LARGE))
        pod.receive("olha", kind=MessageKind.IMAGE, file=file)
        await until(lambda: pod.answers_to(CUSTOMER))
        for _ in range(3):
            chat = Jid.of_phone(CUSTOMER)
            pod.report(MessageLost(whatsapp_id=uuid4().hex, chat=chat, sender=chat, found_by="store"))
        await until(lambda: scene.query("select from messages where state = 'lost' having count(*) = 3"))
        await until(lambda: len(pod.answers_to(settings.owners[0])) > 0 and len(pod.answers_to(CUSTOMER)) > 1)
    unseen = "Não consegui abrir sua imagem. 🙏 Pode mandar de novo ou escrever?"
    assert pod.answers_to(CUSTOMER) == [f"Oi!\n\n{unseen}", ASK_TO_REPEAT[NoticeKind.LOST]]
    assert "se perdeu" in pod.answers_to(settings.owners[0])[0]
    [request] = model.requests
    assert last(request) == "[imagem, o arquivo é grande demais] olha"
    assert await scene.value("select count(*) from messages where state = 'lost'") == 3


def last(request: dict[str, Any]) -> str:
    text: str = request["messages"][-1]["content"]
    return text
