"""Rules before the model, through the whole engine: who is not answered, who waits, and what is stored instead."""

import asyncio
import json
import re
from typing import Any

from integration.ai.scene import APOLOGY, CUSTOMER, OWNER, FakePod, Scene, org, queues, settings_of, until
from prometheus_client import REGISTRY

from oxy_ai.assistants.loops import MOST_QUICK
from oxy_ai.assistants.wishes import NOTHING, WELCOME_BACK
from oxy_ai.ids import instance_id
from oxy_ai.records import OutgoingMessage, Recipient, Shown
from oxy_core.envelopes import Lane
from oxy_core.identity import Jid, new_id, phone_key
from oxy_core.instance.settings import AiSettings, LimitsSettings
from oxy_core.trace import new_trace

STRANGER, FRIEND, OTHER = "+5511912340002", "+5511912340003", "+5511912340004"
AT_ONCE: dict[str, Any] = {"debounce_seconds": 0}


def turns_counted(state: str, reason: str) -> float:
    return REGISTRY.get_sample_value("oxy_ai_turns_total", {"state": state, "reason": reason}) or 0


async def ended(scene: Scene, reason: str, how_many: int = 1) -> None:
    """Wait for so many turns that ended for a reason."""
    await until(
        lambda: scene.value(
            "select count(*) >= $2 from turns where reason = $1 and finished_at is not null", reason, how_many
        )
    )


async def outbox(scene: Scene, phone: str) -> list[tuple[str, str | None, str]]:
    rows = await scene.query(
        "select state, error, body from outbox where chat = $1 order by position", str(Jid.of_phone(phone))
    )
    return [(row["state"], row["error"], row["body"]) for row in rows]


async def test_who_is_not_answered_and_what_an_opt_out_stops(scene: Scene) -> None:
    settings = settings_of("petshop", ai=AiSettings(mode="Only", only_phones=(CUSTOMER, FRIEND), **AT_ONCE))
    pod = await scene.pod(settings)
    before = turns_counted("skipped", "private")
    async with scene.worker():
        await scene.known(settings)
        await scene.query("insert into private_numbers values ($1, $2)", org(settings), phone_key(FRIEND))
        pod.receive("Oi, tudo bem?", FRIEND)
        pod.receive("Oi", STRANGER)
        await ended(scene, "private")
        await ended(scene, "trial")
        assert (await pod.answer_to("Oi", OWNER)).startswith("Oi! Sou a Aurora")

        assert (await pod.answer_to("Oi")).startswith("Olá!")
        assert await pod.answer_to("PARAR") == NOTHING
        pod.receive("parar")
        await ended(scene, "opted_out", 2)
        pod.receive("Quanto custa o banho?")
        await ended(scene, "opted_out", 3)
        await _withholds(scene, pod)
        assert await pod.answer_to("Voltar") == WELCOME_BACK
        assert (await pod.answer_to("Oi")).startswith("Olá!")
        await ended(scene, "opted_in")
        shown = json.loads(await scene.value("select ledger_rules($1, now() - interval '1 day')", org(settings)))
    decided = {(line["what"], line["state"], line["reason"]): line["entries"] for line in shown}
    assert decided == {
        ("turn", "answered", "opted_in"): 1,
        ("turn", "answered", "opted_out"): 1,
        ("turn", "skipped", "opted_out"): 2,
        ("turn", "skipped", "private"): 1,
        ("turn", "skipped", "trial"): 1,
        ("text", "withheld", "OptedOut"): 1,
    }
    assert pod.answers_to(FRIEND) == pod.answers_to(STRANGER) == []
    assert [text for text in pod.answers_to(CUSTOMER) if text in (NOTHING, WELCOME_BACK)] == [NOTHING, WELCOME_BACK]
    assert turns_counted("skipped", "private") == before + 1
    texts = await scene.value("select array_agg(distinct reason) from messages where state = 'ignored'")
    assert set(texts) == {"private", "trial", "opted_out"}


async def _withholds(scene: Scene, pod: FakePod) -> None:
    """What a command sends, too, does not reach whoever opted out."""
    message = OutgoingMessage(
        id=new_id(),
        text="Promoção de banho!",
        shown=Shown(kind="text", text="Promoção de banho!"),
        lane=Lane.AUTOMATION,
        keep_seconds=60,
        trace=new_trace(),
    )
    settings = pod.settings
    await scene.query(
        "select queue_message($1, $2, $3, $4)",
        org(settings),
        instance_id(settings.organization, settings.instance),
        Recipient.of(CUSTOMER).model_dump_json(),
        message.model_dump_json(exclude_none=True),
    )
    await until(lambda: scene.query("select from outbox where state = 'withheld'"))
    assert (await outbox(scene, CUSTOMER))[-1] == ("withheld", "OptedOut", "Promoção de banho!")
    assert "Promoção de banho!" not in pod.answers_to(CUSTOMER)


