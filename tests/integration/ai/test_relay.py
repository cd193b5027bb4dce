import asyncio
from uuid import uuid4

import pytest
from integration.ai.scene import CUSTOMER, OWNER, Scene, account, org, settings_of, until

from oxy_core import subjects
from oxy_core.envelopes import Accepted, ConnectionChanged, ConnectionState
from oxy_core.identity import Jid

DEAD = """
with dead as (
    insert into instances (organization_id, id, name, settings)
    select $1, gen_random_uuid(), 'dead-' || n, i.settings from generate_series(1, 2500) n, instances i
    where i.organization_id = $1 returning organization_id, id
), contact as (
    insert into contacts (organization_id, instance_id) select organization_id, id from dead
    returning organization_id, instance_id, id
), conversation as (
    insert into conversations (organization_id, instance_id, contact_id, chat)
    select organization_id, instance_id, id, '5511900000000@s.whatsapp.net' from contact
    returning organization_id, instance_id, id, chat
), text as (
    insert into outbox (organization_id, id, instance_id, conversation_id, part, chat, body)
    select organization_id, gen_random_uuid(), instance_id, id, 0, chat, 'Oi' from conversation
)
insert into relay_queue (
    instance_id, organization_id, account, settings_bucket, settings_revision, ready_at, failures
) select id, organization_id, id::text, now(), 1, now(), 1 from dead
"""
"""Instances whose pods do not answer, each with a text to send."""


