"""A clinic's whole dialogue: people and rooms, breaks, holidays by name, dated changes, notice, moves."""

import json
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integration.ai.endpoint import calling, running_endpoint, saying
from integration.ai.scene import Scene, settings_of
from integration.ai.shop import CATALOG

from oxy_ai.portuguese.formatting import full_day

SETTINGS = settings_of("clinic")
ZONE = ZoneInfo("America/Sao_Paulo")
WORDS = "Quero marcar consulta para o Rex, talvez com a Camila, e depois remarcar, mudar de dia, ou cancelar. E banho?"


def next_day(weekday: int, after: date) -> date:
    """The first day after another with an ISO weekday."""
    return after + timedelta(days=(weekday - after.isoweekday() - 1) % 7 + 1)


def call(tool: str, **arguments: object) -> tuple[str, str]:
    return tool, json.dumps(arguments, default=str)


async def results_of(scene: Scene, *calls: tuple[str, str]) -> tuple[list[Any], str]:
    """The results of the calls that the model makes about `WORDS`, and the prompt with which it made them."""
    pod = await scene.pod(SETTINGS)
    async with (
        running_endpoint(calling(*calls), saying("Feito.")) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        await pod.answer_to(WORDS)
        prompt = "\n".join(item["content"] for item in endpoint.requests[0]["messages"] if item["role"] == "system")
        return endpoint.tool_results(), prompt


async def test_an_agenda_that_a_clinic_can_live_with(scene: Scene) -> None:
    today = datetime.now(ZONE).date()
    monday = next_day(1, today + timedelta(days=1))
    holiday, thursday = monday + timedelta(days=1), monday + timedelta(days=3)
    await scene.publish(SETTINGS)
    async with scene.worker():
        await scene.known(SETTINGS)
    # A list of days alone: none of them is a public holiday, whenever this test runs.
    catalog = CATALOG.split("holidays:")[0] + f"holidays: {{use: [], days: [{{date: {holiday}, name: Padroeira}}]}}\n"
    await scene.apply_catalog("clinic", catalog + "resources:" + CATALOG.split("\nresources:")[1])
    closed = thursday + timedelta(days=1)
    await scene.query(
        "insert into overlays (organization_id, kind, begins, ends, reason, made_by) "
        "select id, 'closed', $1::timestamp, $1::timestamp + interval '1 day', 'Dedetização', 'teste' "
        "from organizations",
        datetime(closed.year, closed.month, closed.day),  # noqa: DTZ001 local time without a zone
    )
    results, prompt = await results_of(
        scene,
        call("consultar_horarios", servico="consulta", data=monday, profissional="Camila"),
        call("consultar_horarios", servico="banho", data=holiday),
        call("consultar_horarios", servico="consulta", data=monday + timedelta(days=2), profissional="Camila"),
        call("agendar_servico", servico="consulta", data=closed, hora="10:00", nome_pet="Rex"),
        call("agendar_servico", servico="consulta", data=monday, hora="12:00", nome_pet="Rex"),
        call("agendar_servico", servico="consulta", data=monday, hora="11:30", nome_pet="Rex", profissional="Camila"),
        call("remarcar_agendamento", data=thursday, hora="14:00"),
        call("cancelar_agendamento"),
    )
    hers, named, away, shut, noon, booked, moved, cancelled = results
    assert hers["dias"][0]["horarios"] == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
    assert named["aviso"] == f"Não abrimos em {full_day(holiday)} (Padroeira)."
    assert away["aviso"].startswith(f"Com Dra. Camila não há horário livre em {full_day(monday + timedelta(days=2))}; ")
    assert shut["erro"] == f"Não abrimos em {full_day(closed)} (Dedetização)."
    assert noon["erro"] == f"12:00 não está livre em {full_day(monday)}."
    assert noon["horarios"][5:8] == ["11:30", "13:00", "13:30"]
    assert booked["agendamento"]["com"] == ["Dra. Camila", "Consultório"]
    assert booked["agendamento"]["quando"] == f"{full_day(monday)} às 11:30"
    assert moved["agendamento"]["com"] == ["Dra. Camila", "Consultório"]
    assert moved["antes"] == f"{full_day(monday)} às 11:30"
    assert cancelled["cancelado"]["com"] == []
    assert "- Consulta: R$ 180,00, 30 min, com Dra. Camila ou Dr. Davi" in prompt
    assert "- segunda-feira: 09:00 às 12:00 e 13:00 às 18:00" in prompt
    assert f"- {full_day(holiday)} ({holiday}): fechado (Padroeira)" in prompt
    assert f"- {full_day(closed)} ({closed}): fechado (Dedetização)" in prompt
    assert await scene.value("select count(*) from booking_resources") == 0
