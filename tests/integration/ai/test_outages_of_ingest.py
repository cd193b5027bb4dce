"""Only data can be at fault: whatever else the database refuses, reports and turns wait, and nothing is an error."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from aiohttp import web
from integration.ai.conftest import PASSWORD
from integration.ai.endpoint import running_endpoint, saying
from integration.ai.scene import Scene, settings_of, until
from prometheus_client import REGISTRY

from oxy_core.jetstream import DEAD_LETTER_STREAM
from oxy_dev.postgres import PostgresServer

PHONES = [f"+55119{number:08d}" for number in range(5)]


class Fault(NamedTuple):
    """Statements of an administrator's mistake, and those that mend it."""

    break_it: tuple[str, ...]
    mend_it: tuple[str, ...]


EACH_INGEST = """
do $$ declare f regprocedure; begin
    for f in select oid::regprocedure from pg_proc where proname in ('ingest', 'ingest_gone') loop
        execute format('{}', f);
    end loop;
end $$
"""

FAULTS = {
    "login refused": Fault(("alter role oxy_app nologin",), ("alter role oxy_app login",)),
    "wrong password": Fault(("alter role oxy_app password 'another'",), (f"alter role oxy_app password '{PASSWORD}'",)),
    "right revoked": Fault(
        (EACH_INGEST.format("revoke execute on function %s from public, oxy_app"),),
        (EACH_INGEST.format("grant execute on function %s to oxy_app"),),
    ),
    "function renamed": Fault(
        (EACH_INGEST.format("alter function %s rename to ingest_gone"),),
        (EACH_INGEST.format("alter function %s rename to ingest"),),
    ),
}


@asynccontextmanager
async def broken(scene: Scene, fault: Fault) -> AsyncIterator[None]:
    for statement in fault.break_it:
        await scene.query(statement)
    await scene.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'oxy_app'")
    yield
    for statement in fault.mend_it:
        await scene.query(statement)


async def require_password(scene: Scene, server: PostgresServer) -> None:
    rules = server.folder / "data/pg_hba.conf"
    rules.write_text("host all oxy_app 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
    await scene.query("select pg_reload_conf()")


async def dead_letters(scene: Scene) -> int:
    return (await scene.client.jetstream().stream_info(DEAD_LETTER_STREAM)).state.messages


@pytest.mark.parametrize("name", FAULTS)
async def test_reports_wait_while_the_database_refuses_more_than_data(
    fragile_scene: Scene, own_postgres: PostgresServer, name: str
) -> None:
    scene = fragile_scene
    await require_password(scene, own_postgres)
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        await scene.known(pod.settings)
        async with broken(scene, FAULTS[name]):
            for phone in PHONES:
                pod.receive("Oi", phone)
            await asyncio.sleep(2)
            assert await dead_letters(scene) == 0
            assert await scene.value("select count(*) from messages") == 0
        await until(lambda: all(pod.answers_to(phone) for phone in PHONES))
    assert await scene.value("select count(*) from messages where author = 'customer'") == 5
    assert await scene.value("select sum(attempts) from turns") == 0
    assert await dead_letters(scene) == 0


END_TURN = EACH_INGEST.replace("'ingest', 'ingest_gone'", "'end_turn'")
END_REFUSED = Fault(
    (END_TURN.format("revoke execute on function %s from public, oxy_app"),),
    (END_TURN.format("grant execute on function %s to oxy_app"),),
)


async def test_a_turn_waits_while_the_database_refuses_its_end(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(lease_seconds=2, turn_claims=2):
        await scene.known(pod.settings)
        async with broken(scene, END_REFUSED):
            pod.receive("Oi")
            await until(lambda: claimed(scene, 5))
            assert await scene.value("select state from turns") == "open"
        await until(lambda: pod.sent)
    assert len(pod.sent) == 1
    assert await scene.value("select sum(attempts) from turns") == 0


async def test_a_turn_that_another_worker_took_over_in_an_outage_is_no_error(scene: Scene) -> None:
    async def taking_over(request: web.Request) -> web.StreamResponse:
        if len(endpoint.requests) == 1:
            await scene.query("update conversations set fence = fence + 1")
        return await saying("Oi!")(request)

    pod = await scene.pod(settings_of("petshop"))
    outages, errors = interrupted("outage"), interrupted("error")
    async with (
        running_endpoint(taking_over) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, lease_seconds=2),
    ):
        await scene.known(pod.settings)
        async with broken(scene, END_REFUSED):
            pod.receive("Oi")
            await until(lambda: interrupted("outage") > outages)
        await until(lambda: pod.sent)
    assert interrupted("error") == errors


def interrupted(cause: str) -> float:
    return REGISTRY.get_sample_value("oxy_ai_interruptions_total", {"part": "turn", "cause": cause}) or 0


async def claimed(scene: Scene, times: int) -> bool:
    return bool(await scene.query("select from conversations where fence >= $1", times))