async def test_answers_arrive_in_the_order_of_each_conversation(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    phones = [f"+5511900{number:06d}" for number in range(5)]
    async with scene.worker(turns_per_second=0), scene.worker(turns_per_second=0):
        for _ in range(8):
            for phone in phones:
                pod.receive("Oi", phone)
            await until(lambda: all(pod.answers_to(phone) for phone in phones))
        all_answered = "select from messages where state = 'answered' having count(*) = 40"
        await until(lambda: scene.query(all_answered))
        await until(lambda: scene.query("select from outbox having bool_and(state = 'sent')"))
        rows = await scene.query("select id, chat from outbox order by position")
    for phone in phones:
        chat = str(Jid.of_phone(phone))
        arrived = [request.id for request in pod.sent if str(request.chat) == chat]
        assert arrived == [row["id"] for row in rows if row["chat"] == chat]


async def test_a_row_that_is_not_accepted_holds_back_the_later_ones(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    pod.accepting = False
    async with scene.worker(accepted_timeout_seconds=0.1):
        pod.receive("Oi", "+5511900000001")
        await until(lambda: len(pod.offered) >= 2)
        pod.receive("Oi", "+5511900000002")
        await until(lambda: scene.query("select from outbox having count(*) = 2"))
        await until(lambda: len(pod.offered) >= 4)
        assert len(set(pod.offered)) == 1
        pod.accepting = True
        await until(lambda: len(pod.sent) == 2)
    assert [str(request.chat) for request in pod.sent] == [
        str(Jid.of_phone(phone)) for phone in ("+5511900000001", "+5511900000002")
    ]


@pytest.mark.long
async def test_a_pod_that_is_away_does_not_hold_up_the_others(scene: Scene) -> None:
    away = [await scene.pod(settings_of("petshop", f"away-{number}")) for number in range(10)]
    here = await scene.pod(settings_of("petshop", "here"))
    for pod in away:
        pod.accepting = False
    async with scene.worker(turns_per_second=0, accepted_timeout_seconds=25):
        for pod in away:
            pod.receive("Oi")
        await until(lambda: all(pod.offered for pod in away))
        assert await here.answer_to("Oi", seconds=24)


async def test_an_acceptance_from_another_account_does_not_count(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    pod.accepting = False
    async with scene.worker(accepted_timeout_seconds=0.3):
        pod.receive("Oi")
        await until(lambda: pod.offered)
        forged = Accepted(request_id=pod.offered[0], journal_epoch=uuid4(), journal_sequence=1)
        for _ in range(10):
            await scene.client.publish(subjects.accepted(account("attacker"), settings.instance), forged.encode())
        await until(lambda: len(pod.offered) >= 3)
        assert await scene.value("select state from outbox") == "pending"


async def test_a_request_is_offered_until_it_is_accepted_and_sent_once(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    pod.accepting = False
    async with scene.worker(accepted_timeout_seconds=0.1):
        pod.receive("Oi")
        await until(lambda: pod.offered)
        pod.accepting = True
        await until(lambda: scene.query("select from outbox where state = 'sent'"))
    assert len(pod.sent) == 1


@pytest.mark.long
async def test_a_pod_that_reports_again_is_served_at_once(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    pod.accepting = False
    async with scene.worker(accepted_timeout_seconds=0.05):
        pod.receive("Oi")
        away = "update relay_queue set ready_at = now() + interval '1 hour' where failures > 0 and holder is null"
        await until(lambda: scene.query(f"{away} returning failures"))
        pod.accepting = True
        pod.receive("Oi", "+5511900000002")
        await until(lambda: len(pod.sent) == 2)


@pytest.mark.long
async def test_thousands_of_instances_without_a_pod_do_not_hold_up_the_others(scene: Scene) -> None:
    settings = settings_of("petshop", "here")
    pod = await scene.pod(settings)
    async with scene.worker(turns_per_second=0):
        await scene.known(settings)
        await scene.query(DEAD, org(settings))
        await until(lambda: scene.query("select from relay_queue having max(failures) > 1"))
        for number in range(5):
            assert await pod.answer_to("Oi", f"+551190000000{number}")
        # They did not wait until all of those had been tried.
        assert await scene.query("select from relay_queue where failures = 1")


async def test_a_text_that_nobody_accepts_expires_and_the_owner_is_told(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    pod.accepting = False
    async with scene.worker(accepted_timeout_seconds=0.1):
        pod.receive("Oi")
        await until(lambda: pod.offered)
        await scene.query("update outbox set expires_at = now()")
        await until(lambda: scene.query("select from outbox where state = 'expired'"))
        pod.accepting = True
        await until(lambda: pod.answers_to(OWNER))
    assert "Não saiu a tempo uma mensagem minha para: Ana" in pod.answers_to(OWNER)[0]
    assert pod.answers_to(CUSTOMER) == []


async def test_an_instance_whose_connection_has_ended_is_offered_nothing_until_it_is_heard_of_again(
    scene: Scene,
) -> None:
    pod = await scene.pod(settings_of("petshop"))
    pod.accepting = False
    async with scene.worker(accepted_timeout_seconds=0.1):
        pod.receive("Oi")
        await until(lambda: pod.offered)
        pod.report(ConnectionChanged(state=ConnectionState.ENDED, reason="LoggedOut"))
        await until(lambda: scene.query("select from relay_queue where ended and failures = 0 and ready_at > now()"))
        await scene.client.flush()  # what was on its way
        offered = len(pod.offered)
        await asyncio.sleep(1)
        assert len(pod.offered) == offered
        pod.accepting = True
        pod.report(ConnectionChanged(state=ConnectionState.CONNECTED))
        await until(lambda: pod.answers_to(CUSTOMER))


async def test_a_suspended_instance_is_offered_nothing(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    pod.accepting = False
    async with scene.worker(accepted_timeout_seconds=0.1):
        pod.receive("Oi")
        await until(lambda: pod.offered)
        await scene.publish(settings.model_copy(update={"generation": 2, "suspended": True}))
        await until(lambda: scene.query("select from relay_queue where failures = 0 and holder is null"))
        await scene.client.flush()  # what was on its way
        offered = len(pod.offered)
        await asyncio.sleep(0.5)
        assert len(pod.offered) == offered


async def test_a_request_says_for_how_long_it_is_valid(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop", max_answer_age_seconds=60))
    async with scene.worker():
        await pod.answer_to("Oi")
    valid = pod.sent[0].valid_seconds
    assert valid is not None
    assert 30 < valid <= 60
