"""What a business writes without being asked, as its people order it with `oxy` and its customers' phones show it."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from integration.system.conftest import PROMOTER, SHARED
from integration.system.kubernetes import serving_kubernetes
from integration.system.promoter import A_WEEK_LATER, ANA, BIA, CAIO, DAVI, OWN, OWNER, QUIETLY, Promoter
from integration.system.test_outgoing import until
from integration.system.unasked_days import (
    ZONE,
    a_campaign_is_drafted_with_aurora_and_sent_at_her_owners_yes,
    each_shipped_automation_reaches_its_phone,
    what_aurora_writes_on_her_own_reaches_her_owner,
)

from oxy_dev.stack import Stack
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.testing import WhatsApp

pytestmark = SHARED

STRANGER = "+5511912341009"
"""Of whom the business knows the number, and who has never written to it."""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20_000)
REMINDERS = "automations: [{name: lembrete-24h, enabled: true}]"
BOOKING = """
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at,
    status)
select s.organization_id, c.id, s.id, 'Thor', s.price_cents, now() + interval '24 hours 30 minutes',
    now() + interval '25 hours 30 minutes', now() - interval '9 days', 'confirmed'
from services s join contacts c on c.organization_id = s.organization_id and c.phone = $1 order by s.id limit 1
"""
THE_TIME_COMES = """
update bookings set starts_at = starts_at - interval '40 minutes', ends_at = ends_at - interval '40 minutes'
where subject = 'Thor'
"""
BROKEN = {"kind": "status", "status": 400, "user": "^quebra", "times": None}
"""What the scripted model is to do to a question: refuse it, however often it is asked, so that the turn fails."""
DEAD = """
select 'turn:' || o.name || ':' || t.id from turns t join organizations o on o.id = t.organization_id
where t.state = 'dead' and o.name = $1
"""


@pytest.fixture
async def shop(stack: Stack, tmp_path: Path) -> AsyncIterator[Promoter]:
    admin = await asyncpg.connect(stack.admin_url)
    try:
        async with serving_kubernetes(stack, tmp_path) as cluster, WhatsApp(stack.control_url) as whatsapp:
            yield Promoter(cluster, whatsapp, admin, tmp_path)
    finally:
        await admin.close()


async def test_what_people_order_is_what_the_phones_show_and_what_they_are_told(stack: Stack, shop: Promoter) -> None:
    await shop.meet(Ana=ANA, Bia=BIA, Caio=CAIO, Davi=DAVI)
    await a_picture_is_sent_and_counted(shop)
    await a_paused_campaign_goes_on_and_is_cancelled(shop)
    await a_reminder_is_foretold_and_sent(shop)
    await a_dead_letter_is_replayed_and_another_dropped(stack, shop)
    await a_lock_of_whatsapp_stops_what_promotes(shop)
    await each_shipped_automation_reaches_its_phone(shop)
    await what_aurora_writes_on_her_own_reaches_her_owner(shop)
    await a_campaign_is_drafted_with_aurora_and_sent_at_her_owners_yes(stack, shop)


async def a_picture_is_sent_and_counted(shop: Promoter) -> None:
    file = shop.campaign("Natal", media=PNG)
    created = await shop.told("campaign", "create", "promoter", "-f", file)
    assert (created["outcome"], created["preview"]["recipients"]) == ("created", 4)
    shown = await shop.cluster.oxy("campaign", "preview", "promoter", "-f", file)
    assert "To todos os clientes: 4" in shown
    assert "Oi, Davi! Natal na Pet Shop Aurora." in shown
    assert await shop.arrived("Natal na", "sent") == 0
    assert "is approved: each recipient gets it once" in await shop.cluster.oxy(
        "campaign", "approve", "promoter", "-f", file
    )
    for phone in shop.phones.values():
        message = await phone.expect(re.compile("Natal na"), within=60, kind="image")
        assert await phone.file(message.id) == PNG
    await shop.phones[ANA].act("mark", chat=OWN)
    await shop.answered(ANA, "quero sim")
    await shop.phones[BIA].send("PARAR", OWN)
    await shop.phones[BIA].expect(within=60)
    delivered, read = [await shop.arrived("Natal na", stage) for stage in ("delivered", "read")]
    counted = {"sent": 4, "delivered": delivered, "read": read, "answered": 2, "opted_out": 1, "waiting": 0}
    assert (delivered, read) == (4, 1)
    await shop.reported("Natal", **counted)


async def a_paused_campaign_goes_on_and_is_cancelled(shop: Promoter) -> None:
    file = shop.campaign("Ano Novo")
    for verb in ("create", "approve"):
        await shop.cluster.oxy("campaign", verb, "promoter", "-f", file)
    await shop.admin.execute(QUIETLY)
    await shop.reported("Ano Novo", recipients=3, waiting=3)
    waiting = await shop.cluster.oxy("campaign", "report", "promoter", "--name", "Ano Novo")
    assert re.search(r"^waiting +3 +█+$", waiting, re.MULTILINE), waiting
    assert "Some wait: the contact got a promotion (spec.limits.proactiveIntervalDays), until " in waiting
    assert "is paused" in await shop.cluster.oxy("campaign", "pause", "promoter", "-f", file)
    await shop.admin.execute(A_WEEK_LATER, CAIO)
    await shop.phones[CAIO].expect_nothing(within=2)
    assert "goes on" in await shop.cluster.oxy("campaign", "resume", "promoter", "-f", file)
    await shop.phones[CAIO].expect(re.compile("Ano Novo na"), within=60, kind="text")
    assert "2 who waited get nothing" in await shop.cluster.oxy("campaign", "cancel", "promoter", "--name", "Ano Novo")
    await shop.reported("Ano Novo", recipients=3, sent=1, cancelled=2, waiting=0)
    listed = await shop.cluster.oxy("campaign", "list", "promoter")
    now = datetime.now(ZONE)
    offset = re.escape(now.isoformat()[-len("-03:00") :]) if now.utcoffset() else "UTC"
    assert re.search(rf"^Ano Novo +cancelled +.* {offset} .*\nNatal +approved ", listed, re.MULTILINE), listed


async def a_reminder_is_foretold_and_sent(shop: Promoter) -> None:
    assert re.search(r"^lembrete-24h +no ", await shop.cluster.oxy("automation", "list", "promoter"), re.MULTILINE)
    await shop.admin.execute(BOOKING, CAIO)
    await shop.cluster.oxy("automation", "apply", "promoter", "-f", shop.file("reminders.yaml", REMINDERS))
    foretold = await shop.cluster.oxy("automation", "test", "promoter", "--days", "2")
    assert re.search(r"lembrete-24h +Caio +.*Passando para lembrar", foretold), foretold
    assert await shop.cluster.oxy("automation", "history", "promoter") == "Nothing has been due yet.\n"
    await shop.admin.execute(THE_TIME_COMES)
    await shop.phones[CAIO].expect(re.compile("Passando para lembrar"), within=60)
    await shop.phones[CAIO].send("sim", OWN)
    await shop.phones[CAIO].expect(re.compile("^Combinado, está confirmado: "), within=60)

    async def told() -> bool:
        shown = await shop.cluster.oxy("automation", "history", "promoter")
        return re.search(r"lembrete-24h .*told, (sent|delivered)", shown) is not None

    await until(told)


async def a_dead_letter_is_replayed_and_another_dropped(stack: Stack, shop: Promoter) -> None:
    mine = ("--organization", PROMOTER.spec.organization_id)
    letter = await dead_letter(stack, shop, "quebra uma")
    assert re.search(rf"^{letter} +turn +promoter +promoter ", await shop.cluster.oxy("dlq", "ls", *mine), re.MULTILINE)
    shown = await shop.cluster.oxy("dlq", "show", letter)
    assert "reason: the model's endpoint answered with HTTP status 400\ninputs:\n- quebra uma\n" in shown
    assert "is due again" in await shop.cluster.oxy("dlq", "replay", letter)
    await shop.phones[DAVI].expect("quebra uma", within=60)
    letter = await dead_letter(stack, shop, "quebra outra")
    assert "is dropped" in await shop.cluster.oxy("dlq", "drop", letter)
    assert await shop.cluster.oxy("dlq", "ls", *mine) == "There are no dead letters.\n"
    gone = await shop.cluster.attempt("dlq", "replay", letter)
    assert (gone.returncode, "there is no dead letter" in gone.stderr) == (1, True)


async def dead_letter(stack: Stack, shop: Promoter, text: str) -> str:
    """Have a customer write what no attempt can answer, until the model has come to its senses; return the letter."""
    faults = f"http://127.0.0.1:{stack.model_port}/faults"
    async with aiohttp.ClientSession() as session:
        async with session.post(faults, json=BROKEN) as answer:
            assert answer.status == HTTPStatus.CREATED, await answer.text()
        await shop.phones[DAVI].send(text, OWN)
        found = await until(lambda: shop.admin.fetchval(DEAD, PROMOTER.spec.organization_id))
        async with session.delete(faults) as answer:
            assert answer.status == HTTPStatus.NO_CONTENT
    return str(found)


async def a_lock_of_whatsapp_stops_what_promotes(shop: Promoter) -> None:
    await shop.meet(Marina=OWNER)
    stranger = await shop.whatsapp.phone(STRANGER, "Eva")
    await shop.cluster.oxy("send", "promoter", STRANGER, "Olá, Eva!")
    await stranger.expect("Olá, Eva!", within=60)
    await shop.whatsapp.api.fault(FaultKind.REACHOUT_LOCK, OWN)
    file = shop.campaign("Carnaval", basis="opted_in")
    for verb in ("create", "approve"):
        await shop.cluster.oxy("campaign", verb, "promoter", "-f", file)

    stopped = (
        "select true from reputation r join instances i on i.id = r.instance_id where i.name = $1 and paused_for = $2"
    )
    await until(lambda: shop.admin.fetchval(stopped, PROMOTER.name, "reachout_locked"))
    assert (
        "WhatsApp lets the number write to nobody first. To go on: oxy campaign resume promoter -n plain --instance"
    ) in await shop.cluster.oxy("status", "promoter")
    await shop.answered(DAVI, "e aí")
    await shop.phones[OWNER].expect(re.compile("não deixa mais este número iniciar conversas"), within=60)
    assert await shop.arrived("Carnaval na", "delivered") == 0
    shown = await shop.cluster.oxy("campaign", "report", "promoter", "--name", "Carnaval")
    # All wait: four, and whoever has written to this business in another test before.
    nobody_has_it = r"^recipients +([45]) .*\nwaiting +\1 .*\nsent +0\nSome wait: the number was stopped\.$"
    assert re.search(nobody_has_it, shown, re.MULTILINE), shown

    # A person may let it go on too early: the next message is really tried, and the number stops again.
    await shop.cluster.oxy("campaign", "resume", "promoter", "--instance")
    await until(lambda: shop.admin.fetchval(f"{stopped} and pauses = 2", PROMOTER.name, "reachout_locked"))
    await shop.whatsapp.clear_faults()
    await shop.cluster.oxy("campaign", "resume", "promoter", "--instance")
    await stranger.expect(re.compile("Carnaval na"), within=60)
    await shop.cluster.oxy("campaign", "cancel", "promoter", "--name", "Carnaval")
