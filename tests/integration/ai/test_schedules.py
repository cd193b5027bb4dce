"""Aurora's own reports, through the whole worker: due once, whatever happens to clocks, workers and settings."""

import json
from datetime import UTC, datetime, timedelta

from asyncpg import Record
from integration.ai.open_days import calm_zones
from integration.ai.owner import opened
from integration.ai.scene import Scene, settings_of, until

from oxy_ai.ids import organization_id
from oxy_ai.schedules.plan import Outage, plan
from oxy_core.envelopes import InstanceSettings

ZONE, OTHER_ZONE = calm_zones()
SETTINGS = settings_of("petshop", timezone=ZONE)
QUICK = {"schedules_check_seconds": 0.05, "overlays_check_seconds": 0.2}


async def due_now(scene: Scene, *names: str, ago: str = "1 minute") -> None:
    """Have schedules be due since a while."""
    await scene.query("update schedules set due_at = now() - $1::text::interval where name = any ($2)", ago, names)
    await scene.query("update schedule_queue set due_at = now()")


async def looked_at(scene: Scene) -> None:
    """Wait until nothing about schedules is left to look at."""
    await until(lambda: scene.query("select from schedule_queue having count(*) filter (where due_at <= now()) = 0"))


async def rows(scene: Scene) -> dict[str, Record]:
    found = await scene.query("select *, due_at > now() as ahead from schedules order by name")
    return {row["name"]: row for row in found}


async def queued(scene: Scene) -> list[tuple[str, int]]:
    """The reports that were ever queued, with how often."""
    found = await scene.query(
        "select kind, count(*) from jobs where kind <> 'probe' group by kind having count(*) > 0 order by kind"
    )
    return [tuple(row) for row in found]


async def changed(scene: Scene, settings: InstanceSettings) -> None:
    """Publish other settings, and wait until they are in force and looked at."""
    await scene.publish(settings)
    await until(
        lambda: scene.query("select from instances where settings ->> 'generation' = $1", str(settings.generation))
    )
    await looked_at(scene)


async def test_schedules_follow_the_settings_and_what_was_missed_fires_once(scene: Scene) -> None:
    await scene.publish(SETTINGS)
    async with scene.worker(**QUICK), scene.worker(**QUICK):
        await scene.known(SETTINGS)
        await looked_at(scene)
        found = await rows(scene)
        assert set(found) == {"daily_summary", "weekly_report", "empty_agenda", "opportunities"}
        assert all(row["ahead"] and row["timezone"] == ZONE for row in found.values())
        assert await queued(scene) == []

        await due_now(scene, "daily_summary", ago="10 days")  # and two workers look
        await until(lambda: scene.query("select from jobs where kind = 'daily_summary'"))
        await looked_at(scene)
        assert await queued(scene) == [("daily_summary", 1)]
        assert (await rows(scene))["daily_summary"]["ahead"]

        # The clock went back, so the same day is due again; the settings change at the same time.
        last = (await rows(scene))["daily_summary"]["last_due_at"]
        await scene.query("update schedules set due_at = $1, last_due_at = null where name = 'daily_summary'", last)
        earlier = SETTINGS.model_dump() | {"generation": 2, "timezone": OTHER_ZONE}
        await changed(scene, InstanceSettings.model_validate(earlier))
        assert await queued(scene) == [("daily_summary", 1)]
        assert {row["timezone"] for row in (await rows(scene)).values()} == {OTHER_ZONE}

        stale = "select keep_schedules(organization_id, instance_id, version - 1, $1) from schedule_queue"
        assert await scene.value(stale, '{"rows": [], "jobs": []}') is False  # of a worker that was stopped meanwhile
        assert len(await rows(scene)) == 4

        # What was planned by a clock that was far ahead is planned again.
        await scene.query("update schedules set due_at = now() + interval '400 days'")
        await scene.query(
            "update schedule_queue set due_at = now() + interval '400 days', planned_at = now() + interval '400 days'"
        )
        await scene.query("update database_clock set latest = now() + interval '400 days'")
        await until(lambda: scene.query("select from schedules having max(due_at) < now() + interval '8 days'"))
        assert await queued(scene) == [("daily_summary", 1)]


async def test_whoever_is_not_to_be_written_to_has_no_schedules(scene: Scene) -> None:
    await scene.publish(SETTINGS)
    off = [
        {"suspended": True},
        {"ai": {"enabled": False}},
        {"ai": {"aurora": {"enabled": False}}},
    ]
    async with scene.worker(**QUICK):
        await scene.known(SETTINGS)
        await looked_at(scene)
        for generation, change in enumerate(off, 2):
            await due_now(scene, "daily_summary", "weekly_report", ago="0")
            await changed(scene, settings_of("petshop", **change, timezone=ZONE, generation=2 * generation))
            before = await queued(scene)
            assert await rows(scene) == {}
            await changed(scene, settings_of("petshop", timezone=ZONE, generation=2 * generation + 1))
            assert len(await rows(scene)) == 4
            assert await queued(scene) == before  # nothing of what was due meanwhile is caught up
        await scene.unpublish(SETTINGS)
        await until(lambda: scene.query("select from schedules having count(*) = 0"))
        assert await scene.value("select due_at from schedule_queue") == await scene.value(
            "select timestamptz 'infinity'"
        )


