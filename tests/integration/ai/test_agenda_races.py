"""Customers of one shop who want one time, answered by several workers at once."""

from integration.ai.open_days import open_day
from integration.ai.scene import Scene, org, settings_of, until

from oxy_ai.database import connected_pool, organization_transaction

SETTINGS = settings_of("petshop")
PHONES = [f"+551191234000{number}" for number in range(1, 5)]


async def test_two_workers_give_one_time_to_one_customer_and_other_times_to_the_others(scene: Scene) -> None:
    pod = await scene.pod(SETTINGS)
    day = open_day()
    order = {"servico": "banho e tosa", "data": day.isoformat(), "hora": "10:00", "nome_pet": "Rex"}
    await scene.model.script(
        {"user": "tosa", "calls": [{"tool": "agendar_servico", "arguments": order}]},
        {"after": "agendar_servico", "has": "result.agendamento", "reply": "Marcado."},
        {"after": "agendar_servico", "reply": "Horários: {result.horarios}"},
    )
    async with scene.worker(concurrency=2), scene.worker(concurrency=2):
        await scene.known(SETTINGS)
        await scene.apply_catalog("petshop")
        async with (
            connected_pool(scene.database_url, connections=1) as pool,
            organization_transaction(pool, org(SETTINGS)) as connection,
        ):
            await connection.execute("select lock_agenda($1)", org(SETTINGS))
            for phone in PHONES:
                pod.receive(f"Quero banho e tosa para o Rex em {day:%d/%m/%Y} às 10h", phone)
            # Four, of whom each worker answers two: they decide at the same moment.
            await until(lambda: connection.fetch("select from pg_locks where not granted having count(*) = 4"), 60)
        await until(lambda: all(pod.answers_to(phone) for phone in PHONES), 60)
    answers = [pod.answers_to(phone)[0] for phone in PHONES]
    assert sum("Marcado." in answer for answer in answers) == 1, answers
    assert sum("Horários: " in answer and "13:00" in answer and "10:00" not in answer for answer in answers) == 3, (
        answers
    )
    assert await scene.value("select count(*) from bookings") == 1
