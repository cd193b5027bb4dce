"""An instance with an unknown time zone is answered all the same."""

from integration.ai.scene import OWNER, Scene, settings_of, until
from prometheus_client import REGISTRY

from oxy_ai.ids import instance_id
from oxy_core import subjects
from oxy_core.instance.settings import AiSettings

UNKNOWN = "America/Sao_Paolo"


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def refused() -> float:
    return counted("oxy_ai_settings_applied_total", outcome="refused")


async def test_an_unknown_time_zone_keeps_the_last_known_one_and_applies_the_rest(scene: Scene) -> None:
    settings = settings_of("petshop", timezone="America/Manaus")
    pod = await scene.pod(settings)
    before = counted("oxy_ai_settings_applied_total", outcome="timezone_replaced")
    async with scene.worker():
        await scene.known(settings)
        await scene.publish(
            settings.model_copy(
                update={"generation": 2, "timezone": UNKNOWN, "ai": AiSettings(debounce_seconds=0, max_tokens=77)}
            )
        )
        await until(lambda: scene.query("select from instances where settings ->> 'generation' = '2'"))
        assert (await pod.answer_to("Oi")).startswith("Olá!")
    assert await scene.value("select settings ->> 'timezone' from instances") == "America/Manaus"
    assert [request["max_tokens"] for request in await scene.model.requests()] == [77]
    assert counted("oxy_ai_settings_applied_total", outcome="timezone_replaced") == before + 1


async def test_a_first_time_zone_that_is_unknown_becomes_the_default(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop", timezone=UNKNOWN))
    async with scene.worker():
        assert (await pod.answer_to("Oi")).startswith("Olá!")
    assert await scene.value("select settings ->> 'timezone' from instances") == "America/Sao_Paulo"


async def test_an_unknown_time_zone_in_the_database_fails_no_turn(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    before = counted("oxy_ai_timezones_replaced_total")
    async with scene.worker():
        await scene.known(settings)
        for wrong in (UNKNOWN, "", "/etc/passwd", "America"):
            await scene.query(
                "update instances set settings = settings || jsonb_build_object('timezone', $1::text)", wrong
            )
            assert "Aqui está o resumo" in await pod.answer_to("como foi hoje?", OWNER)
    assert await scene.value("select coalesce(sum(attempts), 0) from turns") == 0
    assert counted("oxy_ai_timezones_replaced_total") == before + 4


async def test_invalid_settings_leave_the_last_good_ones_in_force(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    before = refused()
    async with scene.worker():
        await scene.known(settings)
        bucket = await scene.client.jetstream().key_value(subjects.INSTANCES_BUCKET)
        key = subjects.instance_key(settings.organization, settings.instance)
        for number, wrong in enumerate(
            (b"", b"{", settings.encode().replace(b'"debounce_seconds":0.0', b'"debounce_seconds":1e300')), 1
        ):
            await bucket.put(key, wrong)
            await until(lambda: refused() == before + number)  # noqa: B023 awaited at once
        assert (await pod.answer_to("Oi")).startswith("Olá!")
    assert await scene.value("select closed_at is null from instances where id = $1", instance_id("petshop", "main"))