async def test_one_damaged_instance_holds_up_no_other(scene: Scene) -> None:
    await scene.publish(SETTINGS)
    barber = settings_of("barber", timezone=ZONE)
    await scene.publish(barber)
    async with scene.worker(**QUICK):
        await scene.known(SETTINGS)
        await scene.known(barber)
        await looked_at(scene)
        await scene.query(
            "update instances set settings = '{}' where name = 'main' and settings ->> 'organization' = 'petshop'"
        )
        await scene.query(
            "update schedules set cron = 'nonsense' where name = 'weekly_report' and organization_id = $1",
            organization_id("barber"),
        )
        await due_now(scene, "daily_summary", "weekly_report")
        await looked_at(scene)
        assert await queued(scene) == []
        await scene.query("update schedules set cron = '0 8 * * 1'")
        await scene.query(
            "update instances set settings = settings || $1 where settings ->> 'organization' = 'barber'",
            '{"a field of a newer version": 1}',
        )
        await scene.query("update schedule_queue set due_at = now() where due_at < 'infinity'")
        await until(lambda: scene.query("select from jobs having count(*) = 2"))
        kept = await scene.query("select count(*) from schedules group by organization_id")
        assert [row[0] for row in kept] == [4, 4], "whoever can read the settings finds them as they were"


async def test_an_owner_turns_reports_off_and_on_by_telling_aurora(scene: Scene) -> None:
    async with opened(scene, {"schedules_check_seconds": 0.05}, timezone=ZONE) as owner:
        await looked_at(scene)
        off = {"mensagens": ["resumo_diario", "agenda_vazia"], "ligar": False}
        intent = await owner.is_asked("chega de resumo", "ligar_ou_desligar_mensagens", **off)
        assert intent == "Vou parar de mandar o resumo do dia e o aviso de agenda vazia."
        assert set(await rows(scene)) >= {"daily_summary", "empty_agenda"}
        assert (await owner.hears("sim")).startswith(
            "Pronto! Não mando mais o resumo do dia e o aviso de agenda vazia."
        )
        await until(lambda: scene.query("select from schedules having count(*) = 2"))
        assert set(await rows(scene)) == {"weekly_report", "opportunities"}
        overlays = await scene.query("select field, value from setting_overlays where ended_at is null order by field")
        assert [(row["field"], row["value"]) for row in overlays] == [
            ("ai.aurora.daily_summary.enabled", "false"),
            ("ai.aurora.empty_agenda.enabled", "false"),
        ]
        refused = await owner.is_refused("chega mesmo", "ligar_ou_desligar_mensagens", **off)
        assert refused == "Isso já está desligado; não há o que mudar."
        assert "Desligado: o resumo do dia e o aviso de agenda vazia." in (await scene.model.bodies())[-1]

        status = json.loads(scene.admin("settings", "--organization", "petshop", "--instance", "main").stdout)
        assert {item["name"] for item in status["schedules"]} == {"opportunities", "weekly_report"}
        assert all(item["due_at"] and item["timezone"] == ZONE for item in status["schedules"])

        on = {"mensagens": ["resumo_diario"], "ligar": True}
        intent = await owner.is_asked("volta o resumo", "ligar_ou_desligar_mensagens", **on)
        assert intent == "Vou voltar a mandar o resumo do dia (todo dia às 20:00)."
        await owner.hears("sim")
        await until(lambda: scene.query("select from schedules having count(*) = 3"))

        off = {"mensagens": ["relatorio_semanal", "oportunidades", "avisos"], "ligar": False}
        intent = await owner.is_asked("só o resumo", "ligar_ou_desligar_mensagens", **off)
        others = "o relatório da semana, as oportunidades da semana e os avisos de orçamento da IA e de conexão"
        assert intent == f"Vou parar de mandar {others}."
        assert (await owner.hears("sim")).startswith(f"Pronto! Não mando mais {others}.")
        await until(lambda: scene.query("select from schedules having count(*) = 1"))
        assert set(await rows(scene)) == {"daily_summary"}
        assert await scene.value("select wants_warnings(organization_id, id) from instances") is False
        outage = Outage(datetime.now(UTC) - timedelta(hours=2), datetime.now(UTC) - timedelta(hours=1))
        in_force = InstanceSettings.decode((await scene.value("select settings from instances")).encode())
        assert plan(in_force, (), datetime.now(UTC), outage).firings == ()
        assert await queued(scene) == []
