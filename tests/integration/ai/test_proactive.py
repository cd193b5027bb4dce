"""What a number sends without being asked: one budget, kept by whoever releases."""

import json
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
from integration.ai.engine_database import EPOCH, INSTANCE, ORGANIZATION, Database
from integration.ai.owner import opened
from integration.ai.scene import CUSTOMER, OWNER, FakePod, Scene, org, settings_of, until
from integration.ai.test_release_rules import PACING, Number
from psycopg.types.json import Jsonb

from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.engine.outgoing import find_destination, outcome_of, queue_message
from oxy_ai.engine.store import Engine
from oxy_ai.ids import instance_id
from oxy_ai.reputation import ProactiveMessage, Purpose, queue_proactive
from oxy_core.envelopes import (
    ConnectionChanged,
    ConnectionState,
    InstanceSettings,
    Lane,
    SendOutcome,
    SendResult,
)
from oxy_core.event_names import REACHOUT_LOCKED
from oxy_core.identity import new_id
from oxy_core.instance.settings import LimitsSettings
from oxy_core.outbound import SendRefusal
from oxy_core.report_bodies import InstanceEvent, ReceiptsSeen

LANES = {Purpose.PROMOTION: Lane.CAMPAIGN, Purpose.BOOKING: Lane.AUTOMATION, Purpose.REPORT: Lane.AUTOMATION}
PACE = {"release_jitter": 0.0, "release_pause_seconds": 0.05, "release_look_seconds": 0.3, "release_held_seconds": 0.3}

NOW = datetime.now(UTC)
HERE = ZoneInfo("America/Sao_Paulo")
ALL_DAY = f"{NOW.astimezone(HERE) - timedelta(hours=6):%H:%M}-{NOW.astimezone(HERE) + timedelta(hours=12):%H:%M}"
"""Quiet hours that nothing leaves in, whenever the tests run."""
MANY = """
insert into outbox (
    organization_id, id, instance_id, conversation_id, part, lane, chat, body, expires_at, purpose, reference,
    as_queued, state
)
select organization_id, gen_random_uuid(), instance_id, conversation_id, part, lane, chat, body, expires_at, purpose,
    reference, as_queued, 'held'
from outbox, generate_series(1, 5000) where id = $1
"""
ALERTS = (
    "URGENTE",
    "Precisam de uma pessoa; por favor",
    "mas ninguém respondeu",
    "O serviço de inteligência artificial não está respondendo",
)
"""Of an emergency, of people who wait, and of an outage."""
PAUSES = """
select bool_and(pause >= interval '1 second') from (
    select released_at - lag(released_at) over (order by released_at) as pause from outbox
    where released_at is not null order by released_at offset 11
) r
"""
RACING = "select relay_step(%s, %s, %s, '0', %s::uuid[], %s::uuid[], false, 20, '1 second', '10 seconds', %s)"


def limits(**changes: object) -> LimitsSettings:
    """Limits that hold nothing back, whatever the time."""
    values: dict[str, object] = {"contact_turns_per_hour": 0, "outbound_per_minute": 60_000, "quiet_hours": ""}
    return LimitsSettings.model_validate(values | {"warm_up": ()} | changes)


def budgeted(**changes: object) -> InstanceSettings:
    return settings_of("petshop", limits=limits(**changes))


async def queue(
    scene: Scene,
    settings: InstanceSettings,
    text: str,
    phone: str = CUSTOMER,
    purpose: Purpose = Purpose.PROMOTION,
    **changes: object,
) -> UUID:
    """Queue a text to a contact who has a chat."""
    values: dict[str, object] = {
        "id": new_id(),
        "text": text,
        "purpose": purpose,
        "reference": "campaign:1",
        "lane": LANES[purpose],
        "keep_seconds": timedelta(days=3).total_seconds(),
    }
    message = ProactiveMessage.model_validate(values | changes)
    instance = instance_id(settings.organization, settings.instance)
    contact = await scene.value("select id from contacts where phone = $1", phone)
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, org(settings)) as connection,
    ):
        queued = await queue_proactive(connection, org(settings), instance, contact, message)
    assert queued == message.id
    return message.id


async def greeted(pod: FakePod, *phones: str) -> None:
    for phone in phones:
        await pod.answer_to("Oi", phone)


