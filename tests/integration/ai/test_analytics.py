"""What Aurora's figures count, against a real database."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from integration.ai.endpoint import calling, running_endpoint, saying, sending
from integration.ai.open_days import calm_zones
from integration.ai.scene import CUSTOMER, OWNER, FakePod, Scene, org, settings_of, until

from oxy_ai.assistants.vertical import ToolContext
from oxy_ai.aurora.figures.analytics import ANALYTICS, NOT_KEPT, NOTHING_TO_SEE, SENT, AnalyticsQuestion
from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.records import Contact, Turn
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_core.outbound import FileContent, FileKind

BUSINESS = Jid.of_phone("+5511999990000")
ZONE = ZoneInfo("America/Sao_Paulo")
SETTINGS = settings_of("petshop", timezone=calm_zones()[0])
"""In a zone where neither a day nor a week ends during a test."""


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


async def started(scene: Scene, settings: InstanceSettings = SETTINGS) -> FakePod:
    pod = await scene.pod(settings)
    await scene.known(settings)
    return pod


def now(found: dict[str, Any], name: str) -> Any:  # noqa: ANN401 a number, or words
    """A figure of the period itself."""
    return found[name]["agora"]


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
    assert (now(found, "mensagens_recebidas"), now(found, "conversas"), now(found, "novos_clientes")) == (2, 1, 1)
    assert now(found, "mensagens_enviadas") == 4
    assert now(found, "tempo_medio_de_resposta").endswith(" s")


async def test_texts_that_whatsapp_did_not_accept_are_not_counted_as_sent(scene: Scene) -> None:
    async with scene.worker():
        pod = await started(scene)
        pod.results = False
        await pod.answer_to("Oi")
        await scene.query("update outbox set state = 'failed', closed_at = now()")
        found = await figures(scene)
    assert (now(found, "mensagens_recebidas"), now(found, "mensagens_enviadas")) == (1, 0)
    assert now(found, "tempo_medio_de_resposta") is None


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
    assert (now(found, "mensagens_recebidas"), now(found, "conversas"), now(found, "novos_clientes")) == (3, 1, 1)


async def test_a_customer_is_new_only_in_the_period_of_the_first_message(scene: Scene) -> None:
    async with scene.worker():
        pod = await started(scene)
        await pod.answer_to("Oi")
        await scene.query("update messages set arrived_at = now() - interval '40 days'")
        await pod.answer_to("Oi")
        found = await figures(scene, {"periodo": "ultimos_30_dias"})
        assert (now(found, "mensagens_recebidas"), now(found, "conversas"), now(found, "novos_clientes")) == (1, 1, 0)
        # Nor is whoever first wrote so long ago that it is deleted.
        await scene.query("delete from messages where arrived_at < now() - interval '30 days'")
        await scene.query("update conversations set created_at = created_at - interval '731 days'")
        found = await figures(scene, {"periodo": "ultimos_30_dias"})
    assert (now(found, "mensagens_recebidas"), now(found, "conversas"), now(found, "novos_clientes")) == (1, 1, 0)


async def test_an_organization_without_data_has_zeros(scene: Scene) -> None:
    async with scene.worker():
        await started(scene)
        found = await figures(scene)
        longest = {"periodo": "personalizado", "inicio": "2000-01-01", "fim": "2199-12-31", "grafico": "resumo"}
        assert now(await figures(scene, longest), "receita") == "R$ 0,00"
    assert now(found, "receita") == now(found, "valor_agendado") == "R$ 0,00"
    assert found["por_servico"] == []
    assert now(found, "tempo_medio_de_resposta") is None
    assert now(found, "mensagens_recebidas") == now(found, "agendamentos") == now(found, "atendimentos") == 0


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
    moment, tenants = timedelta(microseconds=1), settings_of("petshop", timezone=ZONE.key)
    async with scene.worker():
        pod = await started(scene, tenants)
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
    found = await figures(scene, question, settings=tenants)
    assert found["periodo"] == f"período pedido: {day:%d/%m/%Y}"
    assert (now(found, "agendamentos"), now(found, "valor_agendado")) == (2, "R$ 130,00")
    assert (now(found, "atendimentos"), now(found, "receita")) == (2, "R$ 130,00")
    [bath] = found["por_servico"]
    assert (bath["servico"], now(bath, "atendimentos"), now(bath, "receita")) == ("Banho", 2, "R$ 130,00")
    assert (now(found, "mensagens_recebidas"), now(found, "novos_clientes")) == (2, 0)


async def test_another_organizations_figures_stay_its_own(scene: Scene) -> None:
    other = settings_of("clinic")
    async with scene.worker():
        pod = await started(scene)
        neighbour = await scene.pod(other)
        await pod.answer_to("Oi")
        await neighbour.answer_to("Oi")
        await neighbour.answer_to("Oi", "+5511900000007")
        found = await figures(scene)
    assert (now(found, "mensagens_recebidas"), now(found, "conversas"), now(found, "novos_clientes")) == (1, 1, 1)


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


def pictures(pod: FakePod) -> list[FileContent]:
    """What was sent to the owner beside texts, in its order."""
    return [request.content for request in pod.sent if isinstance(request.content, FileContent)]


async def stored(scene: Scene, picture: FileContent) -> bytes:
    rows = await scene.query("select bytes from media_chunks where media_id = $1 order by number", picture.media_id)
    return b"".join(row["bytes"] for row in rows)


CHART = ("buscar_analytics", '{"periodo": "semana_atual", "inicio": null, "fim": null, "grafico": "%s"}')


def chart(name: str) -> tuple[str, str]:
    return CHART[0], CHART[1] % name


async def test_charts_are_sent_once_as_pictures_before_the_answer(scene: Scene) -> None:
    charts = ("receita", "mensagens", "servicos", "resumo", "atendimentos")
    async with (
        running_endpoint(
            calling(*map(chart, charts)), sending({"error": {"message": "no"}}, 400), saying("A semana foi boa.")
        ) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        pod = await started(scene)
        await scene.apply_catalog("petshop")
        pod.receive("Oi", "+5511912340099", from_me=True, sender=BUSINESS)
        await until(lambda: scene.query("select from contacts"))
        await booked(scene, datetime.now(UTC) - timedelta(minutes=1), datetime.now(UTC))
        assert await pod.answer_to("como foi a semana? manda os gráficos", OWNER) == "A semana foi boa."
        found = [result["grafico"] for result in endpoint.tool_results()]
        sent, kinds = pictures(pod), [request.content is None for request in pod.sent]
    assert found == [SENT] * 5
    assert kinds == [False] * 5 + [True]
    for picture in sent:
        content = await stored(scene, picture)
        assert (picture.kind, picture.mime, picture.size) == (FileKind.IMAGE, "image/png", len(content))
        assert hashlib.sha256(content).hexdigest() == picture.sha256
    captions = [str(picture.caption) for picture in sent]
    assert "Receita: R$ 65,00 (antes R$ 0,00; antes era zero)" in captions[0]
    assert [caption.partition(",")[0] for caption in captions] == [
        "Receita",
        "Mensagens",
        "Receita por serviço",
        "Resumo",
        "Atendimentos",
    ]
    history = await scene.query("select kind, body from messages where author = 'assistant' order by id")
    assert [tuple(row) for row in history] == [("image", caption) for caption in captions] + [
        ("text", "A semana foi boa.")
    ]


async def test_a_chart_of_nothing_is_not_sent(scene: Scene) -> None:
    async with (
        running_endpoint(calling(chart("receita")), saying("Ainda não há receita.")) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        pod = await started(scene)
        await pod.answer_to("gráfico da receita", OWNER)
        assert [result["grafico"] for result in endpoint.tool_results()] == [NOTHING_TO_SEE]
        assert pictures(pod) == []


async def test_a_chart_that_cannot_be_kept_costs_the_owner_no_figures(scene: Scene) -> None:
    async with (
        running_endpoint(calling(chart("resumo")), saying("Sem imagem hoje.")) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, media_file_bytes=100),
    ):
        pod = await started(scene)
        assert await pod.answer_to("resumo com gráfico", OWNER) == "Sem imagem hoje."
        [result] = endpoint.tool_results()
    assert (result["grafico"], result["receita"]["agora"]) == (NOT_KEPT, "R$ 0,00")
    assert (result["custo_da_ia"]["agora"], "custo_da_ia_sem_preco" in result) == ("US$ 0,00", False)


async def test_an_answer_that_gives_way_to_a_later_one_takes_its_charts_along(scene: Scene) -> None:
    async def late(request: web.Request) -> web.StreamResponse:
        pod.receive("e ontem?", OWNER)
        await until(lambda: scene.query("select from messages where body = 'e ontem?'"))
        return await saying("Hoje foi assim.")(request)

    async with (
        running_endpoint(calling(chart("resumo")), late, calling(chart("resumo")), saying("Agora sim.")) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        pod = await started(scene)
        assert await pod.answer_to("como foi hoje?", OWNER) == "Agora sim."
        assert len(pictures(pod)) == 1
    assert await scene.value("select count(*) from outbox where part = 7") == 1
    assert await scene.value("select count(*) from media where direction = 'out'") == 2