async def test_drafts_are_stored_and_nothing_is_booked(scene: Scene) -> None:
    settings = settings_of("petshop", ai=AiSettings(mode="Draft", **AT_ONCE))
    pod = await scene.pod(settings)
    await scene.model.script(
        {"user": "agenda", "calls": [{"tool": "agendar_servico", "arguments": {}}]},
        {"after": "agendar_servico", "reply": "Seria assim: {result.erro}"},
    )
    async with scene.worker():
        await scene.known(settings)
        await scene.apply_catalog("petshop")
        pod.receive("agenda um banho amanhã")
        await ended(scene, "draft")
        assert (await pod.answer_to("Oi", OWNER)).startswith("Oi! Sou a Aurora")
    assert pod.answers_to(CUSTOMER) == []
    assert await scene.value("select count(*) from outbox o where o.chat = $1", str(Jid.of_phone(CUSTOMER))) == 0
    assert await scene.value("select count(*) from bookings") == 0
    assert "Em teste" in await scene.value("select body from drafts")
    assert re.search(r"A loja está (aberta|fechada) agora", (await scene.model.bodies())[0])
    assert await scene.value("select state || ' ' || reason from messages where author = 'customer'") == "ignored draft"
    assert await scene.value("select count(distinct turn_id) from ai_interactions where assistant = 'customer'") == 1


async def test_a_turn_that_cannot_be_read_says_nothing_to_whom_nobody_answers(scene: Scene) -> None:
    ai = AiSettings(mode="Only", only_phones=(CUSTOMER,), **AT_ONCE)
    settings = settings_of("petshop", ai=ai, queues=queues(attempts=1))
    pod = await scene.pod(settings)
    async with scene.worker():
        await scene.known(settings)
        await scene.query('update instances set settings = settings || \'{"generation": "x"}\'')
        assert await pod.answer_to("Oi") == APOLOGY
        pod.receive("Oi", STRANGER)
        await until(lambda: any(STRANGER in text for text in pod.answers_to(OWNER)))
        await scene.query("update instances set settings = jsonb_set(settings, '{ai,mode}', '\"Draft\"')")
        pod.receive("Oi", OTHER)
        await until(lambda: scene.query("select from turns where state = 'dead' having count(*) = 3"))
    rows = await scene.query("select o.chat from outbox o where o.part = 1")
    assert [row["chat"] for row in rows] == [str(Jid.of_phone(CUSTOMER))]
    assert await scene.value("select count(*) from hand_overs") == 1  # nobody else was promised a person


async def test_whoever_writes_too_often_waits_while_others_are_answered(scene: Scene) -> None:
    settings = settings_of("petshop", limits=LimitsSettings(contact_turns_per_hour=2))
    pod = await scene.pod(settings)
    async with scene.worker():
        await pod.answer_to("Oi")
        await pod.answer_to("Oi, de novo")
        pod.receive("Quanto custa o banho?")
        await until(
            lambda: scene.query("select from turns where state = 'open' and reason = 'rate' and finished_at is null")
        )
        pod.receive("E a tosa?")
        assert (await pod.answer_to("Oi", OTHER)).startswith("Olá!")
        assert len(pod.answers_to(CUSTOMER)) == 2
        waits = await scene.value(
            "select extract(epoch from due_at - now()) from conversations where turn_id is not null"
        )
        assert 3_000 < waits <= 3_600
        because = "its contact was answered as often as the settings allow within an hour"
        assert (
            await scene.value("select count(*) from ledger($1, '1 s') where reason = $2", org(settings), because) == 1
        )
        await scene.query("update turns set finished_at = finished_at - interval '1 hour' where state = 'answered'")
        await scene.query("update conversations set due_at = now() where turn_id is not null")
        await scene.query("select wake_org(id, now()) from organizations")
        await until(lambda: len(pod.answers_to(CUSTOMER)) == 3)
    asked = json.loads((await scene.model.bodies())[-1])["messages"]
    said = [message["content"] for message in asked if message["role"] == "user"]
    assert said[-2:] == ["Quanto custa o banho?", "E a tosa?"]
    assert await scene.value("select count(*) from turns where conversation_id = 1") == 3
    assert await scene.value("select bool_and(state = 'answered') from messages where author = 'customer'") is True


async def test_two_machines_stop_and_a_person_is_told_once(scene: Scene) -> None:
    """The other machine answers whatever it gets, at once and never the same."""
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        replied = 0
        pod.receive("Olá!")
        async with asyncio.timeout(60):
            while not await scene.query("select from turns where reason = 'loop'"):
                while replied < len(pod.answers_to(CUSTOMER)):
                    replied += 1
                    pod.receive(f"Entendi {replied}")
        pod.receive("Entendi de novo")
        await until(lambda: pod.answers_to(OWNER))
        await pod.answer_to("Oi", OTHER)
    assert len(pod.answers_to(CUSTOMER)) == MOST_QUICK + 1
    assert [text for text in pod.answers_to(OWNER) if "robô" in text] == pod.answers_to(OWNER)
    assert len(pod.answers_to(OWNER)) == 1
    assert await scene.value("select count(*) from owner_notices") == 1
    human = await scene.query(
        "select human_reason, human_until > now() as silent, exchanges from conversations where id = 1"
    )
    assert (human[0]["human_reason"], human[0]["silent"]) == ("hand_over", True)
    assert json.loads(human[0]["exchanges"])["run"] == 0
