import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from integration.ai.endpoint import running_endpoint, saying
from integration.ai.open_days import calm_zones, open_day
from integration.ai.scene import APOLOGY, CUSTOMER, OWNER, Scene, settings_of, until
from prometheus_client import REGISTRY

from oxy_ai.assistants.fixed_texts import ASK_FOR_TEXT
from oxy_core.envelopes import ConnectionChanged, ConnectionState, SendOutcome, SendResult
from oxy_core.identity import Jid, new_id
from oxy_core.instance.settings import AiSettings, AuroraSettings
from oxy_core.message_kinds import MessageKind

OTHER = "+5511977776666"


async def test_a_message_gets_exactly_one_answer(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        assert (await pod.answer_to("Oi, tudo bem?")).startswith("Olá!")
        await until(lambda: scene.query("select from outbox where state = 'sent'"))
    assert len(pod.sent) == 1
    assert await scene.value("select count(*) from messages where author = 'assistant'") == 1
    interaction = (await scene.query("select * from ai_interactions"))[0]
    assert interaction["model"] == "gpt-4o-mini"
    assert interaction["prompt_tokens"] > 50
    cost = interaction["prompt_tokens"] * 0.15 + interaction["completion_tokens"] * 0.60
    assert cost <= interaction["cost_microdollars"] < cost + 1


async def test_a_report_published_twice_is_answered_once(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        message = pod.receive("Oi")
        for _ in range(3):
            pod.report(message)
        await pod.answer_to("Oi de novo", OTHER)
        await until(lambda: pod.answers_to(CUSTOMER))
    assert len(pod.answers_to(CUSTOMER)) == 1


async def test_messages_within_the_debounce_are_answered_together(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop", ai=AiSettings(debounce_seconds=5)))
    async with scene.worker():
        pod.receive("Oi")
        pod.receive("quero marcar")
        await pod.answer_to("um banho")
        await until(lambda: scene.query("select from outbox where state = 'sent'"))
    assert len(pod.answers_to(CUSTOMER)) == 1
    assert await scene.value("select count(turn_id) from messages") == 3


async def test_a_debounce_ends_even_if_messages_keep_coming(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop", ai=AiSettings(debounce_seconds=30, debounce_max_seconds=0.3)))
    async with scene.worker():
        assert await pod.answer_to("Oi")


async def test_messages_that_come_during_a_turn_are_answered_in_the_next(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop", ai=AiSettings(debounce_seconds=0, late_message="FollowUp")))
    await scene.model.fault(kind="delay", seconds=2)
    async with scene.worker():
        pod.receive("Oi")
        await until(scene.model.requests)
        pod.receive("obrigado")
        await until(lambda: len(pod.sent) == 2)
    assert [request.text[:6] for request in pod.sent] == ["Olá! Q", "De nad"]
    assert pod.sent[0].based_on == 1
    assert pod.sent[1].based_on == 2


async def test_a_customer_books_and_the_agenda_has_it(scene: Scene) -> None:
    zone, _ = calm_zones()  # where tomorrow is the same day during the test
    settings = settings_of("petshop", timezone=zone)
    pod = await scene.pod(settings)
    async with scene.worker():
        await scene.known(settings)
        await scene.apply_catalog("petshop")
        free = await pod.answer_to("Oi! Quais horários vocês têm para banho amanhã?")
        assert re.search(r"Para Banho tenho em \S+, \d\d/\d\d/\d{4}: \d\d:\d\d, ", free)
        first = free.split(": ")[-1].split(",")[0]
        booked = await pod.answer_to("Pode marcar o primeiro horário para o Thor, por favor?")
    assert booked.startswith("Prontinho! Banho do Thor agendado para")
    [booking] = await scene.query(
        "select b.*, s.key, t.busy_until from bookings b join services s on s.id = b.service_id "
        "join booking_resources t on t.booking_id = b.id"
    )
    assert (booking["subject"], booking["key"], booking["price_cents"]) == ("Thor", "banho", 6500)
    assert f"{booking['starts_at'].astimezone(ZoneInfo(zone)):%H:%M}" == first
    assert booking["busy_until"] - booking["starts_at"] == timedelta(minutes=75)


@pytest.mark.parametrize("phone", [OWNER, "+551187651111"], ids=["as listed", "without the ninth digit"])
async def test_aurora_answers_the_owner(scene: Scene, phone: str) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        answer = await pod.answer_to("Aurora, como está o movimento esta semana?", phone)
    assert "Mensagens recebidas de clientes: 0; conversas: 0" in answer
    calls = await scene.query("select assistant, outcome, tool_calls, intent from ai_interactions order by round")
    assert [tuple(call) for call in calls] == [
        ("aurora", "tools", ["buscar_analytics"], "figures"),
        ("aurora", "answered", [], "figures"),
    ]


async def test_aurora_answers_the_accounts_chat_with_itself_but_not_herself(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    own = Jid.of_phone(settings.phone_number)
    async with scene.worker():
        pod.receive("como foi hoje?", settings.phone_number, from_me=True, self_chat=True)
        await until(lambda: pod.sent)
        echo = f"OUT{pod.sent[0].id}"
        known = pod.message(pod.sent[0].text, settings.phone_number, from_me=True, self_chat=True, whatsapp_id=echo)
        pod.report(known)
        pod.receive("oi", settings.phone_number, from_me=True, self_chat=True)
        await until(lambda: len(pod.sent) == 2)
    assert {request.chat for request in pod.sent} == {own}
    assert pod.sent[1].text.startswith("Oi! Sou a Aurora")


@pytest.mark.parametrize("text", [None, "", "\u200b \u0000"], ids=["image", "empty", "invisible"])
async def test_what_cannot_be_read_is_answered_with_a_request_for_text(scene: Scene, text: str | None) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        pod.receive(text)
        await until(lambda: pod.sent)
    assert pod.sent[0].text == ASK_FOR_TEXT
    assert await scene.model.requests() == []


async def test_a_message_that_comes_too_late_is_not_answered(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop", max_answer_age_seconds=60))
    async with scene.worker():
        pod.receive("Oi", sent_at=datetime.now(UTC) - timedelta(minutes=5))
        await until(lambda: scene.query("select from turns where state = 'skipped' and reason = 'stale'"))
        await pod.answer_to("Oi", OTHER)
    assert pod.answers_to(CUSTOMER) == []


async def test_a_message_that_is_too_old_is_told_to_the_owner_while_a_newer_one_is_answered(scene: Scene) -> None:
    settings = settings_of("petshop", max_answer_age_seconds=60, ai=AiSettings(debounce_seconds=3))
    pod = await scene.pod(settings)
    async with scene.worker():
        await scene.known(settings)
        pod.receive("Vocês abrem hoje?", sent_at=datetime.now(UTC) - timedelta(minutes=5))
        pod.receive("Quanto custa o banho?")
        await until(lambda: pod.answers_to(CUSTOMER))
        await until(lambda: any("agora é tarde" in notice for notice in pod.answers_to(OWNER)))
    assert "Vocês abrem hoje?" not in json.dumps(await scene.model.requests(), ensure_ascii=False)
    fates = await scene.query("select state, reason from messages where author = 'customer' order by place")
    assert [tuple(row) for row in fates] == [("ignored", "stale"), ("answered", None)]


async def test_an_undecryptable_message_leaves_its_identity_to_the_real_one(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        pod.receive(None, whatsapp_id="SAME", kind=MessageKind.UNDECRYPTABLE)
        pod.receive("Oi", whatsapp_id="SAME")
        await until(lambda: pod.sent)
    assert pod.sent[0].text.startswith("Olá!")
    assert await scene.value("select count(*) from turns") == 1


async def test_an_answer_from_the_phone_silences_the_assistant(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        pod.receive("Já estou aqui, pode falar", from_me=True, sender=Jid.of_phone("+5511999990000"))
        pod.receive("Oi")
        await pod.answer_to("Oi", OTHER)
        due = await until(
            lambda: scene.query("select human_until, due_at from conversations where human_until > now()")
        )
    assert due[0]["due_at"] == due[0]["human_until"]
    assert pod.answers_to(CUSTOMER) == []


async def test_after_the_takeover_the_assistant_answers_what_was_left(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop", ai=AiSettings(debounce_seconds=0, takeover_minutes=1)))
    almost_over = datetime.now(UTC) - timedelta(seconds=59)
    async with scene.worker():
        pod.receive("Pode falar", from_me=True, sender=Jid.of_phone("+5511999990000"), sent_at=almost_over)
        pod.receive("Oi")
        await until(lambda: pod.answers_to(CUSTOMER))


async def test_an_answer_from_the_phone_during_a_turn_discards_the_turns_answer(scene: Scene) -> None:
    async def interrupted(request: web.Request) -> web.StreamResponse:
        pod.receive("Oi! Aqui é a Marina", from_me=True, sender=Jid.of_phone("+5511999990000"))
        await until(lambda: scene.query("select from messages where author = 'phone'"))
        return await saying("Olá!")(request)

    pod = await scene.pod(settings_of("petshop"))
    async with running_endpoint(interrupted) as endpoint, scene.worker(openai_base_url=endpoint.base_url):
        pod.receive("Oi")
        await until(lambda: scene.query("select from turns where state = 'skipped' and reason = 'human'"))
    assert pod.sent == []


async def test_the_platforms_own_messages_do_not_count_as_a_persons(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        await pod.answer_to("Oi")
        own = Jid.of_phone("+5511999990000")
        await until(lambda: scene.query("select from outbox where whatsapp_id is not null"))
        echo = pod.message(pod.sent[0].text, from_me=True, sender=own, whatsapp_id=f"OUT{pod.sent[0].id}")
        pod.report(echo)
        assert await pod.answer_to("obrigado")
    assert await scene.value("select human_until from conversations") is None


async def test_a_person_who_types_the_text_that_is_being_sent_takes_over(scene: Scene) -> None:
    """A pod recognises its own messages by their secret and does not report them; those it reports, a person wrote."""
    pod = await scene.pod(settings_of("petshop"))
    pod.results = False
    async with scene.worker():
        await pod.answer_to("Oi")
        pod.receive(pod.sent[0].text, from_me=True, sender=Jid.of_phone("+5511999990000"))
        await until(lambda: scene.query("select from conversations where human_until > now()"))
    assert await scene.value("select count(*) from messages where author = 'phone'") == 1


async def test_group_messages_are_kept_but_not_answered(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        pod.receive("Oi", chat=Jid.parse("123-456@g.us"), sender=Jid.of_phone(OTHER))
        await pod.answer_to("Oi")
    assert len(pod.sent) == 1
    assert await scene.value("select count(*) from messages where author = 'customer'") == 2


async def test_an_assistant_that_is_off_answers_nobody(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop", ai=AiSettings(enabled=False)))
    async with scene.worker():
        pod.receive("Oi")
        await until(lambda: scene.query("select from turns where state = 'skipped' and reason = 'disabled'"))
    assert pod.sent == []


async def test_a_change_of_settings_is_used_by_the_next_turn(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    async with scene.worker():
        await pod.answer_to("Oi")
        changed = settings.model_copy(
            update={
                "generation": 2,
                "owners": (CUSTOMER,),
                "ai": settings.ai.model_copy(update={"aurora": AuroraSettings(max_tokens=77)}),
            }
        )
        await scene.publish(changed)
        await until(lambda: scene.query("select from instances where settings ->> 'generation' = '2'"))
        assert (await pod.answer_to("Oi")).startswith("Oi! Sou a Aurora")
    assert [request["max_tokens"] for request in await scene.model.requests()] == [500, 77]


async def test_reports_of_an_instance_that_is_not_known_yet_wait_in_order(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings, published=False)
    async with scene.worker():
        for number in range(5):
            pod.receive(f"mensagem {number}")
        await until(lambda: waiting_reports() == 5)
        await scene.publish(settings)
        await until(lambda: pod.sent)
        bodies = await scene.query("select body from messages where author = 'customer' order by id")
    assert [row["body"] for row in bodies] == [f"mensagem {number}" for number in range(5)]


async def test_send_results_close_their_outbox_rows_and_changes_of_the_connection_are_kept(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    pod.results = False
    async with scene.worker():
        await pod.answer_to("Oi")
        pod.report(SendResult(request_id=pod.sent[0].id, outcome=SendOutcome.FAILED, error="not on WhatsApp"))
        pod.report(SendResult(request_id=new_id(), outcome=SendOutcome.SENT))
        pod.report(ConnectionChanged(state=ConnectionState.RECONNECTING, reason="ConnectionLost"))
        await until(lambda: scene.query("select from relay_queue where (connection_place).sequence = 4"))
    row = (await scene.query("select * from outbox"))[0]
    assert (row["state"], row["error"]) == ("failed", "not on WhatsApp")


async def test_a_phone_and_its_hidden_address_become_one_conversation(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    hidden = Jid.parse("98765@lid")
    phone = Jid.of_phone(CUSTOMER)
    async with scene.worker():
        pod.receive("Oi", chat=hidden)
        await until(lambda: len(pod.sent) == 1)
        pod.receive("Oi")
        await until(lambda: len(pod.sent) == 2)
        assert await scene.value("select count(*) from conversations where merged_into is null") == 2
        pod.receive("obrigado", chat=hidden, chat_alias=phone)
        await until(lambda: len(pod.sent) == 3)
    live = await scene.query("select id from conversations where merged_into is null")
    assert len(live) == 1
    counts = await scene.query("select conversation_id, count(*) from messages group by 1")
    assert [tuple(row) for row in counts] == [(live[0]["id"], 6)]
    assert pod.sent[2].chat == hidden


async def test_a_merge_answers_what_was_pending_in_both_exactly_once(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop", ai=AiSettings(debounce_seconds=5)))
    hidden = Jid.parse("98765@lid")
    async with scene.worker():
        pod.receive("primeira")
        pod.receive("segunda", chat=hidden)
        pod.receive("terceira", chat=hidden, chat_alias=Jid.of_phone(CUSTOMER))
        await until(lambda: pod.sent)
        await until(lambda: scene.query("select from outbox where state = 'sent'"))
    assert len(pod.sent) == 1
    assert await scene.value("select count(*) from messages where state = 'answered'") == 3


async def test_a_model_that_answers_nonsense_ends_in_a_dead_letter_and_one_apology(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.fault(kind="invalid_json", times=None)
    async with scene.worker():
        assert await pod.answer_to("Oi") == APOLOGY
        await until(lambda: pod.answers_to(OWNER))
        turn = (await scene.query("select * from turns"))[0]
        assert (turn["state"], turn["attempts"]) == ("dead", 3)
        assert "something other than a completion" in turn["reason"]
        assert "Motivo: o serviço de inteligência artificial deu uma resposta inválida." in pod.answers_to(OWNER)[0]
        assert CUSTOMER in pod.answers_to(OWNER)[0]
        assert len(await scene.model.requests()) == 3

        await scene.model.clear()
        key = f"turn:petshop:{turn['id']}"
        listed = await asyncio.to_thread(scene.admin, "dlq", "ls")
        assert f'"{key}"' in listed.stdout
        assert CUSTOMER not in listed.stdout
        shown = await asyncio.to_thread(scene.admin, "dlq", "show", key)
        assert '"Oi"' in shown.stdout
        replayed = await asyncio.to_thread(scene.admin, "dlq", "replay", key)
        assert replayed.returncode == 0, replayed.stderr
        await until(lambda: len(pod.answers_to(CUSTOMER)) == 2)
        assert pod.answers_to(CUSTOMER)[1].startswith("Olá!")
        again = await asyncio.to_thread(scene.admin, "dlq", "replay", key)
    assert again.returncode == 2
    assert "there is no dead letter" in again.stderr


async def test_a_replay_that_fails_again_sends_no_second_apology(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.fault(kind="invalid_json", times=None)
    async with scene.worker():
        await pod.answer_to("Oi")
        turn = (await until(lambda: scene.query("select * from turns where state = 'dead'")))[0]
        await until(lambda: pod.answers_to(OWNER))
        await scene.query("select replay_turn($1, $2, 'test', false)", turn["organization_id"], turn["id"])
        await until(lambda: len(pod.answers_to(OWNER)) == 2)
        await scene.model.clear()
        await pod.answer_to("Oi", OTHER)
    assert pod.answers_to(CUSTOMER) == [APOLOGY]
    assert len(pod.answers_to(OWNER)) == 2  # once for each death


@pytest.mark.parametrize(("kind", "attempts"), [("invalid_json", 2), ("empty", 2), ("close", 0), ("status", 0)])
async def test_the_next_attempt_overcomes_a_fault_of_the_model(scene: Scene, kind: str, attempts: int) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.fault(kind=kind, times=2)
    async with scene.worker():
        assert (await pod.answer_to("Oi")).startswith("Olá!")
    assert await scene.value("select attempts from turns") == attempts


async def test_a_model_that_hangs_is_waited_for(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.fault(kind="hang")
    async with scene.worker(model_timeout_seconds=2):
        assert (await pod.answer_to("Oi")).startswith("Olá!")
    assert await scene.value("select waits > 0 and attempts = 0 from turns") is True


async def test_a_dead_turn_of_the_owner_notifies_only_the_owner(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.fault(kind="invalid_json", times=None)
    async with scene.worker():
        assert "Não consegui responder sua mensagem" in await pod.answer_to("Oi", OWNER)
        await until(lambda: scene.query("select from outbox where state = 'sent'"))
    assert len(pod.sent) == 1


async def test_stored_steps_are_replayed_and_a_booking_is_made_once(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    async with scene.worker():
        await scene.known(settings)
        await scene.apply_catalog("petshop")
        day = open_day(1)
        await scene.model.fault(kind="delay", seconds=0)
        await scene.model.fault(kind="status", status=500)
        text = f"quero banho para o Rex dia {day.isoformat()} às 10:00"
        assert (await pod.answer_to(text)).startswith("Prontinho!")
    assert await scene.value("select count(*) from bookings") == 1
    assert await scene.value("select waits from turns") == 1
    rules = [request["rule"] for request in await scene.model.requests()]
    assert rules == ["fault delay", "fault status", "booked"]


def waiting_reports() -> float:
    return REGISTRY.get_sample_value("oxy_ai_reports_waiting") or 0
