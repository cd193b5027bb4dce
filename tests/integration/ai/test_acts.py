"""Everything that Aurora does for an owner: what she says will happen, what happens, and what has changed meanwhile."""

import re
from datetime import UTC, datetime, timedelta

from integration.ai.owner import DAY, PAST, audited, booked, opened, states, with_customer
from integration.ai.scene import CUSTOMER, Scene, settings_of, until

from oxy_core.instance.settings import AiSettings

OTHER = "+5511912340002"
ON = f"{DAY:%d/%m/%Y}"
OWNS = "contact:2"
ISO = f"{DAY:%Y-%m-%d}"


async def test_conversations_are_taken_over_and_handed_back(scene: Scene) -> None:
    async with opened(scene) as owner:
        await with_customer(owner, "Ana")
        await with_customer(owner, "Ana", OTHER)
        refused = await owner.is_refused("assume a ana", "assumir_conversa", cliente="Ana")
        assert (
            refused
            == f"Há mais de um: “Ana” ({OTHER}); “Ana” ({CUSTOMER}). Pergunte ao dono qual, e use o telefone dele."
        )
        intent = await owner.is_asked("assume a primeira", "assumir_conversa", cliente="91234-0001", minutos=60)
        assert intent == (
            f"Vou deixar a conversa com “Ana” ({CUSTOMER}) para vocês: não respondo nela por 1 hora, ou até você me "
            "devolver a conversa. O cliente não recebe aviso disso."
        )
        done = await owner.hears("sim")
        assert done.startswith(f"Pronto! Não respondo a conversa com “Ana” ({CUSTOMER}) até ")
        owner.pod.receive("Tem alguém?")
        await until(lambda: scene.query("select from messages where body = 'Tem alguém?'"))
        intent = await owner.is_asked("devolve", "devolver_conversa", cliente=CUSTOMER)
        assert (
            intent
            == f"Vou voltar a responder a conversa com “Ana” ({CUSTOMER}). Há 1 mensagem esperando, que respondo logo."
        )
        assert (await owner.hears("pode")).endswith("Vou responder 1 mensagem.")
        await until(lambda: len(owner.pod.answers_to(CUSTOMER)) == 2)
        assert "já está com a assistente" in await owner.is_refused(
            "devolve ela", "devolver_conversa", cliente=CUSTOMER
        )
        await owner.is_asked("assume de novo", "assumir_conversa", cliente=CUSTOMER)
        await owner.hears("sim")
        await owner.is_asked("devolve de novo", "devolver_conversa", cliente=CUSTOMER)
        await scene.query("update conversations set human_until = null, human_since = null, human_reason = null")
        assert (
            await owner.hears("sim")
            == f"A conversa com “Ana” ({CUSTOMER}) já tinha voltado para a assistente. Não fiz nada."
        )
        assert await states(scene) == ["done", "done", "done", "undone"]
    assert "conversation_taken_over" in await audited(scene)


async def test_a_contact_is_private(scene: Scene) -> None:
    async with opened(scene) as owner:
        await with_customer(owner, "Tia Bia")
        intent = await owner.is_asked("a bia é da família", "marcar_contato_particular", cliente="bia")
        assert intent.startswith(f"Vou marcar “Tia Bia” ({CUSTOMER}) como contato particular: não respondo mais")
        await owner.hears("sim")
        owner.pod.receive("Oi de novo")
        await until(lambda: scene.query("select from turns where reason = 'private'"))
        await owner.is_asked("desfaz", "marcar_contato_particular", cliente=CUSTOMER, particular="false")
        await scene.query("update contacts set private = false")
        assert (await owner.hears("sim")).endswith("já estava assim. Não fiz nada.")


async def test_the_agenda_changes_and_says_whom_it_touches(scene: Scene) -> None:
    async with opened(scene) as owner:
        await with_customer(owner, "Ana")
        await booked(scene, CUSTOMER, DAY, "10:00")
        intent = await owner.is_asked(
            "bloqueia", "bloquear_horario", data=ISO, inicio="09:30", fim="11:00", motivo="Luz"
        )
        left = (
            "1 agendamento continua marcado nesse tempo, e é preciso combinar com os clientes, que não recebem aviso: "
            f"{DAY:%d/%m} 10:00 Banho de Rex (Ana)."
        )
        assert re.fullmatch(rf"Vou bloquear 09:30 às 11:00 de [^,]+, {ON} \(motivo: Luz\)\. {re.escape(left)}", intent)
        assert (await owner.hears("sim")).startswith("Pronto! ")
        intent = await owner.is_asked(
            "abre menos", "mudar_horario_de_funcionamento", primeiro_dia=ISO, horarios=["09:00-12:00"]
        )
        assert "mudar o horário da loja em" in intent
        assert intent.endswith(f"para 09:00 às 12:00. {left}")
        assert (await owner.hears("isso")).startswith("Pronto! ")
        intent = await owner.is_asked("folga do davi", "fechar_dia", primeiro_dia=ISO, profissional="Davi")
        assert intent.startswith("Vou dar folga a Davi em ")
        assert intent.endswith("Nenhum agendamento fica de fora.")
        await scene.query(
            "insert into overlays (organization_id, kind, begins, ends, resource_id, reason, made_by) "
            "select organization_id, 'closed', $1::date, $1::date + 1, id, 'x', 'oxy agenda' from resources "
            "where key = 'davi'",
            DAY,
        )
        assert await owner.hears("sim") == "A agenda já estava assim. Não fiz nada."
        past = await owner.is_refused("fecha ontem", "fechar_dia", primeiro_dia=f"{PAST:%Y-%m-%d}")
        assert past.startswith("Esse dia ou horário já passou")
        rows = await scene.query("select kind, made_by from overlays order by id")
    assert [tuple(row) for row in rows] == [("blocked", OWNS), ("hours", OWNS), ("closed", "oxy agenda")]


