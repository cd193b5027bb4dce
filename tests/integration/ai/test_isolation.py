"""No organization can reach another's data."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from integration.ai.open_days import open_day
from integration.ai.scene import OWNER, Scene, account, org, queues, settings_of, until

from oxy_ai.assistants.toolbox import run_tool
from oxy_ai.assistants.vertical import ToolContext
from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.petshop.aurora_tools import AURORA_TOOLS
from oxy_ai.petshop.customer_tools import CUSTOMER_TOOLS
from oxy_ai.records import Contact, Input, ToolCall, Turn
from oxy_core import subjects
from oxy_core.envelopes import VERSION
from oxy_core.identity import Jid
from oxy_core.jetstream import DEAD_LETTER_STREAM
from oxy_core.message_kinds import MessageKind

ZONE = ZoneInfo("America/Sao_Paulo")
ASKED = Input(kind=MessageKind.TEXT, text="Quero banho para o Rex, tanto faz o dia", age_seconds=0)
TOOLS = (*CUSTOMER_TOOLS, *AURORA_TOOLS)

TABLES = (
    "organizations",
    "instances",
    "contacts",
    "conversations",
    "chat_alias",
    "turns",
    "turn_steps",
    "outbox",
    "messages",
    "ai_interactions",
    "ai_months",
    "catalogs",
    "booking_rules",
    "services",
    "opening_hours",
    "holidays",
)


OVERTOOK = """
select count(*) from turns b
join turns q on q.organization_id = $1
join messages m on m.organization_id = $1 and m.author = 'customer'
where b.organization_id = $2 and b.created_at between m.arrived_at and q.created_at
"""
"""Turns of another organization that began while the first message of one waited for its own."""


async def seen(scene: Scene, table: str, organization: str | None) -> int:
    """How many rows the workers' role sees in this organization, or in none."""
    connection = await asyncpg.connect(scene.database_url)
    try:
        async with connection.transaction():
            if organization is not None:
                await connection.execute("select set_config('oxy.org', $1, true)", organization)
            count: int = await connection.fetchval(f"select count(*) from {table}")  # noqa: S608 names of our tables
            return count
    finally:
        await connection.close()


async def test_rows_are_seen_by_their_own_organization_only(scene: Scene) -> None:
    first, second = settings_of("petshop"), settings_of("clinic")
    pods = [await scene.pod(settings) for settings in (first, second)]
    async with scene.worker():
        for pod in pods:
            await pod.answer_to("Oi")
    await scene.apply_catalog("petshop")
    for table in TABLES:
        mine = await seen(scene, table, str(org(first)))
        assert mine >= 1, table
        assert await seen(scene, table, None) == 0, table
        assert await seen(scene, table, "") == 0, table
        others = await seen(scene, table, str(org(second)))
        total = await scene.value(f"select count(*) from {table}")  # noqa: S608 names of our tables
        assert mine + others == total, table


async def called(scene: Scene, entered: UUID, asked: UUID, name: str, **arguments: object) -> dict[str, Any]:
    """A tool's result in a transaction of one organization, asked about another, for the first contact."""
    contact = Contact(id=await scene.value("select min(id) from contacts where organization_id = $1", asked))
    turn = Turn.model_construct(
        turn=1,
        settings=settings_of("petshop"),
        contact=contact,
        inputs=(ASKED,),
        history=(),
        read_at=datetime.now(ZONE),
    )
    call = ToolCall(id="c1", name=name, arguments=json.dumps(arguments))
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, entered) as connection,
    ):
        result: dict[str, Any] = json.loads(
            await run_tool(TOOLS, call, ToolContext(connection, asked, turn, ZONE, datetime.now(ZONE)))
        )
        return result


async def test_no_tool_reads_or_writes_another_organizations_rows(scene: Scene) -> None:
    victim, attacker = settings_of("petshop"), settings_of("clinic")
    pods = [await scene.pod(settings) for settings in (victim, attacker)]
    order = {"servico": "banho", "data": open_day().isoformat(), "hora": "10:00", "nome_pet": "Rex"}
    async with scene.worker():
        for pod in pods:
            await pod.answer_to("Oi")
        await scene.apply_catalog("petshop")
    own = await called(scene, org(victim), org(victim), "agendar_servico", **order)
    assert "agendamento" in own
    for name, arguments in (("consultar_horarios", {"servico": "banho"}), ("agendar_servico", order)):
        result = await called(scene, org(attacker), org(victim), name, **arguments)
        assert result["erro"].startswith("Ainda não tenho a lista de serviços"), name
    figures = await called(scene, org(attacker), org(victim), "buscar_analytics")
    counted = [value["agora"] for value in figures.values() if isinstance(value, dict) and "antes" in value]
    assert set(counted) == {0, "R$ 0,00", "US$ 0,00"}
    assert figures["por_servico"] == []
    assert await scene.value("select count(*) from bookings") == 1
    assert OWNER not in json.dumps([own, figures])


@pytest.mark.parametrize("words", ["'; drop table bookings; --", "banho' or '1'='1", "%", "xampu\\", "$99", "x" * 80])
async def test_what_a_model_writes_is_never_run_as_sql(scene: Scene, words: str) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    async with scene.worker():
        await pod.answer_to("Oi")
        await scene.apply_catalog("petshop")
    result = await called(scene, org(settings), org(settings), "consultar_horarios", servico=words)
    assert result["erro"].startswith("Serviço não encontrado.")
    assert await scene.value("select count(*) from bookings") == 0


