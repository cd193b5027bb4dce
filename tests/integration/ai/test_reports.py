"""What Aurora writes to owners on her own, through the whole worker: figures from SQL, a model's words, the chart."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integration.ai.endpoint import hanging, refusing, running_endpoint, saying
from integration.ai.open_days import calm_zones
from integration.ai.scene import OWNER, FakePod, Scene, org, settings_of, until

from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.ids import instance_id
from oxy_ai.jobs.queued import queue_job
from oxy_ai.jobs.records import NewJob
from oxy_ai.schedules.plan import ScheduleName
from oxy_ai.schedules.scheduled import ScheduledReport
from oxy_core.envelopes import ConnectionChanged, ConnectionState, InstanceSettings
from oxy_core.identity import Jid
from oxy_core.outbound import FileContent

ZONE = ZoneInfo("America/Sao_Paulo")
MONDAY = datetime(2031, 3, 3, 20, tzinfo=ZONE)
SECOND, THIRD = "+5511987652222", "+5511987653333"
CATALOG = """
version: 1
business: {state: SP}
hours: {monday: ["09:00-18:00"], tuesday: ["09:00-18:00"], wednesday: ["09:00-18:00"], friday: ["09:00-18:00"]}
resources: [{key: tub, name: Banheira, kind: equipment}]
services:
  - {key: bath, name: Banho, price: "65.00", duration_minutes: 60, resources: [tub]}
  - {key: trim, name: Tosa, price: "45.00", duration_minutes: 60, resources: [tub]}
"""


PACE = {
    "release_jitter": 0.0,
    "release_pause_seconds": 0.05,
    "release_look_seconds": 0.3,
    "release_held_seconds": 0.3,
}
LIMITS = {"contact_turns_per_hour": 0, "quiet_hours": "", "outbound_per_minute": 60_000}
"""Nothing is held back, whatever the time."""


def settings(**changes: Any) -> InstanceSettings:  # noqa: ANN401 fields of the settings
    ai = {"debounce_seconds": 0} | changes.pop("ai", {})
    return settings_of("petshop", ai=ai, limits=LIMITS, **changes)


def clock(at: datetime) -> Callable[[], datetime]:
    """A worker's clock, a moment after a report is due."""
    return lambda: at + timedelta(seconds=30)


async def fires(scene: Scene, name: ScheduleName, at: datetime, key: str | None = None, instance: str = "main") -> None:
    """Have a report be written, as its schedule does when it is due."""
    job = NewJob(kind=name.value, key=key or f"{at:%Y-%m-%d}", payload=ScheduledReport(due_at=at))
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, org(settings())) as connection,
    ):
        await queue_job(connection, org(settings()), instance_id("petshop", instance), job)


async def ended(scene: Scene, name: ScheduleName, at: datetime) -> tuple[str, str | None]:
    """How a report's job has ended, and why."""
    where = "from jobs where kind = $1 and key = $2 and state <> 'waiting'"
    await until(lambda: scene.query(f"select {where}", name.value, f"{at:%Y-%m-%d}"))
    [row] = await scene.query(f"select state, reason {where}", name.value, f"{at:%Y-%m-%d}")
    return row["state"], row["reason"]


async def customer(scene: Scene, name: str, number: int) -> int:
    """A customer who wrote long ago."""
    phone = f"+551193000{number:04}"
    rows = await scene.query(
        """
        with c as (
            insert into contacts (organization_id, instance_id, name, phone) values ($1, $2, $3, $4) returning id
        )
        insert into conversations (organization_id, instance_id, contact_id, chat) select $1, $2, c.id, $5 from c
        returning contact_id
        """,
        org(settings()),
        instance_id("petshop", "main"),
        name,
        phone,
        str(Jid.of_phone(phone)),
    )
    return int(rows[0]["contact_id"])


