"""People take conversations over and hand them back, through the whole engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from integration.ai.open_days import calm_zones
from integration.ai.scene import CATALOG, CUSTOMER, OWNER, FakePod, Scene, settings_of, until

from oxy_ai.assistants.people import People, person_will_answer
from oxy_ai.database import connected_pool
from oxy_ai.engine.conversations import hand_back, list_conversations, show_conversation, take_over
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError

TOLD = person_will_answer(People(told=True))
NOBODY = person_will_answer(People(told=False))
ASKS = "Quero falar com um atendente"
OTHER = "+5511912340002"


def escalation(**changes: str) -> dict[str, object]:
    arguments = {"motivo": "cliente_pediu", "urgencia": "normal", "resumo": "quer falar do banho de sábado"} | changes
    return {"tool": "escalar_para_humano", "arguments": arguments}


ESCALATES: tuple[dict[str, object], ...] = (
    {"user": "atendente", "calls": [escalation()]},
    {"user": "atendente", "after": "escalar_para_humano", "reply": "Claro, vou chamar alguém."},
)
"""The model calls a person when the customer asks for one."""


@asynccontextmanager
async def administration(scene: Scene) -> AsyncIterator[Engine]:
    async with connected_pool(scene.database_url, connections=1) as pool:
        yield Engine(pool)


async def nth_answer(pod: FakePod, number: int, phone: str = CUSTOMER) -> str:
    """Wait for the answer with this number and return it."""
    await until(lambda: len(pod.answers_to(phone)) >= number)
    return pod.answers_to(phone)[number - 1]


async def ends(scene: Scene) -> list[tuple[str, str, str | None]]:
    rows = await scene.query("select reason, urgency, ended from hand_overs order by id")
    return [(row["reason"], row["urgency"], row["ended"]) for row in rows]


async def test_a_hand_over_tells_both_sides_and_silences_the_assistant_until_bot(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.script(*ESCALATES, {"user": "voce voltou", "reply": "Voltei!"})
    async with scene.worker(), administration(scene) as engine:
        assert await pod.answer_to(ASKS) == f"Claro, vou chamar alguém.\n\n{TOLD}"
        notice = await nth_answer(pod, 1, OWNER)
        assert f"• Ana ({CUSTOMER}): pediu para falar com uma pessoa. Resumo: quer falar do banho de sábado" in notice
        assert "#bot" in notice
        pod.receive("Alguém aí? Você voltou?")
        await until(lambda: scene.query("select from messages where body like 'Alguém%'"))
        assert await scene.value("select due_at = human_until from conversations where contact_id = 1") is True
        [waiting] = await list_conversations(engine, None, None, everything=False, most=9)
        assert (waiting.state, waiting.reason, waiting.urgency) == ("waiting", "asked", "normal")
        assert waiting.phone is not None
        assert CUSTOMER not in waiting.model_dump_json()
        pod.person_writes(" # BOT ")
        assert await nth_answer(pod, 2) == "Voltei!"
    assert await ends(scene) == [("asked", "normal", "handed_back")]
    assert all("BOT" not in body for body in await scene.model.bodies())
    assert len(pod.answers_to(OWNER)) == 1


async def test_a_person_who_answers_ends_the_wait_and_what_was_said_is_seen_afterwards(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop", ai={"debounce_seconds": 0, "context_messages": 2}))
    await scene.model.script(*ESCALATES, {"user": "mais uma coisa", "reply": "Pois não?"})
    async with scene.worker(), administration(scene) as engine:
        await pod.answer_to(ASKS)
        for number in range(4):
            pod.person_writes(f"Aqui é a Bia, {number}")
            pod.receive(f"Tudo bem, {number}")
        await until(lambda: scene.query("select from messages where body = 'Tudo bem, 3'"))
        assert await ends(scene) == [("asked", "normal", "answered")]
        left = await scene.value("select human_until - now() from conversations where contact_id = 1")
        assert timedelta(minutes=29) < left <= timedelta(minutes=30)  # a takeover's time, no longer a hand-over's
        [taken] = await list_conversations(engine, "petshop", "main", everything=False, most=9)
        assert (taken.state, taken.reason) == ("person", "answered")
        assert taken.waiting_since is not None  # since the last "Tudo bem"
        pod.receive("Mais uma coisa")
        await until(lambda: scene.query("select from messages where body = 'Mais uma coisa'"))
        done = await hand_back(engine, taken.id)
        assert "2 waiting messages" in done.message
        assert await nth_answer(pod, 2) == "Pois não?"
        with pytest.raises(AdministrationError, match="answers petshop:1 already"):
            await hand_back(engine, taken.id)
        shown = await show_conversation(engine, taken.id, 3)
    assert [line.text for line in shown.messages][-1] == "Pois não?"
    assert [past.ended for past in shown.hand_overs] == ["answered"]
    request = (await scene.model.bodies())[-1]
    assert all(f"[mensagem enviada por um atendente] Aqui é a Bia, {number}" in request for number in range(4))
    assert "Tudo bem, 0" in request


async def test_whoever_waits_in_silence_is_not_forgotten(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.script(*ESCALATES, {"user": "alguem", "reply": "Estou aqui."})
    async with scene.worker(promises_check_seconds=0.05):
        await pod.answer_to(ASKS)
        await nth_answer(pod, 1, OWNER)
        await scene.query("update conversations set human_until = now() where human_until is not null")
        assert "ninguém respondeu: Ana" in await nth_answer(pod, 2, OWNER)
        assert await ends(scene) == [("asked", "normal", None)]
        pod.receive("Alguém?")
        assert await nth_answer(pod, 2) == "Estou aqui."
    assert len(pod.answers_to(OWNER)) == 2
    assert await ends(scene) == [("asked", "normal", "timed_out")]


async def test_nobody_answers_in_time(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.script(*ESCALATES, {"user": "alguem", "reply": "Estou aqui."})
    async with scene.worker():
        await pod.answer_to(ASKS)
        pod.receive("Alguém?")
        await until(lambda: scene.query("select from messages where body = 'Alguém?'"))
        await scene.query("update conversations set human_until = now(), due_at = now() where human_until is not null")
        await scene.query("update org_queue set ready_at = now()")
        assert await nth_answer(pod, 2) == "Estou aqui."
        await nth_answer(pod, 2, OWNER)
    assert any("ninguém respondeu: Ana" in notice for notice in pod.answers_to(OWNER))
    assert await ends(scene) == [("asked", "normal", "timed_out")]


async def test_customers_are_told_when_people_are_back_or_that_nobody_is_told(scene: Scene) -> None:
    nameless = settings_of("barber", owners=())
    zone, _ = calm_zones()  # where today does not end during the test
    pod, other = await scene.pod(settings_of("petshop", timezone=zone)), await scene.pod(nameless)
    await scene.model.script(*ESCALATES)
    async with scene.worker():
        await scene.known(nameless)
        await scene.apply_catalog("petshop", closed_today(ZoneInfo(zone)))
        closed = await pod.answer_to(ASKS)
        assert "Já avisei a equipe. Agora estamos fechados: abrimos amanhã, " in closed
        assert ", às 09:00, e então uma pessoa responde você por aqui." in closed
        assert await other.answer_to(ASKS) == f"Claro, vou chamar alguém.\n\n{NOBODY}"
        notice = await nth_answer(other, 1, nameless.phone_number)
    assert CUSTOMER in notice


def closed_today(zone: ZoneInfo) -> str:
    """A catalog of a business that opens at 9 every day but today and yesterday, in its own time zone, holidays too."""
    today = datetime.now(zone)
    lines = CATALOG.read_text().splitlines()
    first, last = (
        lines.index(next(line for line in lines if line.startswith(name))) for name in ("hours:", "resources:")
    )
    days = [today + timedelta(days=offset) for offset in range(1, 6)]
    hours = [f'  {day:%A}: ["09:00-18:00"]'.lower() for day in days]
    return "\n".join([*lines[: first + 1], *hours, "holidays: {use: []}", *lines[last:]])


async def test_two_hand_overs_in_one_turn_are_one_and_the_urgent_one_counts(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    urgent = escalation(motivo="Emergência", urgencia="alta", resumo="o cachorro comeu veneno" + " agora" * 60)
    careless = {"tool": "escalar_para_humano", "arguments": {"motivo": None, "cliente": "Ana"}}
    await scene.model.script(
        {"user": "atendente", "calls": [urgent, escalation(), careless]},
        {"user": "atendente", "after": "escalar_para_humano", "reply": ""},
    )
    async with scene.worker(notice_grouping_seconds=3600):  # what is urgent is not gathered
        await pod.answer_to(ASKS)
        notice = await nth_answer(pod, 1, OWNER)
    assert notice.startswith("⚠️ URGENTE!")
    assert "parece ser uma emergência. Resumo: o cachorro comeu veneno" in notice
    assert await ends(scene) == [("emergency", "urgent", None)]


async def test_a_person_who_answers_meanwhile_makes_the_hand_over_needless(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.script(*ESCALATES)
    await scene.model.fault(kind="delay", seconds=0)  # the first call; the second waits
    await scene.model.fault(kind="delay", seconds=6)
    async with scene.worker():
        pod.receive(ASKS)
        await until(lambda: scene.query("select from turns where hand_over is not null"))
        pod.person_writes("Oi, aqui é a Bia")
        await until(lambda: scene.query("select from turns where state = 'skipped' and reason = 'human'"))
    assert pod.answers_to(CUSTOMER) == []
    assert await ends(scene) == []
    assert await scene.query("select from owner_notices") == []


async def test_a_turn_that_dies_after_its_order_still_calls_a_person(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.script(*ESCALATES)
    await scene.model.fault(kind="delay", seconds=0)
    await scene.model.fault(kind="invalid_json", times=None)
    async with scene.worker():
        answer = await pod.answer_to(ASKS)
        assert answer.endswith(TOLD)
        await nth_answer(pod, 2, OWNER)
    assert any("Resumo: quer falar do banho de sábado" in notice for notice in pod.answers_to(OWNER))
    assert await ends(scene) == [("asked", "normal", None)]


async def test_an_order_outlives_its_worker_and_an_instance_that_is_away(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    await scene.model.script(*ESCALATES)
    await scene.model.fault(kind="delay", seconds=0)
    await scene.model.fault(kind="hang")
    process = scene.process(OXY_LEASE_SECONDS="1")
    process.start()
    pod.receive(ASKS)

    async def hangs() -> bool:
        return len(await scene.model.requests()) == 2

    await until(hangs, 60)  # a process has to start
    assert await scene.value("select hand_over is not null from turns")
    process.kill()
    await scene.query("update instances set settings = settings || '{\"suspended\": true}'")
    async with scene.worker(instance_retry_seconds=0.1):
        await until(lambda: scene.query("select from turns where reason = 'suspended'"))
        assert await ends(scene) == []
        await scene.publish(settings.model_copy(update={"generation": 2}))
        assert (await nth_answer(pod, 1)).endswith(TOLD)
        await nth_answer(pod, 1, OWNER)
    assert [request["rule"] for request in await scene.model.requests()].count("rule 0") <= 1  # its tool ran once
    assert await ends(scene) == [("asked", "normal", None)]
    assert await scene.value("select count(*) from owner_notices") == 1


async def test_administrators_take_over_by_command(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(), administration(scene) as engine:
        for phone in CUSTOMER, OTHER:
            await pod.answer_to("Oi", phone)
        done = await take_over(engine, "petshop:1", 5)
        assert done.outcome == "taken_over"
        pod.receive("Oi de novo")
        await until(lambda: scene.query("select from messages where body = 'Oi de novo'"))
        listed = await list_conversations(engine, "petshop", None, everything=True, most=9)
        assert [(item.id, item.state, item.reason) for item in listed] == [
            ("petshop:1", "person", "command"),
            ("petshop:2", "assistant", None),
        ]
        for wrong in "petshop:99", "petshop", "nobody:1", "petshop:x":
            for act in (hand_back(engine, wrong), take_over(engine, wrong, 1), show_conversation(engine, wrong, 1)):
                with pytest.raises(AdministrationError, match="there is no conversation"):
                    await act
        with pytest.raises(AdministrationError, match="organization 'nobody' is not known"):
            await list_conversations(engine, "nobody", None, everything=False, most=9)
        answered = await asyncio.to_thread(scene.admin, "conversations", "handback", "petshop:1")
        assert answered.returncode == 0, answered.stderr
        await nth_answer(pod, 2)
    assert [row["action"] for row in await scene.query("select action from audit_log order by id")] == [
        "conversation_taken_over",
        "conversation_handed_back",
    ]
