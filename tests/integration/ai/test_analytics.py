"""What Aurora's figures count, against a real database."""

import json
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from integration.ai.endpoint import calling, running_endpoint, saying
from integration.ai.scene import CUSTOMER, OWNER, FakePod, Scene, org, settings_of, until

from oxy_ai.assistants.vertical import ToolContext
from oxy_ai.aurora.figures.analytics import ANALYTICS, AnalyticsQuestion
from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.records import Contact, Turn
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind

BUSINESS = Jid.of_phone("+5511999990000")
ZONE = ZoneInfo("America/Sao_Paulo")
SETTINGS = settings_of("petshop")


async def figures(
    scene: Scene,
    question: dict[str, str] | None = None,
    now: datetime | None = None,
    settings: InstanceSettings = SETTINGS,
) -> dict[str, Any]:
    """The tool's result at a moment, as the role of the workers sees it."""
    now = now or datetime.now(ZoneInfo(settings.timezone))
    zone = now.tzinfo
    assert isinstance(zone, ZoneInfo)
    turn = Turn.model_construct(turn=0, settings=settings, contact=Contact(id=0))
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, org(settings)) as connection,
    ):
        context = ToolContext(connection, org(settings), turn, zone, now)
        result = await ANALYTICS.run(context, AnalyticsQuestion.model_validate(question or {}))
    found: dict[str, Any] = json.loads(result.model_dump_json())
    return found


async def started(scene: Scene) -> FakePod:
    pod = await scene.pod(SETTINGS)
    await scene.known(SETTINGS)
    return pod


async def test_only_customers_messages_and_conversations_are_counted(scene: Scene) -> None:
    async with scene.worker():
        pod = await started(scene)
        await pod.answer_to("Oi")
        await scene.model.fault(kind="delay", seconds=0.5)
        await pod.answer_to("obrigado")
        await pod.answer_to("Oi", OWNER)
        await pod.answer_to("Oi", OWNER.replace("+55119", "+5511"))
        pod.receive("Oi", str(SETTINGS.phone_number), from_me=True, self_chat=True)
        await until(lambda: len(pod.answers_to(str(SETTINGS.phone_number))) == 1)
        pod.receive("Oi", chat=Jid.parse("123-456@g.us"), sender=Jid.of_phone(CUSTOMER))
        pod.receive(None, kind=MessageKind.UNDECRYPTABLE)
        pod.receive("Já vou aí", from_me=True, sender=BUSINESS)
        pod.receive("Oi, mãe", "+5511955554444", from_me=True, sender=BUSINESS)
        await until(lambda: scene.query("select from messages having count(*) filter (where author = 'phone') = 2"))
        await until(lambda: scene.query("select from outbox having bool_and(state = 'sent')"))
        found = await figures(scene)
    assert (found["mensagens_recebidas"], found["conversas"], found["novos_clientes"]) == (2, 1, 1)
    assert found["mensagens_enviadas"] == 4
    assert 0.2 <= found["tempo_medio_resposta_segundos"] < 20


async def test_texts_that_whatsapp_did_not_accept_are_not_counted_as_sent(scene: Scene) -> None:
    async with scene.worker():
        pod = await started(scene)
        pod.results = False
        await pod.answer_to("Oi")
        await scene.query("update outbox set state = 'failed', closed_at = now()")
        found = await figures(scene)
    assert (found["mensagens_recebidas"], found["mensagens_enviadas"]) == (1, 0)
    assert found["tempo_medio_resposta_segundos"] is None


async def test_a_customer_known_by_two_addresses_is_one_new_customer(scene: Scene) -> None:
    hidden = Jid.parse("98765@lid")
    async with scene.worker():
        pod = await started(scene)
        await pod.answer_to("Oi")
        pod.receive("Oi", chat=hidden)
        await until(lambda: len(pod.sent) == 2)
        pod.receive("obrigado", chat=hidden, chat_alias=Jid.of_phone(CUSTOMER))
        await until(lambda: len(pod.sent) == 3)
        found = await figures(scene)
    assert (found["mensagens_recebidas"], found["conversas"], found["novos_clientes"]) == (3, 1, 1)


async def test_a_customer_is_new_only_in_the_period_of_the_first_message(scene: Scene) -> None:
    async with scene.worker():
        pod = await started(scene)
        await pod.answer_to("Oi")
        await scene.query("update messages set arrived_at = now() - interval '40 days'")
        await pod.answer_to("Oi")
        found = await figures(scene, {"periodo": "ultimos_30_dias"})
    assert (found["mensagens_recebidas"], found["conversas"], found["novos_clientes"]) == (1, 1, 0)