async def booked(  # noqa: PLR0913 the columns of a booking
    scene: Scene,
    who: int,
    at: datetime,
    *,
    service: str = "bath",
    status: str = "confirmed",
    made: timedelta = timedelta(days=2),
) -> None:
    await scene.query(
        """
        with made as (
            insert into bookings (
                organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, status, created_at
            )
            select $1, $2, s.id, 'Rex', s.price_cents, $3::timestamptz, $3::timestamptz + interval '1 hour', $5, $6
            from services s where s.key = $4
            returning *
        )
        insert into booking_resources (organization_id, booking_id, resource_id, starts_at, busy_until)
        select m.organization_id, m.id, r.id, m.starts_at, m.ends_at from made m, resources r where $5 <> 'cancelled'
        """,
        org(settings()),
        who,
        at,
        service,
        status,
        at - made,
    )


def pictures(pod: FakePod, phone: str = OWNER) -> list[FileContent]:
    to = Jid.of_phone(phone)
    return [r.content for r in pod.sent if r.chat == to and isinstance(r.content, FileContent)]


async def test_owners_get_the_day_in_a_models_words(scene: Scene) -> None:
    words = "Dia bom: 2 atendimentos e R$ 110,00 de receita, contra 1 na segunda-feira passada. Houve 1 falta."
    both = settings(owners=(OWNER, SECOND), ai={"timeout_seconds": 0.5})
    async with (
        running_endpoint(
            saying(words), refusing(400), saying("Foram 99 atendimentos!"), refusing(500), hanging
        ) as endpoint,
        scene.worker(clock(MONDAY), openai_base_url=endpoint.base_url, **PACE),
    ):
        pod = await scene.pod(both)
        await scene.known(both)
        await fires(scene, ScheduleName.DAILY_SUMMARY, MONDAY - timedelta(days=1))
        assert await ended(scene, ScheduleName.DAILY_SUMMARY, MONDAY - timedelta(days=1)) == ("cancelled", "too late")

        # A business that is new has nothing to tell.
        await fires(scene, ScheduleName.DAILY_SUMMARY, MONDAY)
        assert await ended(scene, ScheduleName.DAILY_SUMMARY, MONDAY) == ("cancelled", "nothing to tell")
        await scene.query("delete from jobs")

        await scene.apply_catalog("petshop", CATALOG)
        ana = await customer(scene, "Ana", 1)
        await booked(scene, ana, MONDAY.replace(hour=10))
        await booked(scene, ana, MONDAY.replace(hour=12), service="trim")
        await booked(scene, ana, MONDAY.replace(hour=14), status="no_show")
        await booked(scene, ana, MONDAY - timedelta(days=7, hours=4))
        await booked(scene, ana, MONDAY.replace(hour=9) + timedelta(days=1), made=timedelta(hours=20))
        await fires(scene, ScheduleName.DAILY_SUMMARY, MONDAY)
        assert await ended(scene, ScheduleName.DAILY_SUMMARY, MONDAY) == ("done", None)
        await until(lambda: pod.texts_to(OWNER) and pod.texts_to(SECOND))
        [text], [other] = pod.texts_to(OWNER), pod.texts_to(SECOND)
        title = "🌙 Resumo de hoje, segunda-feira, 03/03/2031"
        assert text == other
        coming = "Próximo dia aberto, terça-feira, 04/03/2031: 1 agendamento, R$ 65,00, o primeiro às 09:00"
        assert text.startswith(
            f"{title}\n\n{words}\n\n• {coming}\n\n🤖 Quem escreve é a Aurora, assistente virtual de Pet"
        )
        given = endpoint.requests[0]["messages"][1]["content"]
        assert given == (
            f"Loja: Pet Shop Aurora\n{title}\n"
            "Atendimentos: 2 (segunda-feira passada: 1)\n"
            "Receita: R$ 110,00 (segunda-feira passada: R$ 65,00)\n"
            "Faltas: 1\n"
            "Agendamentos feitos: 1, no valor de R$ 65,00"
        )
        [call] = await scene.query("select kind, assistant, outcome, turn_id from ai_interactions")
        assert tuple(call) == ("chat", "aurora", "answered", None)

        # Both are owners of another number, too, from which they hear the same; one of its owners is not.
        other = settings(instance="other", owners=(OWNER, SECOND, THIRD))
        branch = await scene.pod(other)
        await until(lambda: scene.query("select from instances where name = 'other'"))
        await fires(scene, ScheduleName.DAILY_SUMMARY, MONDAY, instance="other")
        await until(lambda: branch.texts_to(THIRD))
        assert branch.texts_to(OWNER) == branch.texts_to(SECOND) == []

        # What would wait at a number that is away, he hears from one that is there, and once.
        await scene.query(
            "insert into connection_states (organization_id, instance_id, state, since) values ($1, $2, $3, now())",
            *(org(both), instance_id("petshop", "main"), ConnectionState.RECONNECTING.value),
        )
        await fires(scene, ScheduleName.DAILY_SUMMARY, MONDAY, "away")
        await until(lambda: scene.query("select from jobs where key = 'away' and reason = 'nobody to tell'"))
        await scene.query("delete from connection_states")

        # What the model makes up, and an endpoint that is out, cost the owner no figure.
        for key in ("invented", "out", "hanging"):
            before = len(pod.texts_to(OWNER))
            await fires(scene, ScheduleName.DAILY_SUMMARY, MONDAY, key)
            await until(lambda before=before: len(pod.texts_to(OWNER)) > before)
        plain = f"{title}\n\n• " + given.partition(f"{title}\n")[2].replace("\n", "\n• ") + f"\n• {coming}"
        assert pod.texts_to(OWNER)[1:] == [plain, plain, plain]


