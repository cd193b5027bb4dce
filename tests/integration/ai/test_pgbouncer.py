"""Workers behind Debian's PgBouncer in transaction mode: each transaction may run in another connection."""

import asyncio
from pathlib import Path

from integration.ai.conftest import PASSWORD
from integration.ai.open_days import calm_zones
from integration.ai.scene import CATALOG, CUSTOMER, OWNER, Scene, settings_of, until

from oxy_core.jetstream import DEAD_LETTER_STREAM
from oxy_dev.pgbouncer import running_pgbouncer
from oxy_dev.postgres import PostgresServer

OFF = {"OXY_DATABASE_PREPARED_STATEMENTS": "false"}
PHONES = [f"+55119{number:08d}" for number in range(60)]


async def test_reports_are_stored_and_conversations_answered_behind_pgbouncer(
    scene: Scene, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    database = scene.database_url.rpartition("/")[2]
    with running_pgbouncer(tmp_path, postgres_server, "oxy_app", connections=3) as port:
        scene.database_url = f"postgresql://oxy_app:{PASSWORD}@127.0.0.1:{port}/{database}"
        zone, _ = calm_zones()  # where tomorrow is the same day during the test
        pod = await scene.pod(settings_of("petshop", timezone=zone))
        worker = scene.process(**OFF)
        worker.start()
        try:
            await until(worker.ready, 60)
            await scene.known(pod.settings)
            command = ("catalog", "apply", "--organization", "petshop")
            applied = await asyncio.to_thread(scene.admin, *command, stdin=CATALOG.read_text(), **OFF)
            assert applied.returncode == 0, applied.stderr
            assert (await pod.answer_to("Oi", CUSTOMER)).startswith("Olá!")
            await pod.answer_to("Oi! Quais horários vocês têm para banho amanhã?")
            await pod.answer_to("Pode marcar o primeiro horário para o Thor, por favor?")
            assert (await pod.answer_to("Oi", OWNER)).startswith("Oi! Sou a Aurora")
            for phone in PHONES:
                pod.receive("Oi", phone)
            await until(lambda: all(pod.answers_to(phone) for phone in PHONES), 60)
            listed = await asyncio.to_thread(scene.admin, "dlq", "ls", **OFF)
            assert (listed.returncode, listed.stdout) == (0, ""), listed.stderr
        finally:
            worker.kill()
    assert await scene.value("select count(*) from bookings") == 1
    assert await scene.value("select coalesce(sum(attempts), 0) from turns") == 0
    assert (await scene.client.jetstream().stream_info(DEAD_LETTER_STREAM)).state.messages == 0
