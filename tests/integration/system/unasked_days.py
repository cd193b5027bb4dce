"""What a shop writes on its days, by its automations and by Aurora. Rows are shifted in time, never clocks."""

import asyncio
import json
import re
from datetime import datetime, timedelta
from http import HTTPStatus
from zoneinfo import ZoneInfo

import aiohttp
from integration.system.conftest import PROMOTER
from integration.system.promoter import ANA, CAIO, DAVI, OWN, OWNER, QUIETLY, Promoter
from integration.system.test_outgoing import until

from oxy_core.identity import Jid
from oxy_dev.stack import Stack

ZONE = ZoneInfo(PROMOTER.spec.timezone)
GIL, HUGO, IRIS, JOCA, LIA, NINA = (f"+55119123410{number}" for number in range(11, 17))
WHO_STAYS_AWAY, WHO_COMES = "+5511912341021", "+5511912341022"
"""Customers without phones of whom the figures tell."""
ALL_DAY = "00:00-23:59"

CUSTOMER = """
with c as (
    insert into contacts (organization_id, instance_id, name, phone)
    select i.organization_id, i.id, $2, $3 from instances i where i.name = $1 returning *
)
insert into conversations (organization_id, instance_id, contact_id, chat)
select c.organization_id, c.instance_id, c.id, $4 from c
"""
BOOKING = """
insert into bookings (
    organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at, status, changed_at
)
select s.organization_id, c.id, s.id, 'Rex', s.price_cents, $3::timestamptz, $3::timestamptz + interval '1 hour', $4,
    $5, $6
from services s join contacts c on c.organization_id = s.organization_id and c.phone = $1 where s.key = $2
"""
PET = """
insert into pets (organization_id, contact_id, name, birth)
select c.organization_id, c.id, 'Rex', $2 from contacts c where c.phone = $1
"""
WEEKS_LATER = "update outbox set released_at = released_at - interval '8 days' where purpose = 'promotion'"
FIRST_WROTE = "update contacts set created_at = $2 where phone = $1"
IS_DUE = """
with due as (
    update schedules s set due_at = now() from instances i where i.id = s.instance_id and i.name = $1
    returning s.instance_id
)
update schedule_queue q set due_at = now() where q.instance_id in (select instance_id from due)
"""
NEARLY_SPENT = """
update ai_months m set spent_microdollars = 90000000 from instances i where i.id = m.instance_id and i.name = $1
"""
"""Of a budget of 100 dollars."""
WAS_AWAY = """
update connection_states c
set outage_since = now() - interval '40 minutes', outage_until = now() - interval '5 minutes'
from instances i where i.id = c.instance_id and i.name = $1
"""
ASKED = """
select true from proposals p join outbox o on o.id = p.question_id
where p.state = 'open' and o.state in ('sent', 'delivered', 'read')
"""
IDEA = {"nome": "Saudade", "texto": "Oi, {nome|tudo bem}! Saudade de você.", "segmento": {}}
WISHES = (
    ("bola uma campanha", "sugerir_campanha", json.dumps(IDEA), "Guardei."),
    ("pode mandar", "enviar_campanha", json.dumps({"campanha": "Saudade"}), "Certo."),
)
"""What the scripted model does at the owner's words."""


async def each_shipped_automation_reaches_its_phone(shop: Promoter) -> None:
    now = datetime.now(ZONE)
    due = now.replace(second=0, microsecond=0) - timedelta(minutes=2)
    for number, name in ((GIL, "Gil"), (HUGO, "Hugo"), (IRIS, "Iris"), (JOCA, "Joca"), (LIA, "Lia"), (NINA, "Nina")):
        shop.phones[number] = await shop.whatsapp.phone(number, name)
        await shop.admin.execute(CUSTOMER, PROMOTER.name, name, number, str(Jid.of_phone(number)))
    hour = timedelta(hours=1)
    long_ago = now - timedelta(days=400)
    for phone, service, starts_at, made_at, status, changed_at in (
        (CAIO, "consulta", now + timedelta(days=3), now, "confirmed", None),
        (DAVI, "banho", now + timedelta(minutes=115), long_ago, "confirmed", None),
        (GIL, "banho", now - 4 * hour, long_ago, "no_show", now - timedelta(minutes=125)),
        (HUGO, "consulta", now - 4 * hour - timedelta(minutes=5), long_ago, "confirmed", None),
        (IRIS, "vacina-v10", due - timedelta(days=365) - hour, long_ago, "done", None),
        (JOCA, "banho", due - timedelta(days=30) - hour, long_ago, "done", None),
        (NINA, "consulta", due - timedelta(days=60) - hour, long_ago, "done", None),
    ):
        await shop.admin.execute(BOOKING, phone, service, starts_at, made_at, status, changed_at)
    await shop.admin.execute(PET, LIA, f"2020-{due:%m-%d}")
    await shop.admin.execute(FIRST_WROTE, ANA, due - timedelta(days=1))
    for past in (QUIETLY, WEEKS_LATER):
        await shop.admin.execute(past)
    always = [f"{{name: {name}, enabled: true}}" for name in ("confirmacao", "lembrete-2h")]
    by_day = [f'{{name: {name}, enabled: true, window: "{ALL_DAY}"}}' for name in ("falta", "agradecimento")]
    promoting = ("vacina", "banho", "aniversario", "inativo", "boas-vindas")
    by_clock = [f'{{name: {name}, enabled: true, at: "{due:%H:%M}"}}' for name in promoting]
    entries = "".join(f"\n- {entry}" for entry in (*always, *by_day, *by_clock))
    await shop.cluster.oxy("automation", "apply", "promoter", "-f", shop.file("all.yaml", f"automations:{entries}"))
    await asyncio.gather(
        shop.receives(CAIO, "Está marcado: "),
        shop.receives(DAVI, "Seu horário está chegando: "),
        shop.receives(GIL, "Sentimos a falta de Rex"),
        shop.receives(HUGO, "Obrigado por trazer Rex"),
        shop.receives(IRIS, "A próxima Vacina V10 de Rex já está na época"),
        shop.receives(JOCA, "Rex já pode estar precisando de um Banho"),
        shop.receives(LIA, "Parabéns para Rex!"),
        shop.receives(NINA, "não vemos Rex por aqui"),
        shop.receives(ANA, "Que bom ter você com a gente"),
    )
    await shop.phones[DAVI].send("cancelar", OWN)
    await shop.receives(DAVI, "Tudo bem, cancelei: Banho de Rex, ")
    await shop.receives(OWNER, "Cancelamento em cima da hora, em resposta ao lembrete: Davi")


