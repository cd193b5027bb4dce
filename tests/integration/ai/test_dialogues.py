"""Whole conversations about pets and bookings, with the scripted model."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from aiohttp import web
from integration.ai.endpoint import calling, running_endpoint, saying
from integration.ai.open_days import ZONE, calm_zones, open_day
from integration.ai.scene import CATALOG, CUSTOMER, OWNER, FakePod, Scene, org, settings_of, until

from oxy_ai.portuguese.formatting import full_day, weekday
from oxy_core.envelopes import InstanceSettings
from oxy_dev.conversation import CALLER as BRUNO
from oxy_dev.conversation import CUSTOMER as ANA

SETTINGS = settings_of("petshop")
OTHER = "+5511912340002"


def moment(day: date, *hours: str) -> str:
    """Return a day and times as a customer writes them."""
    return f"dia {day:%d/%m/%Y} às {' ou '.join(hours)}"


def call(tool: str, **arguments: object) -> tuple[str, str]:
    return tool, json.dumps(arguments, default=str)


def booking(
    day: date, hour: str = "10:00", service: str = "banho", pet: str = "Rex", **more: object
) -> tuple[str, str]:
    return call("agendar_servico", servico=service, data=day, hora=hour, nome_pet=pet, **more)


async def served(scene: Scene, pod: FakePod, text: str, *calls: tuple[str, str], phone: str = CUSTOMER) -> list[Any]:
    """Let the model make these calls about a customer's text; returns their results."""
    async with (
        running_endpoint(calling(*calls), saying("Feito.")) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        await pod.answer_to(text, phone)
        results: list[Any] = endpoint.tool_results()
    return results


async def seen_by_model(scene: Scene) -> str:
    """The prompt of the newest request."""
    messages = json.loads((await scene.model.bodies())[-1])["messages"]
    return "\n".join(message["content"] for message in messages if message["role"] == "system")


async def shop(scene: Scene, text: str | None = None, settings: InstanceSettings = SETTINGS) -> FakePod:
    """A shop with a catalog."""
    pod = await scene.pod(settings)
    async with scene.worker():
        await scene.known(settings)
    await scene.apply_catalog("petshop", text)
    return pod


async def test_a_customer_registers_a_pet_books_moves_and_cancels(scene: Scene) -> None:
    pod = await shop(scene)
    async with scene.worker():
        registered, times, booked, moved = [await pod.answer_to(line) for line in ANA.texts]
        again = await pod.answer_to("Cadastra o Thor, ele é cachorro")
        pets = await pod.answer_to("Quais pets estão no meu cadastro?")
        services = await pod.answer_to("Quais serviços vocês fazem?")
        known = await seen_by_model(scene)
        cancelled = await pod.answer_to("Pode desmarcar?")
        nothing = await pod.answer_to("desmarca")
    assert "Pets deste cliente: Thor (cachorro, médio)." in known
    assert re.search(r"Agendamentos futuros deste cliente: ag-\d+: Banho de Thor, ", known)
    assert "Cadastro feito: Thor, cachorro. 🐾 Quer marcar um horário?" in registered
    assert "Para Banho tenho em " in times
    assert "Prontinho! Banho do Thor agendado para " in booked
    assert moved.startswith("Mudei! Banho do Thor: era ")
    was, now = moved.removeprefix("Mudei! Banho do Thor: era ").removesuffix(". 🐾").split(", agora é ")
    assert was in booked
    assert now != was
    assert again == "Já tenho o cadastro: Thor, cachorro. Está atualizado!"
    assert pets.startswith("No seu cadastro: Thor (cachorro)")
    assert services == "Por exemplo Banho, R$ 65,00."
    assert cancelled == f"Cancelei: Banho do Thor, {now}."
    assert nothing == "Não consegui cancelar: Este cliente não tem agendamentos futuros."
    [row] = await scene.query(
        "select b.status, b.subject_id, p.name, p.size from bookings b join pets p on p.id = b.subject_id"
    )
    assert tuple(row)[::2] == ("cancelled", "Thor")
    assert row["size"] == "médio"
    assert await scene.value("select count(*) from booking_resources") == 0


async def test_a_customer_who_wants_a_person_is_told_what_happens_and_the_owner_whom_to_answer(scene: Scene) -> None:
    pod = await shop(scene)
    async with scene.worker():
        answer = await pod.answer_to(BRUNO.texts[0], BRUNO.phone)
        await until(lambda: pod.answers_to(OWNER))
    assert "Claro, vou chamar alguém da equipe." in answer
    assert "Já avisei a equipe" in answer
    assert BRUNO.phone in pod.answers_to(OWNER)[0]
    assert "Quero falar com uma pessoa sobre uma cobrança." in pod.answers_to(OWNER)[0]


async def test_the_model_learns_why_nothing_was_done_and_what_it_can_do(scene: Scene) -> None:
    pod = await shop(scene, CATALOG.read_text().replace("max_coming_bookings: 5", "max_coming_bookings: 3"))
    day = open_day()
    when = moment(day, "9h", "10h", "13h", "14h", "15h")
    text = f"Quero banho, consulta e um voo para o Rex e para a Mel {when}; depois muda ou cancela"
    calls = [
        booking(day),
        booking(day),
        booking(day, pet="Mel"),
        call("cadastrar_pet", nome="Mel", especie="gato"),
        booking(day, pet="Mel"),
        booking(day, "10:00", "voo", "Mel"),
        booking(day, "10:00", "banho", "Mel", profissional="Dra. Camila"),
        booking(day, "13:00", "consulta", "Mel", profissional="camila"),
        booking(day, "15:00", "consulta", "Mel"),
        call("cancelar_agendamento"),
        call("remarcar_agendamento", codigo="ag-999999", data=day, hora="14:00"),
        call("remarcar_agendamento", data=day, hora="09:00"),
        booking(day, "14:00", "banho", "Mel", especie="cachorro"),
        call("consultar_horarios", servico="tosa", data=day),
        call("consultar_horarios", servico="consulta", data=day, profissional="veterinári"),
    ]
    results = await served(scene, pod, text, *calls)
    first, same, unknown, _, mel, flight, nobody, vet, many, which, other, unclear, cat, clip, either = results
    assert (first["agendamento"]["ja_existia"], same["agendamento"]["ja_existia"]) == (False, True)
    assert first["agendamento"]["quando"] == f"{full_day(day)} às 10:00"
    assert unknown["erro"].startswith("Este cliente tem cadastrado: Rex. Mel não está na lista")
    assert mel["agendamento"]["pet"] == "Mel"
    assert flight["erro"].startswith("Serviço não encontrado. Os serviços são: Banho, ")
    assert nobody["erro"] == "Banho não é feito assim. Pode ser com: Banheira 1, Banheira 2."
    assert vet["agendamento"]["com"] == ["Dra. Camila (veterinária)"]
    assert cat["erro"] == "Mel está no cadastro como gato; se for outro pet, cadastre-o antes."
    assert clip["erro"] == "Pode ser mais de um: Banho e tosa, Tosa higiênica. Qual deles?"
    assert either["erro"].startswith("Pode ser mais de um: Dra. Camila (veterinária), Dr. Davi (veterinário).")
    assert many["erro"].startswith("Cada cliente pode ter até 3 agendamentos futuros")
    codes = [item["agendamento"]["codigo"] for item in (first, mel, vet)]
    for choice in (which, other, unclear):
        assert [item["codigo"] for item in choice["agendamentos"]] == codes
    assert await scene.value("select count(*) from bookings") == 3


async def test_a_model_does_not_take_what_it_is_shown_for_all_that_is_free(scene: Scene) -> None:
    pod = await shop(scene, CATALOG.read_text().replace("slot_minutes: 30", "slot_minutes: 10"))
    day = open_day()
    results = await served(
        scene,
        pod,
        f"Quero vacinação ou banho pro Rex {moment(day, '12h10')}",
        call("consultar_horarios", servico="banho", data=day),
        call("consultar_horarios", servico="banho", data=day, a_partir_de="15:00"),
        booking(day, "12:10"),
        call("consultar_servicos", servico="vacinas"),
    )
    [first], [rest] = results[0]["dias"], results[1]["dias"]
    assert first["horarios"][-1] < "15:00"
    assert first["mais"] == results[2]["mais"]
    assert first["mais"].startswith("Há mais horários livres depois destes")
    assert (rest["horarios"][0], "mais" in rest) == ("15:00", False)
    assert results[3]["aviso"].startswith("Nenhum serviço tem esse nome; estes são todos.")
    assert "Vacina V10" in [item["servico"] for item in results[3]["servicos"]]


async def test_a_pet_whose_name_is_corrected_is_no_other(scene: Scene) -> None:
    pod = await shop(scene)
    day = open_day()
    results = await served(
        scene,
        pod,
        "Quero banho pra Luna, gata, tanto faz quando. Ops, é Lunna com dois n!",
        call("cadastrar_pet", nome="Luna", especie="gato"),
        booking(day, pet="Luna"),
        call("cadastrar_pet", nome="Lunna", nome_antigo="LUNA", especie="gato"),
        booking(day, pet="lunna"),
        call("listar_pets"),
    )
    assert [results[2]["ja_existia"], results[2]["pet"]["nome"]] == [True, "Lunna"]
    assert results[3]["agendamento"]["ja_existia"]
    assert results[3]["agendamento"]["pet"] == "Lunna"
    assert [pet["nome"] for pet in results[4]["pets"]] == ["Lunna"]


async def test_nobody_changes_another_customers_booking(scene: Scene) -> None:
    pod = await shop(scene)
    day = open_day()
    [made] = await served(scene, pod, f"Quero banho para o Rex {moment(day, '10h')}", booking(day))
    code = made["agendamento"]["codigo"]
    results = await served(
        scene,
        pod,
        f"Cancela e muda para {moment(day, '14h')}",
        call("cancelar_agendamento", codigo=code),
        call("remarcar_agendamento", codigo=code, data=day, hora="14:00"),
        call("listar_pets"),
        phone=OTHER,
    )
    assert results[0] == results[1] == {"erro": "Este cliente não tem agendamentos futuros."}
    assert results[2]["pets"] == []
    assert await scene.value("select count(*) from bookings where status = 'confirmed'") == 1


async def test_a_day_that_the_customers_words_contradict_is_refused(scene: Scene) -> None:
    pod = await shop(scene)
    day = open_day()
    wrong = day + timedelta(days=1)
    results = await served(
        scene,
        pod,
        f"Quero banho para o Rex dia {day:%d/%m/%Y} às 10h, ou muda o que tem",
        booking(wrong),
        call("consultar_horarios", servico="banho", data=wrong),
        booking(day),
        call("remarcar_agendamento", data=wrong, hora="10:00"),
    )
    refusal = {
        "erro": f"O cliente não pediu {full_day(wrong)}; confirme com ele o dia.",
        "dias": [{"data": day.isoformat(), "dia": full_day(day)}],
    }
    assert results[0] == results[1] == results[3] == refusal
    assert results[2]["agendamento"]["data"] == day.isoformat()
    in_words = f"Muda o do Rex pra {weekday(wrong).upper()} q vem, as 2 da tarde"
    [refused] = await served(scene, pod, in_words, call("remarcar_agendamento", data=day, hora="14:00"))
    assert refused["erro"] == f"O cliente não pediu {full_day(day)}; confirme com ele o dia."
    assert {date.fromisoformat(other["data"]).weekday() for other in refused["dias"]} == {wrong.weekday()}


async def test_tomorrow_is_the_day_after_the_one_on_which_it_was_written(scene: Scene) -> None:
    zone, _ = calm_zones()  # where today does not end during the test
    pod = await shop(scene, settings=settings_of("petshop", max_answer_age_seconds=1e6, timezone=zone))
    today, day = datetime.now(ZoneInfo(zone)).date(), open_day(9)
    wrong, written = day + timedelta(days=1), today - timedelta(days=1)
    async with (
        running_endpoint(calling(booking(wrong), booking(day)), saying("Feito.")) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        text = f"Quero banho para o Rex daqui a {(day - written).days} dias, às 10h"
        await pod.answer_to(text, sent_at=datetime.now(UTC) - timedelta(days=1))
        refused, booked = endpoint.tool_results()
        now = endpoint.requests[0]["messages"][1]["content"]
    assert refused["dias"] == [{"data": day.isoformat(), "dia": full_day(day)}]
    assert booked["agendamento"]["data"] == day.isoformat()
    assert f"O cliente escreveu mensagens que você responde agora em {full_day(written)}: " in now


async def test_what_the_customer_has_not_asked_for_is_not_done(scene: Scene) -> None:
    pod = await shop(scene)
    day = open_day()
    unasked = [
        booking(day),
        call("cadastrar_pet", nome="Rex", especie="gato"),
        call("remarcar_agendamento", data=day, hora="14:00"),
        call("cancelar_agendamento"),
    ]
    results = await served(scene, pod, "Oi, tudo bem?", *unasked)
    assert [result["chamada_invalida"][0][:18] for result in results] == ["o cliente não pediu"[:18]] * 4
    assert await scene.value("select count(*) from pets") == 0


async def test_a_booking_that_begins_too_soon_is_changed_by_people_only(scene: Scene) -> None:
    pod = await shop(scene)
    day = open_day()
    await served(scene, pod, f"Quero banho para o Rex {moment(day, '10h')}", booking(day))
    soon = datetime.now(ZONE) + timedelta(hours=1)
    await scene.query("update bookings set starts_at = $1, ends_at = $2", soon, soon + timedelta(hours=1))
    moved, cancelled = await served(
        scene,
        pod,
        f"Muda o banho para {moment(day, '14h')}, ou cancela",
        call("remarcar_agendamento", data=day, hora="14:00"),
        call("cancelar_agendamento"),
    )
    assert moved["erro"] == cancelled["erro"]
    assert moved["erro"].endswith("só pode ser mudado ou cancelado com 2 horas de antecedência.")
    assert await scene.value("select count(*) from bookings where status = 'confirmed' and starts_at = $1", soon) == 1


@asynccontextmanager
async def locked(scene: Scene, statement: str, *values: object) -> AsyncIterator[asyncpg.Connection]:
    """A transaction that has run a statement which locks something."""
    connection = await asyncpg.connect(scene.admin_url)
    await connection.execute("begin")
    await connection.fetch(statement, *values)
    try:
        yield connection
    finally:
        await connection.close()


async def waiting(scene: Scene, what: str, how_many: int = 1) -> None:
    """Wait until so many statements with this text wait for a lock."""
    query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%' || $1 || '%'"

    async def reached() -> bool:
        return bool(await scene.value(query, what) == how_many)

    await until(reached, 60)


async def test_who_comes_second_in_the_same_moment_gets_other_times(scene: Scene) -> None:
    pod = await shop(scene)
    day = open_day()
    order = {"servico": "banho e tosa", "data": day.isoformat(), "hora": "10:00", "nome_pet": "Rex"}
    await scene.model.script(
        {"user": "tosa", "calls": [{"tool": "agendar_servico", "arguments": order}]},
        {"after": "agendar_servico", "has": "result.agendamento", "reply": "sim"},
        {"after": "agendar_servico", "reply": "{result.erro} {result.horarios}"},
    )
    async with scene.worker():
        async with locked(scene, "select locked_agenda($1)", org(SETTINGS)) as agenda:
            for phone in (CUSTOMER, OTHER):
                pod.receive(f"Quero banho e tosa para o Rex {moment(day, '10h')}", phone)
            await waiting(scene, "lock_agenda", 2)
            # Who waits for the agenda holds no contact whom its holder may need.
            await agenda.execute("set local lock_timeout = '2s'; update contacts set facts_version = facts_version")
        await until(lambda: len(pod.sent) == 2)
    first, second = sorted((*pod.answers_to(CUSTOMER), *pod.answers_to(OTHER)), key=len)
    assert first.endswith("sim")
    assert f"10:00 não está livre em {full_day(day)}. 13:00, 13:30" in second
    assert await scene.value("select count(*) from bookings") == 1


@pytest.mark.timeout(300)
async def test_a_worker_that_is_killed_between_an_effect_and_the_end_repeats_none(scene: Scene) -> None:
    pod = await shop(scene)
    day = open_day()
    first = calling(
        call("cadastrar_pet", nome="Rex", especie="cachorro"),
        booking(day),
        call("remarcar_agendamento", data=day, hora="14:00"),
    )
    prepared = asyncio.Event()

    async def cancelling(request: web.Request) -> web.StreamResponse:
        await prepared.wait()
        return await calling(call("cancelar_agendamento"))(request)

    async with running_endpoint(first, cancelling, saying("Feito.")) as endpoint:
        # Longer than this machine stalls; the lease of a killed worker is ended below.
        worker = scene.process(OXY_OPENAI_BASE_URL=endpoint.base_url, OXY_LEASE_SECONDS="120")
        worker.start()
        pod.receive(f"Cadastra o Rex, cachorro, marca banho {moment(day, '10h')}, muda para as 14h e cancela")
        try:
            await until(lambda: len(endpoint.requests) == 2, 150)  # a process has started, three tools have acted
            async with locked(scene, "select locked_agenda($1)", org(SETTINGS)) as agenda:
                prepared.set()
                await waiting(scene, "locked_agenda")
                async with locked(scene, "select from turn_steps for update"):
                    await agenda.execute("rollback")
                    await waiting(scene, "store_result")  # the fourth has acted, in a transaction that has not ended
                    worker.kill()
        finally:
            worker.kill()
        await scene.query("update conversations set lease_until = now(), due_at = now()")
        await scene.query("update org_queue set ready_at = now()")
        async with scene.worker(openai_base_url=endpoint.base_url):
            await until(lambda: pod.sent, 60)
        results = endpoint.tool_results()
    booked, moved, cancelled = results[1]["agendamento"], results[2]["agendamento"], results[3]["cancelado"]
    assert [item["ja_existia"] for item in (results[0], booked, moved, cancelled)] == [False] * 4
    assert results[2]["antes"] == booked["quando"]
    assert len(pod.sent) == 1
    rows = await scene.query("select status from bookings")
    assert [row["status"] for row in rows] == ["cancelled"]
    assert await scene.value("select count(*) from pets") == 1