async def test_a_spent_budget_costs_the_owner_no_report(scene: Scene) -> None:
    poor = settings(ai={"monthly_budget_microdollars": 1, "mode": "Draft", "paused": True})
    async with (
        running_endpoint(hanging) as endpoint,
        scene.worker(clock(MONDAY), openai_base_url=endpoint.base_url, **PACE),
    ):
        pod = await scene.pod(poor)
        await scene.known(poor)
        await scene.apply_catalog("petshop", CATALOG)
        await booked(scene, await customer(scene, "Ana", 1), MONDAY.replace(hour=10))
        await fires(scene, ScheduleName.DAILY_SUMMARY, MONDAY)
        await until(lambda: any("• Atendimentos: 1" in text for text in pod.texts_to(OWNER)))
        assert endpoint.requests == []


async def test_the_week_comes_with_a_chart_before_it(scene: Scene) -> None:
    nobody = settings(owners=())
    at = MONDAY.replace(hour=8)
    async with (
        running_endpoint(refusing(500)) as endpoint,
        scene.worker(clock(at), openai_base_url=endpoint.base_url, **PACE),
    ):
        pod = await scene.pod(nobody)
        await scene.known(nobody)
        await scene.apply_catalog("petshop", CATALOG)
        ana = await customer(scene, "Ana", 1)
        for day, hour in ((1, 10), (3, 11), (3, 12), (7, 9), (8, 9), (10, 16)):
            await booked(scene, ana, datetime(2031, 3, 3, hour, tzinfo=ZONE) - timedelta(days=day))
        await fires(scene, ScheduleName.WEEKLY_REPORT, at)
        own = str(nobody.phone_number)
        await until(lambda: pod.texts_to(own))
        [picture], [text] = pictures(pod, own), pod.texts_to(own)
        assert [request.content is None for request in pod.sent] == [False, True]
        assert picture.caption == ("Receita, 24/02/2031 a 02/03/2031\nReceita: R$ 260,00 (antes R$ 130,00; +100%)")
        assert text.startswith("📊 Relatório da semana, 24/02/2031 a 02/03/2031\n\n• Receita: R$ 260,00 (")
        assert "• Atendimentos: 4 (semana anterior: 2; +100%)\n" in text
        assert "• Serviços que mais renderam: Banho, 4 atendimentos, R$ 260,00" in text
        rows = await scene.query("select bytes from media_chunks where media_id = $1 order by number", picture.media_id)
        assert b"".join(row["bytes"] for row in rows)[:8] == b"\x89PNG\r\n\x1a\n"
        shown = await scene.query("select kind from messages where author = 'assistant' order by id")
        assert [row["kind"] for row in shown] == ["image", "text"]