async def test_every_table_with_tenants_data_is_protected(scene: Scene) -> None:
    rows = await scene.query(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace "
        "and not (relrowsecurity and relforcerowsecurity)"
    )
    assert {row["relname"] for row in rows} == {
        "event_allowance",
        "event_publisher",
        "event_queue",
        "org_queue",
        "relay_queue",
        "notice_queue",
        "media_queue",
        "reading_queue",
        "job_queue",
        "automation_queue",
        "schedule_queue",
        "erasure_queue",
        "retention_queue",
        "database_clock",
        "database_state",
        "alembic_version",
        "schema_parts",
    }


async def test_workers_cannot_write_for_another_organization_or_touch_the_queues(scene: Scene) -> None:
    settings = settings_of("petshop")
    await scene.pod(settings)
    async with scene.worker():
        await scene.known(settings)
    connection = await asyncpg.connect(scene.database_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(
                "insert into contacts (organization_id, instance_id) select $1, gen_random_uuid()", org(settings)
            )
        for queue in ("org_queue", "relay_queue", "database_state"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=f"permission denied for table {queue}"):
                await connection.execute(f"select * from {queue}")  # noqa: S608 names of our tables
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("alter table contacts disable row level security")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("set role oxy_scheduler")
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "claimed", [{"organization": "clinic"}, {"instance": "other"}], ids=["organization", "instance"]
)
async def test_a_report_that_claims_another_identity_is_refused(scene: Scene, claimed: dict[str, str]) -> None:
    attacker, victim = settings_of("petshop"), settings_of("clinic")
    pod, other = await scene.pod(attacker), await scene.pod(victim)
    async with scene.worker():
        await scene.known(attacker)
        await scene.known(victim)
        pod.report(pod.message("Oi"), **claimed)
        jetstream = scene.client.jetstream()
        await until(lambda: dead_reports(scene))
        await pod.answer_to("Oi", "+5511900000001")
        state = (await jetstream.stream_info(DEAD_LETTER_STREAM)).state
    assert state.messages == 1
    assert other.sent == []
    assert len(pod.answers_to("+5511900000001")) == 1
    assert await scene.value("select count(*) from messages where author = 'customer'") == 1


async def test_an_unreadable_report_becomes_a_dead_letter_and_holds_up_nothing(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    subject = subjects.inbound(settings.account, settings.instance)
    async with scene.worker():
        await scene.known(settings)
        for data in (b"", b"{", b'{"version": 0}', b"\xff\xfe", b"[]" * 1000):
            await scene.client.jetstream().publish(subject, data)
        await pod.answer_to("Oi")
        await until(lambda: dead_reports(scene, 5))
    letters = [await scene.client.jetstream().get_msg(DEAD_LETTER_STREAM, seq=number) for number in range(1, 6)]
    (message,) = [letter for letter in letters if letter.data == b"{"]
    assert message.headers is not None
    assert message.headers["Oxy-Subject"] == subject
    assert f"not a Report version {VERSION}" in message.headers["Oxy-Error"]


async def test_a_report_that_the_database_rejects_does_not_hold_up_its_batch(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"), published=False)
    async with scene.worker():
        for number in range(5):
            pod.receive("Oi", f"+5511900{number:06d}")
        pod.receive("Oi", chat_sequence=2**40)
        await scene.publish(pod.settings)
        await until(lambda: len({str(request.chat) for request in pod.sent} - {str(Jid.of_phone(OWNER))}) == 5)
        await until(lambda: dead_reports(scene))
    message = await scene.client.jetstream().get_msg(DEAD_LETTER_STREAM, seq=1)
    assert message.subject == f"oxy.dlq.rejected.{pod.settings.account}"


async def test_a_busy_organization_does_not_delay_the_others(scene: Scene) -> None:
    slow = queues(per_second=5)
    busy, quiet = await scene.pod(settings_of("busy", queues=slow)), await scene.pod(settings_of("quiet"))
    async with scene.worker(turns_burst=5):
        for number in range(60):
            busy.receive("Oi", f"+5511900{number:06d}")
        await until(lambda: scene.query("select from messages having count(*) >= 60"))
        await quiet.answer_to("Oi")
        overtook = await scene.value(OVERTOOK, org(quiet.settings), org(busy.settings))
        assert overtook <= 2 * slow.message.concurrency
        await until(lambda: len(busy.sent) == 60)


async def test_a_deleted_instance_is_closed_and_may_come_back(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    async with scene.worker():
        await pod.answer_to("Oi")
        await scene.unpublish(settings)
        await until(lambda: scene.query("select from instances where closed_at is not null"))
        pod.receive("Oi")
        await scene.publish(settings)
        await until(lambda: scene.query("select from instances where closed_at is null"))
        await pod.answer_to("Oi", "+5511900000001")
    assert settings.account == account("petshopmain")


async def dead_reports(scene: Scene, wanted: int = 1) -> bool:
    return (await scene.client.jetstream().stream_info(DEAD_LETTER_STREAM)).state.messages >= wanted
