"""What an instance's models may cost in a month, through the whole turn engine."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from integration.ai.endpoint import calling, completion, hanging, refusing, running_endpoint, saying, sending
from integration.ai.open_days import calm_zones
from integration.ai.scene import APOLOGY, CUSTOMER, OWNER, FakePod, Scene, settings_of, until

from oxy_ai.assistants.fixed_texts import UNAFFORDABLE, UNAFFORDABLE_AFTER, unaffordable_to_owner
from oxy_ai.assistants.people import People, person_will_answer
from oxy_ai.errors import BudgetExhaustedError
from oxy_core.envelopes import InstanceSettings
from oxy_core.instance.settings import AiSettings

OTHER = "+5511912340002"
ZONE = calm_zones()[0]
"""Where neither a month nor a day, which the prompt names, ends during a test."""
DOLLAR = 1_000_000
HANDED_OVER = f"{UNAFFORDABLE}\n\n{person_will_answer(People(told=True))}"
SPENT = unaffordable_to_owner(BudgetExhaustedError())
MONTH = "select spent_microdollars, reserved_microdollars from ai_months order by month desc limit 1"
CALLS = "select outcome, cost_microdollars, reserved_microdollars from ai_interactions order by created_at"


def budgeted(microdollars: int | None, generation: int = 1, **ai: object) -> InstanceSettings:
    values: dict[str, Any] = {"debounce_seconds": 0, "monthly_budget_microdollars": microdollars}
    return settings_of("petshop", generation=generation, timezone=ZONE, ai=AiSettings(**values | ai))


async def changed(scene: Scene, settings: InstanceSettings) -> None:
    """Publish settings and wait until the workers have them."""
    await scene.publish(settings)
    applied = "select from instances where settings ->> 'generation' = $1"
    await until(lambda: scene.query(applied, str(settings.generation)))


async def month(scene: Scene) -> tuple[int, int]:
    [row] = await scene.query(MONTH)
    return row["spent_microdollars"], row["reserved_microdollars"]


def told(pod: FakePod, words: str) -> list[str]:
    return [text for text in pod.texts_to(OWNER) if words in text]


async def test_a_spent_budget_hands_customers_over_until_the_month_or_the_budget_changes(scene: Scene) -> None:
    pod = await scene.pod(budgeted(DOLLAR))
    async with scene.worker(), scene.worker():
        await scene.known(pod.settings)
        await scene.apply_catalog("petshop")
        assert (await pod.answer_to("Oi")).startswith("Olá!")
        [first] = await scene.query(CALLS)
        assert 0 < first["cost_microdollars"] < first["reserved_microdollars"]
        assert await month(scene) == (first["cost_microdollars"], 0)
        await scene.query("update ai_months set spent_microdollars = $1", DOLLAR * 85 // 100)
        await pod.answer_to("obrigado")
        await until(lambda: told(pod, "quase todo o limite"))
        await is_handed_over(scene, pod)
        await is_answered_again(scene, pod)
    assert [len(told(pod, words)) for words in ("quase todo o limite", "deste mês acabou. Até")] == [1, 2]
    assert await scene.value("select count(*) from ledger_violations('1 minute') v where v > 0") == 0


async def is_handed_over(scene: Scene, pod: FakePod) -> None:
    """Customers hear once that people answer, the owner hears why, and an emergency needs no model."""
    asked = len(await scene.model.requests())
    await scene.query("update ai_months set spent_microdollars = $1", DOLLAR - 1)
    assert (await pod.answer_to("Quero um banho", push_name="Ana")).startswith(UNAFFORDABLE)
    await until(lambda: told(pod, "Ana"))
    await until(lambda: told(pod, "deste mês acabou. Até"))
    pod.receive("Alguém aí?")
    await until(lambda: scene.query("select from turns where state = 'skipped' and reason = 'budget'"))
    assert (await pod.answer_to("Meu cachorro comeu veneno de rato!", OTHER)).startswith("🚨")
    pod.receive("Como foi o dia?", OWNER)
    await until(lambda: told(pod, SPENT))
    assert len(await scene.model.requests()) == asked
    assert "limite de gastos" in told(pod, "Ana")[0]


async def is_answered_again(scene: Scene, pod: FakePod) -> None:
    """Customers are answered again as soon as a larger budget, none or another month allows it."""
    third = "+5511912340003"
    await changed(scene, budgeted(2 * DOLLAR, generation=2))
    assert (await pod.answer_to("Oi")).startswith("Olá!")
    ended = "select ended from hand_overs where reason = 'budget'"
    assert [row["ended"] for row in await scene.query(ended)] == ["assistant"]
    await changed(scene, budgeted(DOLLAR // 2, generation=3))  # below what is spent
    assert (await pod.answer_to("Oi", third)).startswith(UNAFFORDABLE)
    await until(lambda: len(told(pod, "deste mês acabou. Até")) == 2)  # of another budget
    await changed(scene, budgeted(None, generation=4))
    assert (await pod.answer_to("Oi", third)).startswith("Olá!")
    await changed(scene, budgeted(DOLLAR // 2, generation=5))
    assert (await pod.answer_to("Oi", third)).startswith(UNAFFORDABLE)
    await scene.query("update ai_months set month = month - interval '1 month'")
    assert (await pod.answer_to("Oi", third)).startswith("Olá!")
    assert await scene.value("select count(*) from ai_months") == 2


async def test_a_month_begins_in_the_tenants_time_zone(scene: Scene) -> None:
    midnight = datetime(2026, 12, 1, 3, tzinfo=UTC)  # in São Paulo
    shown = [midnight - timedelta(minutes=1)]
    pod = await scene.pod(budgeted(DOLLAR).model_copy(update={"timezone": "America/Sao_Paulo"}))
    async with scene.worker(lambda: shown[-1]):
        assert (await pod.answer_to("Oi")).startswith("Olá!")
        await scene.query("update ai_months set spent_microdollars = $1", DOLLAR)
        assert await pod.answer_to("Oi") == HANDED_OVER
        shown.append(midnight)
        assert (await pod.answer_to("Oi")).startswith("Olá!")
        await until(lambda: told(pod, "deste mês acabou. Até"))
        await scene.query("update ai_months set spent_microdollars = $1", DOLLAR)
        assert await pod.answer_to("Oi", OTHER) == HANDED_OVER
        await until(lambda: len(told(pod, "deste mês acabou. Até")) == 2)  # once in each month
    months = await scene.query("select month::text from ai_months order by month")
    assert [row["month"] for row in months] == ["2026-11-01", "2026-12-01"]


async def test_twenty_that_race_for_the_last_cents_do_not_overshoot(scene: Scene) -> None:
    """No request is answered before everybody else was refused: all of them have met at the budget."""
    pod = await scene.pod(budgeted(DOLLAR))
    phones = [f"+55119123411{number:02}" for number in range(20)]
    refused = asyncio.Event()

    async def late(request: web.Request) -> web.StreamResponse:
        await refused.wait()
        return await saying("Oi!")(request)

    async with (
        running_endpoint(saying("Oi!"), late) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, turns_each=0),
        scene.worker(openai_base_url=endpoint.base_url, turns_each=0),
    ):
        await pod.answer_to("Oi")
        [bound] = [call["reserved_microdollars"] for call in await scene.query(CALLS)]
        left = 7 * bound + bound // 2
        await scene.query("update ai_months set spent_microdollars = $1", DOLLAR - left)
        for phone in phones:
            pod.receive("Oi", phone)
        await until(lambda: sum(HANDED_OVER in pod.answers_to(phone) for phone in phones) == 13, 60)
        assert await month(scene) == (DOLLAR - left, 7 * bound)
        refused.set()
        await until(lambda: sum(pod.answers_to(phone) == ["Oi!"] for phone in phones) == 7)
        await until(lambda: scene.query("select from ai_months where reserved_microdollars = 0"))
        assert len(endpoint.requests) == 1 + 7
    assert (await month(scene))[0] < DOLLAR


async def test_what_a_killed_worker_reserved_counts_in_full(scene: Scene) -> None:
    pod = await scene.pod(budgeted(DOLLAR))
    async with running_endpoint(hanging, saying("Oi!")) as endpoint:
        async with scene.worker(openai_base_url=endpoint.base_url, drain_seconds=0.001):
            pod.receive("Oi")
            await until(lambda: endpoint.requests)
        [lost] = await scene.query(CALLS)
        assert lost["outcome"] == "reserved"
        await scene.query("update conversations set lease_until = now(), due_at = now()")
        await scene.query("update org_queue set ready_at = now()")
        async with scene.worker(openai_base_url=endpoint.base_url):
            await until(lambda: pod.answers_to(CUSTOMER) == ["Oi!"])
    answered = await scene.value("select cost_microdollars from ai_interactions where outcome = 'answered'")
    assert await month(scene) == (answered, lost["reserved_microdollars"])


REFUSED = completion({"refusal": "no"}, usage={"prompt_tokens": 1000, "completion_tokens": 100})
SILENT = completion({"content": "Oi!"}, usage=None)


async def test_each_call_of_a_turn_that_dies_or_waits_counts_once(scene: Scene) -> None:
    """A rejected request costs nothing, a refusal what it used; what an endpoint does not tell counts in full."""
    pod = await scene.pod(budgeted(DOLLAR, timeout_seconds=8))
    reactions = (
        refusing(400),
        sending(REFUSED),
        sending({"no": "completion"}),
        refusing(503),
        hanging,
        sending(SILENT),
    )
    async with running_endpoint(*reactions) as endpoint, scene.worker(openai_base_url=endpoint.base_url):
        pod.receive("Oi")
        await until(lambda: pod.answers_to(CUSTOMER) == [APOLOGY])
        assert await pod.answer_to("Oi de novo", seconds=60) == "Oi!"
    calls = [tuple(call) for call in await scene.query(CALLS)]
    bound = calls[0][2]
    assert calls[:2] == [("rejected", 0, bound), ("refused", 210, bound)]
    assert calls[2] == ("invalid", bound, bound)
    larger = calls[4][2]
    assert calls[3:] == [("outage", larger, None), ("answered", larger, larger)]
    assert await month(scene) == (210 + bound + 2 * larger, 0)


async def test_a_model_of_unknown_price_is_not_asked_as_long_as_there_is_a_budget(scene: Scene) -> None:
    own = {"model": "own-model"}
    pod = await scene.pod(budgeted(DOLLAR, **own))
    async with scene.worker(), scene.worker():
        assert await pod.answer_to("Oi") == HANDED_OVER
        assert await pod.answer_to("Oi", OTHER) == HANDED_OVER
        await until(lambda: told(pod, "não sei o preço"))
        pod.receive("Aurora, como está o movimento esta semana?", OWNER)
        await until(lambda: told(pod, "Mensagens recebidas"))
        price = {"model": "own-model", "input": "1", "output": "2"}
        await changed(scene, budgeted(DOLLAR, generation=2, **own, prices=[price]))
        assert (await pod.answer_to("Oi")).startswith("Olá!")
        await changed(scene, budgeted(None, generation=3, **own))
        assert (await pod.answer_to("Oi", OTHER)).startswith("Olá!")
    assert len(told(pod, "não sei o preço")) == 1
    own_calls = "select price_source, cost_microdollars is null from ai_interactions where model = 'own-model'"
    assert [tuple(row) for row in await scene.query(own_calls)] == [("instance", False), (None, True)]


async def test_who_has_something_done_before_the_budget_is_spent_hears_of_it(scene: Scene) -> None:
    pod = await scene.pod(budgeted(DOLLAR))

    async def spending(request: web.Request) -> web.StreamResponse:
        await scene.query("update ai_months set spent_microdollars = $1", DOLLAR)
        return await calling(("cadastrar_pet", json.dumps({"nome": "Rex", "especie": "cachorro"})))(request)

    async with running_endpoint(spending) as endpoint, scene.worker(openai_base_url=endpoint.base_url):
        answer = await pod.answer_to("Cadastra o Rex, é cachorro")
    assert answer.startswith(UNAFFORDABLE_AFTER)
    assert await scene.value("select count(*) from pets") == 1
    outcomes: Sequence[Any] = await scene.query(CALLS)
    assert [row["outcome"] for row in outcomes] == ["tools"]