async def test_a_text_that_nobody_asked_for_is_released_and_joins_its_conversation(scene: Scene) -> None:
    settings = budgeted()
    pod = await scene.pod(settings)
    async with scene.worker(**PACE):
        await greeted(pod, CUSTOMER)
        request = await queue(scene, settings, "Banho com desconto!")
        await until(lambda: "Banho com desconto!" in pod.texts_to(CUSTOMER))
        await until(lambda: scene.query("select from outbox where id = $1 and state = 'sent'", request))
    assert await scene.value("select body from messages where outbox_id = $1", request) == "Banho com desconto!"
    assert pod.sent[-1].valid_seconds is not None
    assert 500 < pod.sent[-1].valid_seconds <= 600


async def test_what_answers_alerts_or_is_ordered_never_waits(scene: Scene) -> None:
    """Whatever the budget says: quiet hours, a stopped number, a spent day and minute, and thousands that wait."""
    settings = budgeted(quiet_hours=ALL_DAY, campaign_per_day=0, outbound_per_minute=1)
    pod = await scene.pod(settings)
    async with scene.worker(**PACE):
        await greeted(pod, CUSTOMER)
        held = [await queue(scene, settings, "Promoção", purpose=purpose) for purpose in Purpose]
        await scene.query(MANY, held[0])
        await scene.query("select pause_proactive(organization_id, id, 'banned', 'cli') from instances")
        await scene.query("update reputation set next_at = now() + interval '1 hour'")
        assert await pod.answer_to("Oi de novo")
        pod.receive("Meu cachorro comeu veneno de rato!", "+5511912340002")
        await scene.query(
            "select note_for_owner(organization_id, instance_id, kind, 'conversation:' || id) "
            "from conversations, unnest('{lost,hand_over,hand_over_unanswered,model_outage}'::text[]) kind "
            "where contact_id = (select id from contacts where phone = $1)",
            CUSTOMER,
        )
        for alert in ALERTS:
            await until(lambda alert=alert: any(alert in text for text in pod.texts_to(OWNER)))
        async with connected_pool(scene.database_url, connections=1) as pool:
            engine = Engine(pool)
            await queue_message(engine, await find_destination(engine, "petshop", "main", CUSTOMER), "Por ordem")
        await until(lambda: "Por ordem" in pod.texts_to(CUSTOMER))
    assert await scene.value("select count(*) from outbox where purpose is not null and state <> 'held'") == 0


async def test_a_text_that_its_pod_lets_expire_is_sent_later_under_another_request(scene: Scene) -> None:
    settings = budgeted()
    pod = await scene.pod(settings)
    async with scene.worker(**PACE):
        await greeted(pod, CUSTOMER)
        pod.results = False
        request = await queue(scene, settings, "Promoção")
        await until(lambda: scene.query("select from outbox where id = $1 and state = 'accepted'", request))
        pod.results = True
        pod.report(SendResult(request_id=request, outcome=SendOutcome.EXPIRED))
        await until(lambda: scene.query("select from outbox where id = $1 and state = 'sent'", request))
        sent = [item.id for item in pod.sent if item.text == "Promoção"]
        assert (sent[0], len(sent)) == (request, 2)
        assert sent[1] == await scene.value("select request_id from outbox where id = $1", request)
        pod.report(
            ReceiptsSeen(kind="read", request_ids=(sent[1],), whatsapp_ids=("W",), chat=pod.sent[-1].chat, at=NOW)
        )
        await until(lambda: scene.query("select from outbox where id = $1 and state = 'read'", request))
    assert await scene.value("select count(*) from messages where outbox_id = $1", request) == 1
    assert await scene.value("select count(*) from owner_notices") == 0


async def test_an_outage_between_offer_and_acceptance_sends_nothing_twice(scene: Scene) -> None:
    settings = budgeted()
    pod = await scene.pod(settings)
    async with scene.worker(accepted_timeout_seconds=0.1, relay_backoff_max_seconds=0.3, **PACE):
        await greeted(pod, CUSTOMER)
        pod.accepting = False
        request = await queue(scene, settings, "Promoção")
        await until(lambda: request in pod.offered)
        await scene.query("update outbox set released_until = now() where id = $1", request)
        await until(lambda: scene.query("select from outbox where error = 'NotAccepted' or released_until > now()"))
        pod.accepting = True
        await until(lambda: scene.query("select from outbox where id = $1 and state = 'sent'", request))
    assert [item.id for item in pod.sent if item.text == "Promoção"] == [request]
    assert await scene.value("select count(*) from messages where outbox_id = $1", request) == 1