async def test_bookings_are_made_and_settled(scene: Scene) -> None:
    async with opened(scene) as owner:
        await with_customer(owner, "Ana")
        wish = {"cliente": "ana", "servico": "banho", "data": ISO, "para": "Rex"}
        intent = await owner.is_asked("marca a ana", "agendar_para_cliente", hora="14:00", **wish)
        assert re.fullmatch(
            rf"Vou agendar para “Ana” \(\{CUSTOMER}\): Banho de Rex, [^,]+, {ON} às 14:00, R\$ 65,00\. "
            r"Ele não recebe aviso\.",
            intent,
        )
        assert (await owner.hears("sim")).startswith("Pronto! Agendei para “Ana”")
        taken = await owner.is_refused("marca outra", "agendar_para_cliente", hora="14:30", **wish)
        assert "não está livre. Nesse dia há: " in taken
        await owner.is_asked("marca cedo", "agendar_para_cliente", hora="09:00", **wish)
        await booked(scene, CUSTOMER, DAY, "09:00", subject="Mimi")
        assert "não está livre. Nesse dia há: " in (late := await owner.hears("sim"))
        assert late.endswith("Não fiz nada.")
        number = await booked(scene, CUSTOMER, PAST, "10:00", subject="Bob")
        intent = await owner.is_asked("a ana faltou", "marcar_agendamento", situacao="faltou", quem="ana")
        assert intent.startswith("Vou marcar como falta do cliente: Banho de Bob (“Ana”), ")
        assert (await owner.hears("sim")).startswith("Pronto! Marcado como falta: ")
        assert await scene.value("select status from bookings where id = $1", number) == "no_show"
        other = await booked(scene, CUSTOMER, PAST, "15:00", subject="Lua")
        await owner.is_asked("lua feita", "marcar_agendamento", situacao="feito", codigo=f"ag-{other}")
        await scene.query("update bookings set status = 'cancelled' where id = $1", other)
        assert (await owner.hears("sim")).startswith("Esse agendamento já está como cancelado: ")
        nothing = await owner.is_refused("faltou?!", "marcar_agendamento", situacao="faltou", quem="zeca")
        assert nothing.startswith("Não encontrei um agendamento")
        assert await states(scene) == ["done", "undone", "done", "undone"]


async def test_the_assistant_pauses_and_answers_what_waits_when_it_resumes(scene: Scene) -> None:
    async with opened(scene) as owner:
        await with_customer(owner, "Ana")
        assert "até você pedir para eu voltar" in await owner.is_asked("pausa", "pausar_assistente")
        await owner.hears("sim")
        owner.pod.receive("Tem vaga?")
        await until(lambda: scene.query("select from turns where reason = 'paused'"))
        owner.pod.receive("Alguém?")
        await until(lambda: scene.query("select from messages where body = 'Alguém?'"))
        assert len(owner.pod.answers_to(CUSTOMER)) == 1
        assert await owner.is_asked("volta", "retomar_assistente") == (
            "Vou voltar a responder os clientes. Respondo agora 1 conversa que espera."
        )
        assert (await owner.hears("👍")).startswith("Pronto! Voltei a responder os clientes.")
        await until(lambda: len(owner.pod.answers_to(CUSTOMER)) == 2)
        rows = await scene.query("select distinct turn_id from messages where body in ('Tem vaga?', 'Alguém?')")
        assert len(rows) == 1


async def test_overlays_outlive_settings_until_their_field_changes(scene: Scene) -> None:
    trial = AiSettings(debounce_seconds=0, mode="Only", only_phones=(OTHER,))
    async with opened(scene, ai=trial) as owner:
        intent = await owner.is_asked("pode valer", "sair_do_modo_teste")
        assert intent.startswith("Vou sair do modo de teste: passo a responder todos os clientes")
        await owner.hears("sim")
        await with_customer(owner)
        again = settings_of("petshop", ai=trial, generation=2, display_name="Outro nome")
        await scene.publish(again)
        await until(lambda: scene.query("select from instances where settings ->> 'display_name' = 'Outro nome'"))
        assert await scene.value("select settings #>> '{ai,mode}' from instances") == "Live"
        assert await scene.value("select applied #>> '{ai,mode}' from instances") == "Only"
        changed = trial.model_copy(update={"mode": "Draft"})
        await scene.publish(settings_of("petshop", ai=changed, generation=3))
        await until(lambda: scene.query("select from setting_overlays where ended = 'changed'"))
        assert await scene.value("select settings #>> '{ai,mode}' from instances") == "Draft"
        soon = datetime.now(UTC) - timedelta(hours=3) + timedelta(hours=2)
        await owner.is_asked("pausa ate", "pausar_assistente", ate_dia=f"{soon:%Y-%m-%d}", ate_hora=f"{soon:%H:%M}")
        await owner.hears("sim")
        assert await scene.value("select settings #>> '{ai,paused}' from instances") == "true"
        await scene.query("update setting_overlays set until = now() - interval '1 second' where ended_at is null")
        await until(lambda: scene.query("select from instances where settings #>> '{ai,paused}' = 'false'"))
        assert await scene.value("select ended from setting_overlays order by id desc limit 1") == "over"
