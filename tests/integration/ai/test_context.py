"""What an assistant knows before it answers, and what a customer reads of it first."""

import json
import time
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from integration.ai.scene import CATALOG, CUSTOMER, FakePod, Scene, settings_of, until
from prometheus_client import REGISTRY

from oxy_ai.assistants.introduction import says_who_answers
from oxy_ai.assistants.vertical import ContextPart, Scope
from oxy_ai.database import Connection, connected_pool
from oxy_ai.engine.context_reader import ContextReader, ContextSettings, Wanted
from oxy_ai.ids import organization_id
from oxy_ai.portuguese.sentences import MAX_PIECE
from oxy_ai.records import Contact, Turn
from oxy_ai.timezones import now_utc
from oxy_core.instance.settings import AiSettings

OTHER = "+5511912340002"
LONG = " ".join(f"Frase número {number}, que explica um pouco mais como cuidamos deles." for number in range(60))
NEWEST = "select prompt_hash from ai_interactions order by turn_id desc limit 1"


def counted(part: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("oxy_ai_context_parts_total", {"part": part, "outcome": outcome}) or 0


async def newest_prompt(scene: Scene) -> list[str]:
    """Both parts of the newest request's prompt."""
    messages = json.loads((await scene.model.bodies())[-1])["messages"]
    return [message["content"] for message in messages if message["role"] == "system"]


def as_read(body: str) -> str:
    """A request in the order in which a provider's cache sees it: tools, then messages."""
    request: dict[str, Any] = json.loads(body)
    return json.dumps([request["tools"], request["messages"]], ensure_ascii=False)


def shared_beginning(one: str, other: str) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


async def texts_after(pod: FakePod, text: str, count: int, phone: str = CUSTOMER) -> list[str]:
    before = len(pod.texts_to(phone))
    pod.receive(text, phone)
    await until(lambda: len(pod.texts_to(phone)) >= before + count)
    return pod.texts_to(phone)[before:]


async def test_a_prompt_begins_with_what_never_changes_and_knows_what_has_changed(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(context_part_seconds=60):
        await pod.answer_to("Oi")
        await scene.apply_catalog("petshop")
        await pod.answer_to("Oi")
        await pod.answer_to("Oi", OTHER)
        one, other = map(as_read, (await scene.model.bodies())[-2:])
        kept, read = counted("bookings", "kept"), counted("catalog", "read")
        await pod.answer_to("Tudo bem?")
        assert (counted("bookings", "kept"), counted("catalog", "read")) == (kept + 1, read)
        await scene.apply_catalog("petshop", CATALOG.read_text().replace('"65.00"', '"66.50"'))
        await pod.answer_to("Tudo bem?")
        assert "R$ 66,50" in (await newest_prompt(scene))[0]
        await scene.query(
            "insert into pets (organization_id, contact_id, name) select organization_id, id, 'Rex' from "
            "contacts where phone = $1",
            CUSTOMER,
        )
        await pod.answer_to("Tudo bem?")
        assert "Pets deste cliente: Rex." in (await newest_prompt(scene))[1]
    assert shared_beginning(one, other) >= 0.8 * max(len(one), len(other))
    assert len(await scene.value(NEWEST)) == 16


async def test_a_part_that_cannot_be_had_in_time_is_missing_alone(scene: Scene) -> None:
    ai = AiSettings(debounce_seconds=0, tone="animado, com emojis", system_prompt_extra="Há estacionamento.")
    pod = await scene.pod(settings_of("petshop", ai=ai))
    async with scene.worker(context_part_seconds=4):
        await pod.answer_to("Oi")
        await scene.apply_catalog("petshop")
        locking = await asyncpg.connect(scene.admin_url)
        async with locking.transaction():
            await locking.execute("lock table pets in access exclusive mode")
            await pod.answer_to("Oi", OTHER)
        await locking.close()
    stable, changing = await newest_prompt(scene)
    assert "Os pets deste cliente não puderam ser lidos agora" in changing
    assert all(text in stable for text in ("R$ 65,00", "animado, com emojis", "Há estacionamento."))


async def test_a_part_whose_time_is_over_as_it_ends_spoils_no_other(scene: Scene) -> None:
    async def read_slowly(connection: Connection, _: UUID, contact: int, __: datetime) -> object:
        read: object = await connection.fetchval("select $1::integer", contact)
        time.sleep(4.1)  # noqa: ASYNC251 its time ends while the transaction does, not before
        return read

    async def read_at_once(connection: Connection, _: UUID, contact: int, __: datetime) -> object:
        return await connection.fetchval("select $1::integer", contact)

    slow, quick = (ContextPart(load.__name__, Scope.CONTACT, load, "missing") for load in (read_slowly, read_at_once))
    turn = Turn.model_construct(contact=Contact.model_construct(id=7), facts=None)
    settings = ContextSettings(context_part_seconds=4, context_connections=1)
    async with connected_pool(scene.database_url, connections=1) as pool:
        reader = ContextReader(pool, settings)
        facts = await reader.read(organization_id("petshop"), turn, Wanted((slow, quick), now_utc()))
        assert (facts.of(slow), facts.of(quick)) == (None, 7)


async def test_a_new_contact_is_told_who_answers_and_reads_long_answers_in_pieces(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.script({"user": "conte tudo", "reply": LONG}, {"reply": "Claro!"})
    async with scene.worker():
        first = await texts_after(pod, "Conte tudo", 5)
        [second] = await texts_after(pod, "Certo?", 1)
        await until(lambda: scene.query("select from conversations where last_message_at > last_inbound_at"))
        [alone] = await texts_after(pod, "Oi", 1, OTHER)
    assert second == "Claro!"
    assert [says_who_answers(text) for text in first] == [True, False, False, False, False]
    assert " ".join(first).replace(first[0], first[0].partition("\n\n🤖")[0]) == LONG
    assert max(map(len, first[1:])) <= MAX_PIECE
    assert alone == "Claro!\n\n🤖 Quem responde aqui é a assistente virtual de Pet Shop Aurora."
