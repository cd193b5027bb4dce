"""What comes while the model answers is seen before the answer leaves: at most twice, and never after a deed."""

import asyncio
import json
import signal
from typing import Any

import pytest
from aiohttp import web
from integration.ai.endpoint import Reaction, calling, running_endpoint, saying
from integration.ai.engine_database import LIMITS, ORGANIZATION, Database, Row, lasting, step
from integration.ai.scene import CUSTOMER, FakePod, Scene, settings_of, until
from psycopg.types.json import Jsonb

TEXT = {"id": ORGANIZATION, "part": 0, "text": "Olá", "keep_seconds": 60}
ENDING = {"state": "answered", "role": "customer", "answers": [TEXT], "may_regenerate": True, "reason": None}
PET = json.dumps({"nome": "Rex", "especie": "cachorro"})


def late(scene: Scene, pod: FakePod, text: str, then: Reaction) -> Reaction:
    """Answer once a message has come that was written after the request."""

    async def react(request: web.Request) -> web.StreamResponse:
        pod.receive(text)
        await until(lambda: scene.query("select from messages where body = $1", text))
        return await then(request)

    return react


def asked(request: dict[str, Any]) -> list[str]:
    return [message["content"] for message in request["messages"] if message["role"] == "user"]


async def test_an_answer_gives_way_to_what_came_meanwhile_twice(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    reactions = (
        late(scene, pod, "É para o Rex", saying("um")),
        late(scene, pod, "E quanto tempo leva?", saying("dois")),
        late(scene, pod, "Obrigada", saying("três")),
        saying("quatro"),
    )
    async with running_endpoint(*reactions) as endpoint, scene.worker(openai_base_url=endpoint.base_url):
        pod.receive("Quero um banho")
        await until(lambda: scene.query("select from outbox where turn_id = 2 and state = 'sent'"))
    texts = "\n".join(pod.answers_to(CUSTOMER))
    assert [word for word in ("um", "dois", "três", "quatro") if word in texts.split()] == ["três", "quatro"]
    assert asked(endpoint.requests[2])[-3:] == ["Quero um banho", "É para o Rex", "E quanto tempo leva?"]
    assert asked(endpoint.requests[3])[-1] == "Obrigada"
    turns = await scene.query("select state, regenerations from turns order by id")
    assert [tuple(turn) for turn in turns] == [("answered", 2), ("answered", 0)]
    outcomes = await scene.query("select outcome from ai_interactions where turn_id = 1 order by created_at")
    assert [row["outcome"] for row in outcomes] == ["discarded", "discarded", "answered"]  # all of them cost something


async def test_after_a_deed_the_answer_tells_of_it(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    reactions = (
        calling(("cadastrar_pet", PET)),
        late(scene, pod, "Ele é bravo", saying("Cadastrei")),
        saying("Entendi"),
    )
    async with running_endpoint(*reactions) as endpoint, scene.worker(openai_base_url=endpoint.base_url):
        pod.receive("Quero cadastrar meu cachorro Rex")
        await until(lambda: scene.query("select from outbox where turn_id = 2 and state = 'sent'"))
    assert len(endpoint.requests) == 3
    texts = " ".join(pod.answers_to(CUSTOMER))
    assert texts.index("Cadastrei") < texts.index("Entendi")
    assert await scene.value("select max(regenerations) from turns") == 0


async def test_a_worker_that_is_killed_meanwhile_changes_nothing(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    workers = {key: scene.process(OXY_OPENAI_API_KEY=key) for key in ("first", "second")}

    async def killed(request: web.Request) -> web.StreamResponse:
        """A message comes, and the worker that has asked is killed before it is answered."""
        pod.receive("É para o Rex")
        await until(lambda: scene.query("select from messages where body = 'É para o Rex'"))
        workers[request.headers["Authorization"].removeprefix("Bearer ")].kill()
        return web.Response()

    async def answers(request: web.Request) -> web.StreamResponse:
        said = asked(await request.json())
        return await saying(f"Li {len(said)}")(request)

    async with running_endpoint(killed, answers) as endpoint:
        for worker in workers.values():
            worker.environment["OXY_OPENAI_BASE_URL"] = endpoint.base_url
            worker.start()
        try:
            pod.receive("Quero um banho")
            await until(lambda: scene.query("select from outbox where part = 0 and state = 'sent'"), 60)
        finally:
            for worker in workers.values():
                if worker.process is not None and worker.process.poll() is None:
                    worker.signal(signal.SIGKILL)
                    await asyncio.to_thread(worker.process.wait)
    assert [text[-4:] for text in pod.answers_to(CUSTOMER)] == ["Li 2"]
    assert await scene.value("select regenerations from turns") == 1


def ended(engine: Database, conversation: int, turn: int, **changes: object) -> Row:
    result: Row = engine.value("end_turn(%s, %s, 7, %s, %s)", ORGANIZATION, conversation, turn, Jsonb(ENDING | changes))
    return result


@pytest.mark.parametrize(
    ("changes", "gap", "state"),
    [
        ({}, False, "regenerated"),
        ({"may_regenerate": False}, False, "answered"),
        ({"state": "skipped", "reason": "loop", "answers": []}, False, "skipped"),
        ({}, True, "answered"),
    ],
    ids=["late", "may not", "not an answer", "a message before it is missing"],
)
def test_the_end_of_a_turn_looks_for_late_messages(engine: Database, changes: Row, *, gap: bool, state: str) -> None:
    conversation, turn = engine.claimed()
    engine.received(conversation, 2)
    if gap:
        engine.rows(
            "insert into chat_journals (organization_id, conversation_id, epoch, seen, gap_until) "
            "select organization_id, id, gen_random_uuid(), '{[1,2)}', now() + interval '1 hour' from conversations"
        )
    assert ended(engine, conversation, turn, **changes)["state"] == state


def test_a_turn_that_opens_again_has_all_messages_and_nothing_of_before_but_the_cost(engine: Database) -> None:
    conversation, turn = engine.claimed()
    for number in (0, 1):
        engine.value("store_step(%s, %s, %s)", ORGANIZATION, turn, Jsonb(step(conversation, turn, number)))
    engine.received(conversation, 2)
    ended(engine, conversation, turn)
    engine.received(conversation, 3)
    engine.change("conversations", conversation, lease_until=None, due_at="-infinity")
    engine.rows("update org_queue set ready_at = now(), open_at = '-infinity'")
    found = engine.value("claim_turns(1, %s, 0, 1, %s, %s)", lasting(60), lasting(1), LIMITS)
    document = found["claimed"][0]["turn"]
    assert (len(document["inputs"]), document["steps"], document["regenerations"]) == (3, [], 1)
    assert engine.value("array_agg(round order by round) from turn_steps") == [-2, -1]
    again = engine.value(
        "end_turn(%s, %s, 8, %s, %s)", ORGANIZATION, conversation, turn, Jsonb(ENDING | {"may_regenerate": False})
    )
    assert again == {"state": "answered", "more": False}
    assert engine.value("count(*) from ai_interactions") == 2
