"""While a model's endpoint is out, turns wait: nobody gets an apology for seconds, nobody is left without a word."""

import asyncio
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from integration.ai.endpoint import Endpoint, Reaction, calling, completion, refusing, running_endpoint, saying, sending
from integration.ai.scene import APOLOGY, CUSTOMER, OWNER, Scene, settings_of, until
from pydantic import SecretStr

from oxy_ai.errors import ModelOutageError, ModelRejectedError
from oxy_ai.model.breaker import FAILURES, SHORTEST_PAUSE
from oxy_ai.model.client import ModelClient, ModelSettings
from oxy_ai.model.route import ModelRoute, Question
from oxy_core.envelopes import SendOutcome, SendResult
from oxy_core.instance.settings import AiSettings

SETTINGS = settings_of("petshop")
FINE = saying("Tudo certo.")
OTHERS = [f"+55119000000{number:02}" for number in range(5)]


@dataclass
class Switch:
    """An endpoint that is out until it is switched on."""

    out: Reaction = field(default_factory=lambda: refusing(503))
    on: bool = False

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        return await (FINE if self.on else self.out)(request)


@pytest.mark.long
async def test_after_an_outage_everybody_is_answered_and_nobody_has_heard_of_it(scene: Scene) -> None:
    pod, switch = await scene.pod(SETTINGS), Switch()
    async with running_endpoint(switch) as endpoint, scene.worker(openai_base_url=endpoint.base_url):
        for phone in OTHERS:
            pod.receive("Oi", phone)
        await until(lambda: scene.query("select from turns having count(*) filter (where waits >= 3) = 5"))
        switch.on = True
        await until(lambda: all(pod.answers_to(phone) for phone in OTHERS))
        await until(lambda: scene.query("select from outbox having bool_and(state = 'sent')"))
    assert [pod.answers_to(phone) for phone in OTHERS] == [["Tudo certo."]] * len(OTHERS)
    assert await scene.value("select sum(attempts) from turns") == 0
    assert await scene.value("select count(*) from owner_notices") == 0


@pytest.mark.long
async def test_in_a_long_outage_each_customer_hears_once_of_a_person_and_the_owner_once_in_all(scene: Scene) -> None:
    pod, switch = await scene.pod(SETTINGS), Switch()
    async with (
        running_endpoint(switch) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, outage_patience_seconds=1.0),
    ):
        for phone in OTHERS:
            pod.receive("Oi", phone)
        await until(lambda: all(pod.answers_to(phone) for phone in OTHERS) and pod.answers_to(OWNER))
        before = {turn["id"]: turn["waits"] for turn in await scene.query("select id, waits from turns")}
        later = (
            "select from unnest($1::bigint[], $2::int[]) as b (id, waits) join turns t using (id) "
            "having bool_and(t.waits > b.waits)"
        )
        await until(lambda: scene.query(later, [*before], [*before.values()]), 60)
        assert [pod.answers_to(phone) for phone in OTHERS] == [[APOLOGY]] * len(OTHERS)
        (notice,) = pod.answers_to(OWNER)
        assert "não está respondendo" in notice
        switch.on = True
        await until(lambda: all(len(pod.answers_to(phone)) == 2 for phone in OTHERS), 60)
    assert pod.answers_to(OTHERS[0]) == [APOLOGY, "Tudo certo."]


@pytest.mark.parametrize("status", [401, 403])
async def test_an_endpoint_that_refuses_the_key_is_out_and_the_owner_learns_what_to_mend(
    scene: Scene, status: int
) -> None:
    pod, switch = await scene.pod(SETTINGS), Switch(refusing(status))
    async with (
        running_endpoint(switch) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, outage_patience_seconds=0.3),
    ):
        pod.receive("Oi")
        await until(lambda: pod.answers_to(CUSTOMER) and pod.answers_to(OWNER))
    assert "recusou a chave de acesso" in pod.answers_to(OWNER)[0]


@pytest.mark.long
async def test_what_became_too_old_in_an_outage_is_not_answered_and_the_owner_is_told_whose_it_was(
    scene: Scene,
) -> None:
    pod, switch = await scene.pod(settings_of("petshop", max_answer_age_seconds=2)), Switch()
    async with running_endpoint(switch) as endpoint, scene.worker(openai_base_url=endpoint.base_url):
        pod.receive("Oi", OTHERS[0])
        pod.receive("Oi", OTHERS[1])
        # Either may have to wait for the next probe of the endpoint.
        await until(lambda: scene.query("select from turns having count(*) filter (where reason = 'stale') = 2"), 60)
        switch.on = True
        await until(lambda: pod.answers_to(OWNER))
    assert "agora é tarde" in pod.answers_to(OWNER)[0]
    assert pod.answers_to(OTHERS[0]) == []