async def test_an_organization_without_data_has_zeros(scene: Scene) -> None:
    async with scene.worker():
        await started(scene)
        found = await figures(scene)
    assert found["receita"] == found["valor_agendado"] == "R$ 0,00"
    assert found["por_servico"] == []
    assert found["tempo_medio_resposta_segundos"] is None
    assert found["mensagens_recebidas"] == found["agendamentos"] == found["atendimentos"] == 0


async def booked(scene: Scene, starts_at: datetime, created_at: datetime, status: str = "confirmed") -> None:
    await scene.query(
        """
        insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, status,
            created_at)
        select $1, (select min(id) from contacts), s.id, 'Rex', 6500, at, at + interval '1 microsecond', $4, $3
        from services s, cast($2 as timestamptz) at where s.key = 'banho'
        """,
        org(SETTINGS),
        starts_at,
        created_at,
        status,
    )


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2018, 11, 4), 23), (date(2018, 2, 17), 25), (date(2025, 5, 14), 24)],
    ids=["daylight saving starts at midnight", "daylight saving ends at midnight", "an ordinary day"],
)
async def test_a_day_is_the_tenants_whole_day(scene: Scene, day: date, hours: int) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(ZoneInfo("UTC"))
    end = start + timedelta(hours=hours)
    moment = timedelta(microseconds=1)
    async with scene.worker():
        pod = await started(scene)
        await pod.answer_to("Oi")
        await scene.apply_catalog("petshop")
    for at in (start - moment, start, end - moment, end):
        await booked(scene, at - timedelta(days=30), at)
        await booked(scene, at, at - timedelta(days=30))
        await booked(scene, at + timedelta(seconds=1), at, status="cancelled")
        await scene.query(
            "insert into messages (organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, author, "
            "place, state, kind, body, sent_at, arrived_at) "
            "select organization_id, instance_id, id, chat, chat, $1, 'customer', place, 'person', 'text', 'Oi', "
            "$2, $2 from conversations",
            str(at),
            at,
        )
    question = {"periodo": "personalizado", "inicio": day.isoformat(), "fim": f"{day:%d/%m/%Y}"}
    found = await figures(scene, question)
    assert found["periodo"] == f"{day:%d/%m/%Y}"
    assert (found["agendamentos"], found["valor_agendado"]) == (2, "R$ 130,00")
    assert (found["atendimentos"], found["receita"]) == (2, "R$ 130,00")
    assert found["por_servico"] == [{"servico": "Banho", "atendimentos": 2, "receita": "R$ 130,00"}]
    assert (found["mensagens_recebidas"], found["novos_clientes"]) == (2, 0)


async def test_another_organizations_figures_stay_its_own(scene: Scene) -> None:
    other = settings_of("clinic")
    async with scene.worker():
        pod = await started(scene)
        neighbour = await scene.pod(other)
        await pod.answer_to("Oi")
        await neighbour.answer_to("Oi")
        await neighbour.answer_to("Oi", "+5511900000007")
        found = await figures(scene)
    assert (found["mensagens_recebidas"], found["conversas"], found["novos_clientes"]) == (1, 1, 1)


async def test_a_period_that_no_calendar_has_is_explained_to_the_model_and_ends_no_turn(scene: Scene) -> None:
    wrong = [
        ("buscar_analytics", '{"periodo": "personalizado", "inicio": "0001-01-01", "fim": "9999-12-31"}'),
        ("buscar_analytics", '{"periodo": "personalizado", "inicio": "2026-02-01", "fim": "2026-01-01"}'),
        ("buscar_analytics", '{"periodo": "semana"}'),
    ]
    async with (
        running_endpoint(calling(*wrong), saying("De que período?")) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        pod = await started(scene)
        assert await pod.answer_to("como foi?", OWNER) == "De que período?"
        results = [result["chamada_invalida"] for result in endpoint.tool_results()]
    assert results[0] == [
        f"o argumento {name} não é um dia que existe, na forma AAAA-MM-DD. {which} dia (AAAA-MM-DD), só com periodo "
        "personalizado."
        for name, which in (("inicio", "Primeiro"), ("fim", "Último"))
    ]
    assert results[1] == ["periodo personalizado precisa de inicio e fim, nesta ordem"]
    assert results[2][0].startswith("o argumento periodo deve ser um destes: 'hoje', 'ontem',")