async def test_a_number_that_whatsapp_locks_is_stopped_its_owner_told_once_and_a_person_resumes(scene: Scene) -> None:
    settings = budgeted()
    pod = await scene.pod(settings)
    async with scene.worker(**PACE):
        await greeted(pod, CUSTOMER, "+5511912340002")
        pod.results = False
        refused = [await queue(scene, settings, "Promoção", phone) for phone in (CUSTOMER, "+5511912340002")]
        await until(lambda: scene.query("select from outbox where state = 'accepted' having count(*) = 2"))
        pod.report(InstanceEvent(name=REACHOUT_LOCKED, at=datetime.now(UTC)))
        await until(lambda: scene.query("select from reputation where paused_for = 'reachout_locked'"))
        async with connected_pool(scene.database_url, connections=1) as pool:
            progress = await outcome_of(Engine(pool), org(settings), refused[0])
        assert (progress.is_open, progress.refusal) == (True, SendRefusal.REACHOUT_LOCKED), "so `oxy send` says why"
        for request in refused:
            body = SendResult(request_id=request, outcome=SendOutcome.EXPIRED, refusal=SendRefusal.REACHOUT_LOCKED)
            pod.report(body)
        pod.results = True
        await until(lambda: pod.texts_to(OWNER))
        assert "não deixa mais este número iniciar conversas" in pod.texts_to(OWNER)[0]
        await until(lambda: scene.query("select from outbox where state = 'held' having count(*) = 2"))
        await scene.query("select resume_proactive(organization_id, id, 'cli') from instances")
        pod.report(InstanceEvent(name=REACHOUT_LOCKED, at=datetime.now(UTC) - timedelta(minutes=1)))
        await until(
            lambda: scene.query("select from outbox where purpose is not null and state = 'sent' having count(*) = 2")
        )
        await pod.answer_to("Oi")
        assert await scene.value("select paused_at from reputation") is None, "that was told late"
        assert len(pod.texts_to(OWNER)) == 1
        known = {item.resumption for item in pod.sent if item.text == "Promoção"}
        assert 0 in known, "released before a person let the number go on"
        [resumption] = known - {0}
        assert pod.resumptions == [resumption], "what waits at the pod is tried at once"
        for facts in ({"resumption": resumption - 1}, {"resumption": resumption}):
            assert await scene.value("select paused_at from reputation") is None
            pod.report(InstanceEvent(name=REACHOUT_LOCKED, at=datetime.now(UTC) - timedelta(minutes=1), facts=facts))
            await until(lambda: pod.unpublished == 0)
            await pod.answer_to("Oi")
        await until(lambda: scene.query("select from reputation where paused_for = 'reachout_locked' and pauses = 2"))


async def test_a_banned_number_waits_for_its_connection_and_for_a_person(scene: Scene) -> None:
    settings = budgeted()
    pod = await scene.pod(settings)
    async with scene.worker(**PACE):
        await greeted(pod, CUSTOMER)
        pod.report(ConnectionChanged(state=ConnectionState.ENDED, reason="TemporaryBan"))
        await until(lambda: scene.query("select from reputation where paused_for = 'banned'"))
        await queue(scene, settings, "Lembrete", purpose=Purpose.BOOKING)
        pod.report(ConnectionChanged(state=ConnectionState.CONNECTED))
        await until(lambda: any("bloqueou este número" in text for text in pod.texts_to(OWNER)))
        await until(lambda: scene.query("select from outbox where purpose = 'booking' and state = 'held'"))
        await scene.query("select resume_proactive(organization_id, id, 'cli') from instances")
        await until(lambda: "Lembrete" in pod.texts_to(CUSTOMER))
        pod.publish_all_again()
        await until(lambda: pod.unpublished == 0)
        await pod.answer_to("Oi")
        assert await scene.value("select paused_at from reputation") is None, "the ban is of before"