async def test_an_endpoint_that_hangs_does_not_hold_up_the_customers_of_others(scene: Scene) -> None:
    async def hanging(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    async with running_endpoint(hanging) as stuck, running_endpoint(FINE) as fine:
        sick = await scene.pod(settings_of("clinic", ai=AiSettings(debounce_seconds=0, base_url=stuck.base_url)))
        well = await scene.pod(SETTINGS)
        async with scene.worker(openai_base_url=fine.base_url, model_timeout_seconds=2, concurrency=2):
            # Two at a time, they would take more than a minute without the circuit breaker.
            for number in range(90):
                sick.receive("Oi", f"+55119100000{number:02}")
            await until(lambda: scene.query("select from turns having sum(waits) > 6"))
            assert await well.answer_to("Oi") == "Tudo certo."


async def test_an_endpoint_that_refuses_a_question_is_not_out() -> None:
    question = Question(temperature=0, max_tokens=10, messages=[])
    out, refused, answers = refusing(503), refusing(400), saying("Oi!")
    async with running_endpoint(*[out] * FAILURES, refused, answers) as endpoint:
        model = ModelClient(ModelSettings(openai_base_url=endpoint.base_url, openai_api_key=SecretStr("key")))
        route = ModelRoute("petshop", "petshop", None, ("m",), timeout_seconds=60)
        for _ in range(FAILURES):
            with pytest.raises(ModelOutageError):
                await model.ask(question, route)
        await asyncio.sleep(SHORTEST_PAUSE)
        with pytest.raises(ModelRejectedError):
            await model.ask(question, route)
        response, _ = await model.ask(question, route)
    await model.close()
    assert response.text == "Oi!"


async def test_a_failed_notice_is_told_again(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    pod.results = False
    async with (
        running_endpoint(refusing(400)) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, notice_retry_max_seconds=0.4),
    ):
        pod.receive("Oi")
        for texts, outcome in enumerate((SendOutcome.FAILED, SendOutcome.EXPIRED, SendOutcome.AMBIGUOUS), start=1):
            await until(lambda texts=texts: len(pod.answers_to(OWNER)) == texts)
            request = [sent for sent in pod.sent if sent.chat.phone == OWNER][-1]
            pod.report(SendResult(request_id=request.id, outcome=outcome))
        await until(lambda: len(pod.answers_to(OWNER)) == 4)
    assert pod.answers_to(CUSTOMER) == [APOLOGY]
    assert await scene.value("select failures from owner_notices") == 3


async def test_notices_are_grouped_and_go_to_the_chat_that_the_owner_uses(scene: Scene) -> None:
    hidden = "98765@lid"
    pod = await scene.pod(SETTINGS)
    async with (
        running_endpoint(FINE, refusing(400)) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, notice_grouping_seconds=3_600),
    ):
        # The owner's phone is registered without the ninth digit, and he is known by his hidden address.
        pod.receive("Oi", chat=hidden, sender=hidden, chat_alias="551187651111@s.whatsapp.net", push_name="Dona")
        await until(lambda: pod.sent)
        for number, phone in enumerate(OTHERS):
            pod.receive("Oi", phone, push_name=f"Cliente {number}")
        noticed = "select from owner_notices having count(*) = $1"
        await until(lambda: scene.query(noticed, len(OTHERS)))
        await scene.query("update notice_queue set noted_at = noted_at - interval '2 hours'")
        await until(lambda: len([sent for sent in pod.sent if str(sent.chat) == hidden]) == 2)
    notice = [sent.text for sent in pod.sent if str(sent.chat) == hidden][1]
    assert all(f"Cliente {number} ({phone})" in notice for number, phone in enumerate(OTHERS))


BIG = {"prompt_tokens": 2**31 - 1, "completion_tokens": 2**31 - 1}


async def test_token_counts_may_add_up_beyond_32_bits(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    tool = {"id": "c1", "type": "function", "function": {"name": "voar", "arguments": "{}"}}
    ask = sending(completion({"tool_calls": [tool]}, "tool_calls", usage=BIG))
    async with (
        running_endpoint(ask, sending(completion({"content": "Oi!"}, usage=BIG))) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        assert await pod.answer_to("Oi") == "Oi!"
    assert await scene.value("select sum(prompt_tokens) from ai_interactions") == 2 * (2**31 - 1)


async def test_a_turn_whose_end_and_burial_fail_ends_all_the_same(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    async with (
        running_endpoint(FINE) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, lease_seconds=4),
    ):
        await scene.known(SETTINGS)
        for table in "ai_interactions", "audit_log":
            await scene.query(f"alter table {table} add constraint broken check (false) not valid")
        pod.receive("Oi")
        await until(lambda: scene.query("select from turns where state = 'dead' and attempts = 3"))
        await until(lambda: pod.answers_to(OWNER))
        assert len(endpoint.requests) == 3
    assert await scene.value("select due_at is null and turn_id is null from conversations limit 1") is True


async def test_a_model_that_asked_for_too_many_tools_is_asked_again_by_a_replay(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    tools: Reaction = calling(("voar", "{}"))

    async def react(request: web.Request) -> web.StreamResponse:
        return await (FINE if allowed else tools)(request)

    allowed = False
    async with running_endpoint(react) as endpoint, scene.worker(openai_base_url=endpoint.base_url):
        assert await pod.answer_to("Oi") == APOLOGY
        allowed = True
        turn = await scene.value("select id from turns")
        assert await asyncio.to_thread(replayed, scene, turn) == 0
        await until(lambda: len(pod.answers_to(CUSTOMER)) == 2)
    assert pod.answers_to(CUSTOMER)[1] == "Tudo certo."
    assert asked_rounds(endpoint) == [0, 1, 2, 3, 4, 5, 5, 5, 5]
    outcomes = await scene.query("select outcome from ai_interactions order by created_at")
    assert [row["outcome"] for row in outcomes] == ["tools"] * 5 + ["discarded"] * 3 + ["answered"]


def replayed(scene: Scene, turn: int) -> int:
    return scene.admin("dlq", "replay", f"turn:petshop:{turn}").returncode


def asked_rounds(endpoint: Endpoint) -> list[int]:
    """The round of each request: how often the model had asked for tools before."""
    return [sum("tool_calls" in message for message in request["messages"]) for request in endpoint.requests]