async def test_an_empty_agenda_and_chances_are_told_with_a_proposal_and_not_again(scene: Scene) -> None:
    at = MONDAY.replace(hour=11)  # for Tuesday, which usually has two bookings by then
    wednesday = at.replace(hour=10) + timedelta(days=2)
    async with (
        running_endpoint(refusing(500)) as endpoint,
        scene.worker(clock(at), openai_base_url=endpoint.base_url, **PACE),
    ):
        pod = await scene.pod(settings())
        await scene.known(settings())
        await scene.apply_catalog("petshop", CATALOG)
        bruna, caio = await customer(scene, "Bruna", 1), await customer(scene, "Caio", 2)
        for week in range(1, 7):
            tuesday = datetime(2031, 3, 4, tzinfo=ZONE) - timedelta(weeks=week)
            await booked(scene, caio, tuesday.replace(hour=9), made=timedelta(days=3))
            await booked(scene, caio, tuesday.replace(hour=10), made=timedelta(days=3))
            await booked(scene, caio, tuesday.replace(hour=15), made=timedelta(hours=2))
        for days in (60, 75, 90):  # she came every two weeks, and stays away since
            await booked(scene, bruna, MONDAY.replace(hour=9) - timedelta(days=days))
        await booked(scene, caio, MONDAY.replace(hour=9) + timedelta(days=30), made=timedelta(days=29))

        await fires(scene, ScheduleName.EMPTY_AGENDA, at - timedelta(hours=23))  # of Sunday: caught up about tomorrow
        await until(lambda: pod.texts_to(OWNER))
        [text] = pod.texts_to(OWNER)
        assert text.partition("\n\n🤖")[0] == (
            "📅 Agenda vazia: terça-feira, 04/03/2031\n\n"
            "• Marcado até agora: nenhum agendamento; a esta hora o normal são 2\n"
            "• Bons clientes que não vêm há um tempo: 1\n\n"
            "Quer que eu prepare uma mensagem para esses clientes? É só responder “prepara a mensagem”: mostro o texto "
            "e quantos recebem, e nada sai sem o seu sim."
        )
        await fires(scene, ScheduleName.EMPTY_AGENDA, at, "again")
        await until(lambda: scene.query("select from jobs where key = 'again' and state = 'cancelled'"))

        await fires(scene, ScheduleName.OPPORTUNITIES, wednesday)
        await until(lambda: len(pod.texts_to(OWNER)) == 2)
        told = pod.texts_to(OWNER)[1].splitlines()
        assert told[:3] == [
            "💡 Oportunidades da semana",
            "",
            "• Bons clientes que não vêm há mais tempo que o normal deles: 1",
        ]
        assert "• Bruna: 3 visitas, R$ 195,00 no total, a última há 60 dias (quinta-feira, 02/01/2031)" in told
        assert "• Horário que lota: terça-feira às 9h, cheio em 6 de 8 semanas" in told
        assert await scene.value("select count(*) from report_causes where name = 'opportunities'") == 4
        await fires(scene, ScheduleName.OPPORTUNITIES, wednesday, "again")
        await until(lambda: scene.query("select from jobs where kind = 'opportunities' and state = 'cancelled'"))
        assert len(pod.texts_to(OWNER)) == 2


