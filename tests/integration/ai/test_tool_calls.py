"""What customers read when a tool call is wrong, or when a day has nothing free."""

from typing import Any

import pytest
from integration.ai.endpoint import calling, running_endpoint, saying
from integration.ai.open_days import closed_sunday
from integration.ai.scene import Scene, settings_of

from oxy_ai.petshop.customer_tools import CUSTOMER_TOOLS

SETTINGS = settings_of("petshop")
RAW = ("chamada_invalida", "argument", "JSON", "required", "AAAA", "erro", "_")


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("marca banho para o Rex às 10h", "Para agendar, me diga por favor o serviço, o dia, a hora e o nome do pet."),
        ("quero marcar", "Entendi! Posso ajudar"),
    ],
)
async def test_the_scripted_model_never_repeats_a_raw_error(scene: Scene, asked: str, answer: str) -> None:
    pod = await scene.pod(SETTINGS)
    async with scene.worker():
        await scene.known(SETTINGS)
        await scene.apply_catalog("petshop")
        said = await pod.answer_to(asked)
    assert said.startswith(answer)
    assert not [word for word in RAW if word in said]


async def test_a_wrong_call_is_explained_to_the_model_with_its_correction(scene: Scene) -> None:
    wrong = [("agendar_servico", '{"servico": "banho"'), ("agendar_servico", '{"servico": "banho"}'), ("voar", "{}")]
    pod = await scene.pod(SETTINGS)
    async with (
        running_endpoint(calling(*wrong), saying("Qual dia?")) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        assert await pod.answer_to("quero banho") == "Qual dia?"
        results: list[dict[str, Any]] = endpoint.tool_results()
    assert all("pergunte ao cliente" in result["como_corrigir"] for result in results)
    assert results[0]["chamada_invalida"][0].startswith("os argumentos não são um objeto JSON; mande um com: servico,")
    assert [mistake.split(".")[0] for mistake in results[1]["chamada_invalida"]] == [
        "o argumento data falta",
        "o argumento hora falta",
        "o argumento nome_pet falta",
    ]
    names = ", ".join(tool.name for tool in CUSTOMER_TOOLS)
    assert results[2]["chamada_invalida"] == [f"a ferramenta voar não existe; há: {names}"]


async def test_days_are_named_with_weekday_and_as_brazilians_write_them(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    sunday = closed_sunday()
    async with scene.worker():
        await scene.known(SETTINGS)
        await scene.apply_catalog("petshop")
        closed = await pod.answer_to(f"Tem banho dia {sunday:%d/%m/%Y}?")
        far = await pod.answer_to("Tem banho dia 01/02/2199?")
        past = await pod.answer_to("Tem banho dia 01/02/2001?")
    assert closed.startswith(f"Não abrimos em domingo, {sunday:%d/%m/%Y}. Para Banho tenho em segunda-feira, ")
    assert far == "Não encontrei horário: Só agendamos até 60 dias à frente."
    assert past.startswith("O dia 01/02/2001 já passou. Para Banho tenho em ")