async def what_aurora_writes_on_her_own_reaches_her_owner(shop: Promoter) -> None:
    now = datetime.now(ZONE)
    for number, name in ((WHO_STAYS_AWAY, "Yara"), (WHO_COMES, "Zoe")):
        await shop.admin.execute(CUSTOMER, PROMOTER.name, name, number, str(Jid.of_phone(number)))
    visits = [(WHO_STAYS_AWAY, now - timedelta(days=days)) for days in (63, 78, 93)]
    # On whichever day the shop opens next, four had booked by now in each week before.
    days = [now - timedelta(weeks=week) + timedelta(days=day) for week in range(1, 7) for day in range(1, 7)]
    visits += [(WHO_COMES, day) for day in days for _ in range(4)]
    done = [(phone, "consulta", at, now - timedelta(days=200), "done", None) for phone, at in visits]
    await shop.admin.executemany(BOOKING, done)
    # A day on which it is closed tells of no empty agenda. The next one is as always: what is usual is of open days.
    open_today = (f"{now:%Y-%m-%d}", "--hours", "08:00-18:00")
    await shop.cluster.oxy("agenda", "hours", "promoter", *open_today, "--reason", "Aberto")
    await shop.admin.execute(NEARLY_SPENT, PROMOTER.name)
    await shop.admin.execute(WAS_AWAY, PROMOTER.name)
    await shop.admin.execute(IS_DUE, PROMOTER.name)
    came = await shop.receives(
        OWNER,
        "🌙 Resumo de hoje",
        "📊 Relatório da semana",
        "Receita, ",
        "📅 Agenda vazia: ",
        "💡 Oportunidades da semana",
        "⚠️ O WhatsApp da loja ficou sem conexão, e já voltou",
        "⚠️ Já usei quase todo o limite de gastos",
    )
    [chart] = [message for message in came if message.kind == "image"]
    assert chart.text.startswith("Receita, ")
    assert (await shop.phones[OWNER].file(chart.id)).startswith(b"\x89PNG")
    [alert] = [message.text for message in came if "Agenda vazia" in message.text]
    assert "Quer que eu prepare uma mensagem para " in alert


async def a_campaign_is_drafted_with_aurora_and_sent_at_her_owners_yes(stack: Stack, shop: Promoter) -> None:
    rules = []
    for said, tool, arguments, reply in WISHES:
        rules.append({"name": tool, "user": f"^{said}$", "calls": [{"tool": tool, "arguments": arguments}]})
        rules.append({"name": f"{tool} done", "user": f"^{said}$", "after": tool, "reply": reply})
    at = f"http://127.0.0.1:{stack.model_port}/rules"
    owner = shop.phones[OWNER]
    async with aiohttp.ClientSession() as session:
        async with session.post(at, json=rules) as answer:
            assert answer.status == HTTPStatus.CREATED, await answer.text()
        await owner.send("bola uma campanha", OWN)
        await owner.expect(re.compile("Guardei"), within=60)
        await owner.send("pode mandar", OWN)
        await owner.expect(re.compile("^❓ Vou enviar a campanha “Saudade” para "), within=60)
        async with session.delete(at) as answer:
            assert answer.status == HTTPStatus.NO_CONTENT
    for past in (QUIETLY, WEEKS_LATER):
        await shop.admin.execute(past)
    assert await shop.arrived("Saudade de você", "sent") == 0
    await until(lambda: shop.admin.fetchval(ASKED))
    await owner.send("sim", OWN)
    await owner.expect(re.compile("^Pronto! A campanha “Saudade” foi aprovada"), within=60)
    await asyncio.gather(
        shop.receives(CAIO, "Oi, Caio! Saudade de você."), shop.receives(HUGO, "Oi, Hugo! Saudade de você.")
    )