async def test_who_opts_out_or_is_taken_over_while_a_text_waits_hears_nothing_of_it(scene: Scene) -> None:
    settings = budgeted(quiet_hours=ALL_DAY)
    pod = await scene.pod(settings)
    other = "+5511912340002"
    async with scene.worker(**PACE):
        await greeted(pod, CUSTOMER, other)
        unwanted, waiting = [await queue(scene, settings, "Promoção", phone) for phone in (CUSTOMER, other)]
        pod.receive("PARAR", CUSTOMER)
        pod.person_writes("Eu mesma cuido", other)
        await until(lambda: scene.query("select from contacts where opt_out is not null"))
        await until(lambda: scene.query("select from conversations where human_until > now()"))
        await scene.publish(budgeted().model_copy(update={"generation": 2}))
        await until(lambda: scene.query("select from outbox where id = $1 and error = 'OptedOut'", unwanted))
        await until(lambda: scene.query("select from outbox where id = $1 and held_for = 'human'", waiting))
        await scene.query("update conversations set human_until = now()")
        await until(lambda: "Promoção" in pod.texts_to(other))
    assert "Promoção" not in pod.texts_to(CUSTOMER)


def test_relays_that_race_never_exceed_a_budget_by_even_one(engine_url: str) -> None:
    """Four relays at once, each of which may take the row from the others at any time."""
    with psycopg.connect(engine_url) as connection:
        number = Number(Database(connection))
        number.limit(campaign_per_day=10, outbound_per_minute=6_000_000)
        for _ in range(40):
            number.queue()
    race(engine_url, rounds=40)
    with psycopg.connect(engine_url) as connection:
        count = "select count(*) from outbox where released_at is not null"
        assert connection.execute(count).fetchone() == (10,)
        number = Number(Database(connection))
        number.limit(outbound_per_minute=60)
        connection.execute("update reputation set next_at = '-infinity'")
        connection.commit()
    race(engine_url, rounds=20)
    with psycopg.connect(engine_url) as connection:
        assert connection.execute(PAUSES).fetchone() in {(None,), (True,)}
        assert connection.execute(count).fetchone() > (10,)


def race(url: str, rounds: int) -> None:
    """Let four relays step at the same time, none of which respects a lease."""

    def relay() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            name, accepted = str(uuid4()), list[str]()
            for _ in range(rounds):
                connection.execute("update relay_queue set proactive_at = '-infinity' where proactive_at < 'infinity'")
                values = (ORGANIZATION, INSTANCE, name, accepted, [EPOCH] * len(accepted), Jsonb(PACING))
                [step] = connection.execute(RACING, values).fetchone() or [None]
                accepted = [] if step is None else [row["id"] for row in step["rows"]]

    relays = [threading.Thread(target=relay) for _ in range(4)]
    for thread in relays:
        thread.start()
    for thread in relays:
        thread.join()


async def test_aurora_says_what_waits_and_has_the_number_go_on(scene: Scene) -> None:
    async with opened(scene, PACE, limits=limits()) as owner:
        await greeted(owner.pod, CUSTOMER)
        await scene.query("select pause_proactive(organization_id, id, 'opt_outs', 'cli') from instances")
        await queue(scene, owner.pod.settings, "Promoção")
        await scene.model.script(
            {"user": "^o que espera$", "calls": [{"tool": "ver_envios", "arguments": {}}]},
            {"user": "^o que espera$", "after": "ver_envios", "reply": "Há mensagens esperando."},
        )
        assert "esperando" in await owner.hears("o que espera")
        found = await scene.value(
            "select (select value from jsonb_each_text(s.results) limit 1) from turn_steps s where s.results <> '{}'"
        )
        assert "pediu para não receber mais" in found
        intent = await owner.is_asked("pode retomar", "retomar_envios")
        assert intent.startswith("Vou voltar a enviar")
        assert (await owner.hears("sim")).startswith("Pronto!")
        await until(lambda: "Promoção" in owner.pod.texts_to(CUSTOMER))
        assert "não estão parados" in await owner.is_refused("retoma de novo", "retomar_envios")
    shown = json.loads(scene.admin("settings", "--organization", "petshop", "--instance", "main").stdout)["sending"]
    assert (shown.get("paused"), shown["waiting"], shown["this_minute"]) == (None, [], 1)
