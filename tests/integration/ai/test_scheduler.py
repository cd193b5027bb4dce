"""The scheduler's rate, its leases and its catalog command, against a real database."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from integration.ai.endpoint import running_endpoint, saying
from integration.ai.scene import APOLOGY, CATALOG, CUSTOMER, OWNER, Scene, queues, settings_of, until

from oxy_ai.engine.instances import InstanceFollower
from oxy_core import subjects

RATE = """
with recursive turns as (
    select 1 as number, $1::timestamptz as at, g.next_arrival, g.next_open
    from gcra('-infinity', $1::timestamptz, $2::double precision, $3::integer) g
    union all
    select t.number + 1, greatest(t.at, t.next_open), g.next_arrival, g.next_open
    from turns t, gcra(t.next_arrival, greatest(t.at, t.next_open), $2::double precision, $3::integer) g
    where t.number < $4
)
select extract(epoch from at - $1::timestamptz)::double precision as seconds from turns order by number
"""
START = datetime(2026, 11, 22, tzinfo=UTC)


async def starts(scene: Scene, per_second: float, burst: int, count: int) -> list[float]:
    return [round(row["seconds"], 6) for row in await scene.query(RATE, START, per_second, burst, count)]


async def test_an_idle_organization_may_start_a_burst_and_then_keeps_its_rate(scene: Scene) -> None:
    assert await starts(scene, 10, 3, 6) == [0, 0, 0, 0.1, 0.2, 0.3]
    assert await starts(scene, 2, 1, 4) == [0, 0.5, 1, 1.5]
    assert await starts(scene, 0, 10, 50) == [0] * 50


async def test_a_pause_gives_the_burst_back_and_no_more(scene: Scene) -> None:
    rows = await scene.query("select next_open from gcra($1, $2, 10, 10)", START - timedelta(days=1), START)
    assert rows[0]["next_open"] == START + timedelta(seconds=0.1) - timedelta(seconds=0.9)


async def test_a_turn_longer_than_its_lease_is_kept_by_renewal(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.fault(kind="delay", seconds=12)
    async with scene.worker(), scene.worker():
        await pod.answer_to("Oi", seconds=60)
        await until(lambda: scene.query("select from outbox where state = 'sent'"))
    assert len(await scene.model.requests()) == 1
    assert await scene.value("select fence from conversations") == 1


async def test_a_turn_that_lost_its_lease_writes_nothing(scene: Scene) -> None:
    async def losing(request: web.Request) -> web.StreamResponse:
        if len(endpoint.requests) == 1:
            await scene.query("update conversations set fence = fence + 1")
        return await saying("Oi!")(request)

    pod = await scene.pod(settings_of("petshop"))
    async with (
        running_endpoint(losing) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, lease_seconds=4),
    ):
        pod.receive("Oi")
        await until(lambda: scene.query("select from turns where state = 'answered'"))
        await until(lambda: scene.query("select from outbox where state = 'sent'"))
    assert len(pod.sent) == 1
    assert await scene.value("select count(*) from turn_steps") == 1
    outcomes = "select outcome from ai_interactions where cost_microdollars > 0 order by outcome"
    assert [row["outcome"] for row in await scene.query(outcomes)] == ["answered", "discarded"]


async def test_a_worker_that_drains_too_long_ends_even_if_a_part_swallows_its_cancellation(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.fault(kind="delay", seconds=120)
    follow = InstanceFollower.run

    async def stubborn(self: InstanceFollower) -> None:
        with suppress(asyncio.CancelledError):
            await follow(self)
        await follow(self)

    monkeypatch.setattr(InstanceFollower, "run", stubborn)
    async with asyncio.timeout(60), scene.worker(drain_seconds=0.1):
        pod.receive("Oi")
        await until(scene.model.requests)


async def test_a_turn_that_cannot_be_opened_holds_up_no_other(scene: Scene) -> None:
    broken = await scene.pod(settings_of("petshop", "one", queues=queues(attempts=100)))
    sound = await scene.pod(settings_of("petshop", "two"))
    change = (
        "update instances set settings = jsonb_set(settings, '{ai,context_messages}', $1::jsonb) where name = 'one'"
    )
    worker = scene.process()
    worker.start()
    try:
        for pod in (broken, sound):
            await scene.known(pod.settings)
        await scene.query(change, '"x"')
        broken.receive("Oi")
        await until(lambda: scene.query("select from conversations where fence > 0"), 60)
        await sound.answer_to("Oi", seconds=60)
        await until(lambda: scene.query("select from turns where attempts > 0"), 60)
        await scene.query(change, "5")
        await until(lambda: broken.sent, 60)
    finally:
        worker.kill()
    assert [len(pod.sent) for pod in (broken, sound)] == [1, 1]
    assert await scene.value("select count(*) from turns where state = 'answered'") == 2


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (
            "context_messages",
            "the turn cannot be opened (InvalidTextRepresentationError): check its instance's",
        ),
        ("temperature", "the turn's stored data cannot be read: check settings.ai.temperature"),
    ],
    ids=["by the database", "by the worker"],
)
async def test_a_turn_that_cannot_be_opened_becomes_a_dead_letter_and_is_replayed_when_it_can(
    scene: Scene, field: str, reason: str
) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    change = "update instances set settings = jsonb_set(settings, array['ai', $1], $2::jsonb)"
    async with scene.worker(lease_seconds=2):
        await scene.known(settings)
        await scene.query(change, field, '"x"')
        pod.receive("Oi")
        dead = (await until(lambda: scene.query("select * from turns where state = 'dead'"), 60))[0]
        assert dead["attempts"] == 3
        assert reason in dead["reason"]
        await until(lambda: len(pod.sent) == 2)
        assert pod.answers_to(CUSTOMER) == [APOLOGY]
        assert "Motivo: os dados guardados para a assistente não puderam ser lidos." in pod.answers_to(OWNER)[0]
        replay = ("dlq", "replay", f"turn:petshop:{dead['id']}")
        assert (await asyncio.to_thread(scene.admin, *replay)).returncode == 0
        await until(lambda: len(pod.answers_to(OWNER)) == 2, 60)
        await scene.query(change, field, "1")
        assert (await asyncio.to_thread(scene.admin, *replay)).returncode == 0
        await until(lambda: len(pod.answers_to(CUSTOMER)) == 2)
    assert pod.answers_to(CUSTOMER)[1].startswith("Olá!")
    assert len(pod.answers_to(OWNER)) == 2  # once for each time that it died
    assert await scene.value("select count(*) from turns") == 1


async def test_an_owners_own_turn_that_cannot_be_opened_notifies_only_the_owner(scene: Scene) -> None:
    settings = settings_of("petshop", queues=queues(attempts=1))
    pod = await scene.pod(settings)
    async with scene.worker():
        await scene.known(settings)
        await scene.query("update instances set settings = jsonb_set(settings, '{ai,temperature}', '\"x\"')")
        assert "Não consegui responder sua mensagem: os dados" in await pod.answer_to("Oi", OWNER)
        await until(lambda: scene.query("select from outbox having bool_and(state = 'sent')"))
    assert len(pod.sent) == 1


async def test_the_response_that_is_the_answer_is_kept_with_its_cost(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        answer = await pod.answer_to("Oi")
        await pod.answer_to("quero um banho")
    steps = await scene.query(
        "select s.*, c.prompt_tokens, c.cost_microdollars from turn_steps s "
        "join ai_interactions c using (turn_id, round) order by s.turn_id, s.round"
    )
    assert [(step["turn_id"], step["round"]) for step in steps] == [(1, 0), (2, 0), (2, 1)]
    assert json.loads(steps[0]["response"])["text"] == answer
    assert all(step["prompt_tokens"] > 0 and step["cost_microdollars"] > 0 for step in steps)


async def test_a_gap_in_a_chats_sequence_is_recorded_and_waited_for_briefly(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        await pod.answer_to("Oi")
        lost = pod.message("nunca chega")
        started = asyncio.get_running_loop().time()
        await pod.answer_to("obrigado")
        assert asyncio.get_running_loop().time() - started > 1.5
        assert lost.chat_sequence == 2
    assert await scene.value("select lost::text from chat_journals") == "{[2,3)}"


async def test_the_catalog_is_applied_and_shown_by_command(scene: Scene) -> None:
    settings = settings_of("petshop")
    apply = ("catalog", "apply", "--organization", "petshop")
    early = await asyncio.to_thread(scene.admin_process, *apply, stdin=CATALOG.read_text())
    assert early.returncode == 2
    assert "'petshop' is not known yet: apply a WhatsAppInstance" in early.stderr
    async with scene.worker():
        await scene.publish(settings)
        await scene.known(settings)
    applied = await asyncio.to_thread(scene.admin_process, *apply, stdin=CATALOG.read_text())
    assert (applied.returncode, '"changed": true' in applied.stdout) == (0, True), applied.stderr
    shown = await asyncio.to_thread(scene.admin, "catalog", "show", "--organization", "petshop")
    close = ("agenda", "close", "--organization", "petshop", "--first", "2099-12-24", "--reason", "Recesso")
    closed = await asyncio.to_thread(scene.admin, *close)
    assert (closed.returncode, '"kind": "closed"' in closed.stdout) == (0, True), closed.stderr
    again = await asyncio.to_thread(scene.admin, *apply, stdin=shown.stdout)
    assert (again.returncode, '"changed": false' in again.stdout, "Recesso" in again.stdout) == (0, True, True)
    wrong = await asyncio.to_thread(
        scene.admin, *apply, stdin=CATALOG.read_text().replace("duration_minutes: 60", "duration_minutes: x")
    )
    assert wrong.returncode == 2
    assert "line 53, services.0.duration_minutes" in wrong.stderr


async def test_a_dead_report_is_replayed_once_it_can_be_stored(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    change = "update instances set settings = jsonb_set(settings, '{ai,debounce_seconds}', $1::jsonb)"
    async with scene.worker():
        await scene.known(settings)
        await scene.query(change, '"x"')
        pod.receive("Oi")
        await until(lambda: dead_letters(scene))
        early = await asyncio.to_thread(scene.admin, "dlq", "replay", "bus:1")
        subject = subjects.inbound(settings.account, settings.instance)
        assert f"bus:1 is published again to {subject}; if it still cannot be stored" in early.stdout, early.stderr
        assert '"bus:2"' in await until(lambda: dead_letters(scene))
        await scene.query(change, "0")
        replayed = await asyncio.to_thread(scene.admin, "dlq", "replay", "bus:2")
        assert replayed.returncode == 0, replayed.stderr
        await until(lambda: pod.sent)
        assert await dead_letters(scene) == ""


async def test_a_dead_report_that_stays_foreign_is_dropped(scene: Scene) -> None:
    attacker, victim = settings_of("petshop"), settings_of("clinic")
    pod = await scene.pod(attacker)
    async with scene.worker():
        await scene.publish(victim)
        await scene.known(attacker)
        await scene.known(victim)
        pod.report(pod.message("Oi"), organization="clinic")
        listed = await until(lambda: dead_letters(scene))
        assert '"foreign: the report claims an organization or instance other than its account' in listed
        dropped = await asyncio.to_thread(scene.admin, "dlq", "drop", "bus:1")
        assert "bus:1 is dropped; it no longer exists." in dropped.stdout, dropped.stderr
        gone = await asyncio.to_thread(scene.admin, "dlq", "show", "bus:1")
        assert (gone.returncode, "there is no dead letter 'bus:1'" in gone.stderr) == (2, True)
        for wrong in ("x", "turn:petshop:99"):
            answer = await asyncio.to_thread(scene.admin, "dlq", "replay", wrong)
            assert answer.returncode == 2, wrong


async def dead_letters(scene: Scene) -> str:
    listed = await asyncio.to_thread(scene.admin, "dlq", "ls")
    return listed.stdout if "bus:" in listed.stdout else ""