async def test_warnings_come_once_for_each_cause(scene: Scene) -> None:
    at = datetime(2031, 3, 11, 9, tzinfo=ZONE)
    poor = settings(ai={"monthly_budget_microdollars": 20_000_000})
    async with (
        running_endpoint(refusing(500)) as endpoint,
        scene.worker(clock(at), openai_base_url=endpoint.base_url, schedules_check_seconds=0.05, **PACE),
    ):
        pod = await scene.pod(poor)
        await scene.known(poor)
        await scene.query(
            "insert into ai_months (organization_id, instance_id, month, spent_microdollars) values ($1, $2, $3, $4)",
            org(poor),
            instance_id("petshop", "main"),
            date(2031, 3, 1),
            10_000_000,
        )
        await fires(scene, ScheduleName.BUDGET_WARNING, at)
        await until(lambda: pod.texts_to(OWNER))
        assert pod.texts_to(OWNER)[0].startswith(
            "⚠️ Orçamento da IA deste mês\n\n• Usado até agora: US$ 10,00 de US$ 20,00\n"
            "• Nesse ritmo acaba por volta de sexta-feira, 21/03/2031\n\nQuando acaba,"
        )
        await fires(scene, ScheduleName.BUDGET_WARNING, at, "again")
        await until(lambda: scene.query("select from jobs where key = 'again' and state = 'cancelled'"))


async def test_a_long_outage_is_told_once_when_the_connection_is_back(scene: Scene) -> None:
    calm = settings(timezone=calm_zones()[0])  # where no report falls due meanwhile
    now = datetime.now(ZoneInfo(calm.timezone))

    def reports(pod: FakePod, state: ConnectionState, minutes: int) -> None:
        pod.report(ConnectionChanged(state=state), occurred_at=now - timedelta(minutes=minutes))

    async with (
        running_endpoint(refusing(500)) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, schedules_check_seconds=0.05, **PACE),
    ):
        pod = await scene.pod(calm)
        await scene.known(calm)
        outages = ((400, 390), (300, 200), (199, 180))  # minutes ago; one is too short, one too many
        for lost, back in outages:
            reports(pod, ConnectionState.CONNECTED, lost + 1)
            reports(pod, ConnectionState.RECONNECTING, lost)
            reports(pod, ConnectionState.ENDED, lost - 1)
            reports(pod, ConnectionState.CONNECTED, back)
            at = now - timedelta(minutes=back)
            where = "select from connection_states where outage_until = $1"
            await until(lambda where=where, at=at: scene.query(where, at))
            await until(lambda: scene.query("select from schedule_queue where due_at > now()"))
            if lost == 300:
                await until(lambda: pod.texts_to(OWNER))
        text = pod.texts_to(OWNER)[0]
        assert text.startswith("⚠️ O WhatsApp da loja ficou sem conexão, e já voltou\n\n• Sem conexão das ")
        assert "(1 h 40 min)" in text
        days = {(now - timedelta(minutes=back)).date() for _, back in outages[1:]}
        assert await scene.value("select count(*) from jobs where kind = 'connection_warning'") == len(days)


async def test_a_schedule_that_is_due_reaches_the_phone_once(scene: Scene) -> None:
    calm = settings(timezone=calm_zones()[0])  # where no other report falls due meanwhile
    async with running_endpoint(saying("A semana teve 1 atendimento e R$ 65,00 de receita.")) as endpoint:
        worker = {"openai_base_url": endpoint.base_url, "schedules_check_seconds": 0.05, **PACE}
        async with scene.worker(**worker), scene.worker(**worker):
            pod = await scene.pod(calm)
            await scene.known(calm)
            await scene.apply_catalog("petshop", CATALOG)
            ago = datetime.now(ZONE) - timedelta(days=3)
            await booked(scene, await customer(scene, "Ana", 1), ago.replace(hour=12, minute=0))
            await until(lambda: scene.query("select from schedules where name = 'weekly_report'"))
            for _ in range(2):  # the second time PostgreSQL's clock was put back
                await scene.query(
                    "update schedules set due_at = now() - interval '1 second' where name = 'weekly_report'"
                )
                await scene.query("update schedule_queue set due_at = now()")
                await until(lambda: scene.query("select from outbox having count(*) filter (where state = 'sent') = 2"))
                await until(lambda: scene.query("select from schedule_queue where due_at > now()"))
        [text] = pod.texts_to(OWNER)
        assert "\n\nA semana teve 1 atendimento e R$ 65,00 de receita.\n\n" in text
        assert len(pictures(pod)) == len(endpoint.requests) == 1
        assert await scene.value("select count(*) from jobs") == 1
