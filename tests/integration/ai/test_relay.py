from uuid import uuid4

from integration.ai.scene import Scene, account, settings_of, until

from oxy_core import subjects
from oxy_core.envelopes import Accepted
from oxy_core.identity import Jid


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


async def test_a_pod_that_is_away_does_not_hold_up_the_others(scene: Scene) -> None:
    away = [await scene.pod(settings_of("petshop", f"away-{number}")) for number in range(10)]
    here = await scene.pod(settings_of("petshop", "here"))
    for pod in away:
        pod.accepting = False
    async with scene.worker(turns_per_second=0, accepted_timeout_seconds=10):
        for pod in away:
            pod.receive("Oi")
        await until(lambda: all(pod.offered for pod in away))
        assert await here.answer_to("Oi", seconds=9)


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


async def test_a_pod_that_reports_again_is_served_at_once(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    pod.accepting = False
    async with scene.worker(accepted_timeout_seconds=0.05):
        pod.receive("Oi")
        await until(lambda: scene.query("select from relay_queue where failures >= 7"), 60)
        pod.accepting = True
        pod.receive("Oi", "+5511900000002")
        await until(lambda: len(pod.sent) == 2, 8)
