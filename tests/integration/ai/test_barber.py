"""A second line of business: one folder beside the tests, chosen by `spec.ai.profile`, with nothing of it elsewhere."""

import asyncio
from pathlib import Path

import pytest
import yaml
from integration.ai.conftest import PASSWORD
from integration.ai.scene import CATALOG, CUSTOMER, OWNER, Scene, settings_of, until

from oxy_ai.migrate import migrate
from oxy_core.instance.settings import AiSettings

BARBER = Path(__file__).parents[2] / "verticals/barber"
AI = AiSettings(debounce_seconds=0, profile="barber")


@pytest.fixture
async def barber_scene(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A scene in which the barber's package is installed beside the pet shop's."""
    monkeypatch.syspath_prepend(str(BARBER))
    await asyncio.to_thread(migrate, scene.admin_url, PASSWORD)
    await scene.model.script(*yaml.safe_load((BARBER / "dialogue.yaml").read_text()))
    return scene


async def test_each_instance_is_answered_by_the_vertical_of_its_profile(barber_scene: Scene) -> None:
    scene = barber_scene
    barber = settings_of("navalha", display_name="Navalha", ai=AI)
    pods = [await scene.pod(settings) for settings in (barber, settings_of("petshop"))]
    async with scene.worker():
        await scene.known(barber)
        applied = await asyncio.to_thread(
            scene.admin_process,
            *("catalog", "apply", "--organization", "navalha"),
            stdin=(BARBER / "catalog.yaml").read_text(),
            PYTHONPATH=str(BARBER),
        )
        assert applied.returncode == 0, applied.stderr
        assert "E aí! Corte ou barba?" in await pods[0].answer_to("oi")
        said = await pods[0].answer_to("Quero um corte com o Nando dia 04/03/2031 às 10h", seconds=30)
        assert "Que bom falar com você" in await pods[1].answer_to("oi")
    assert said == "Marcado: Corte com Nando, terça-feira, 04/03/2031 às 10:00. Valeu!"
    assert (
        await scene.value("select r.name from booking_resources b join resources r on r.id = b.resource_id") == "Nando"
    )
    assert any("- Corte: R$ 45,00" in body for body in await scene.model.bodies())


async def test_a_profile_that_is_not_installed_fails_the_turn_and_somebody_is_told(scene: Scene) -> None:
    settings = settings_of("padaria", ai=AI.model_copy(update={"profile": "padaria"}))
    pod = await scene.pod(settings)
    async with scene.worker():
        apology = await pod.answer_to("Oi")
        await until(
            lambda: "o perfil configurado para a assistente não está instalado" in "".join(pod.answers_to(OWNER))
        )
        reason = await scene.value("select reason from turns")
    assert "uma pessoa vai responder" in apology
    assert "spec.ai.profile: no installed package provides a vertical 'padaria' (installed: petshop)" in reason
    refused = await asyncio.to_thread(
        scene.admin, "catalog", "apply", "--organization", "padaria", stdin=CATALOG.read_text()
    )
    assert (refused.returncode, "'padaria'" in refused.stderr) == (2, True)
    assert pod.answers_to(CUSTOMER) == [apology]
