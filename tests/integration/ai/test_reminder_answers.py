"""Customers answer reminders by word, by hand, hours later or about something else, and are told what came of it."""

import json

from integration.ai.business import Business, opened
from integration.ai.scene import CUSTOMER, OWNER, Scene, until
from integration.ai.test_perception import says

from oxy_core.content import Quote, Reaction, Target
from oxy_core.instance.settings import AiSettings
from oxy_core.message_kinds import MessageKind

RUI = "+5511912340002"
BIA = "+5511912340003"
LIA = "+5511912340004"
EVA = "+5511912340005"
REMINDER = "name: lembrete-24h, enabled: true"
SOON = "name: lembrete-2h, enabled: true"


async def reminder_to(shop: Business, phone: str) -> str:
    """WhatsApp's id of the newest reminder."""
    return str(
        await shop.scene.value(
            "select o.whatsapp_id from outbox o join conversations v on v.id = o.conversation_id "
            "join contacts c on c.id = v.contact_id where c.phone = $1 and o.purpose is not null "
            "order by o.position desc limit 1",
            phone,
        )
    )


async def bookings(shop: Business) -> dict[str, str]:
    """What became of each booking, by whom it is for."""
    rows = await shop.scene.query("select subject, status, confirmed_at is not null as comes from bookings")
    return {row["subject"]: "comes" if row["comes"] else row["status"] for row in rows}


async def test_a_plain_answer_in_any_form_acts_once_and_anything_else_is_answered_as_usual(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI, BIA, LIA, EVA)
        for phone, subject in ((CUSTOMER, "Ana"), (RUI, "Rui"), (BIA, "Bia"), (LIA, "Lia"), (EVA, "Eva")):
            await shop.booked("23 hours 55 minutes", phone=phone, subject=subject)
        await shop.apply(REMINDER)
        for phone in (CUSTOMER, RUI, BIA, LIA, EVA):
            await shop.hears(1, phone)
        await shop.sent()
        await scene.query(  # hours ago
            "update outbox set closed_at = closed_at - interval '5 hours', "
            "accepted_at = accepted_at - interval '5 hours'"
        )
        assert (await shop.pod.answer_to("Cancelar, por favor")).startswith("Tudo bem, cancelei: Banho de Ana, ")
        shop.pod.receive(
            None,
            RUI,
            kind=MessageKind.REACTION,
            details=Reaction(target=Target(whatsapp_id=await reminder_to(shop, RUI)), emoji="👍🏽"),
        )
        assert (await shop.hears(2, RUI))[1].startswith("Combinado, está confirmado: Banho de Rui, ")
        assert (await shop.pod.answer_to("não vou poder", BIA)).startswith(
            "Entendi. Quer que eu *cancele* Banho de Bia,"
        )
        await shop.pod.answer_to("Qual o horário de vocês?", LIA)
        said = json.loads((await scene.model.bodies())[-1])["messages"]
        assert any("Passando para lembrar: Banho de Lia" in str(message["content"]) for message in said)
        await shop.pod.answer_to("sim", LIA)  # to the answer, not to the reminder
        quoted = await reminder_to(shop, LIA)
        confirmed = await shop.pod.answer_to("sim", LIA, quote=Quote(whatsapp_id=quoted), quoted_id=quoted)
        assert confirmed.startswith("Combinado, está confirmado: Banho de Lia, ")
        await shop.pod.answer_to("Sim, mas pode ser às 11?", EVA)
        assert await bookings(shop) == {
            "Ana": "cancelled",
            "Rui": "comes",
            "Bia": "confirmed",
            "Lia": "comes",
            "Eva": "confirmed",
        }


async def test_of_two_reminders_both_are_confirmed_and_which_one_is_cancelled_is_asked(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI)
        for phone in (CUSTOMER, RUI):
            await shop.booked("23 hours 55 minutes", phone=phone, subject="Rex")
            await shop.booked("26 hours 30 minutes", phone=phone, subject="Mia", service="trim")
        await shop.apply(REMINDER)
        await until(lambda: len(shop.told()) == len(shop.told(RUI)) == 1)
        await scene.query("update bookings set starts_at = starts_at - interval '160 minutes' where subject = 'Mia'")
        await until(lambda: len(shop.told()) == len(shop.told(RUI)) == 2)
        await shop.sent()
        both = await shop.pod.answer_to("sim")
        assert both.startswith("Combinado, está confirmado: ")
        assert "Banho de Rex" in both
        assert "Tosa de Mia" in both
        which = await shop.pod.answer_to("cancelar", RUI)
        assert which.startswith("Claro! Qual deles você quer cancelar?\n• ")
        assert len(which.splitlines()) == 3
        assert await scene.value("select count(*) from bookings where status = 'cancelled'") == 0
        assert await scene.value("select count(*) from bookings where confirmed_at is not null") == 2
        audited = await scene.query("select action from audit_log where action like 'booking_%' order by id")
        assert [row["action"] for row in audited] == ["booking_confirmed", "booking_confirmed"]


async def test_a_reminder_may_be_answered_with_no_until_the_booking_begins_and_its_owner_is_told(scene: Scene) -> None:
    """The shipped one asks two hours before, and customers may otherwise cancel until two hours before."""
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI, BIA, LIA, EVA)
        for phone, subject in ((CUSTOMER, "Rex"), (RUI, "Bob"), (BIA, "Tom"), (LIA, "Lua"), (EVA, "Nina")):
            booking = await shop.booked("115 minutes", phone=phone, subject=subject)
            if phone == LIA:
                moved = booking
        await shop.apply(SOON)
        for phone in (CUSTOMER, RUI, BIA, LIA, EVA):
            assert "responda *cancelar*" in (await shop.hears(1, phone))[0]
        await shop.sent()
        assert (await shop.pod.answer_to("cancelar", RUI)).startswith("Tudo bem, cancelei: Banho de Bob, ")
        await until(lambda: shop.pod.texts_to(OWNER))
        assert f"em cima da hora, em resposta ao lembrete: Ana ({RUI})" in shop.pod.texts_to(OWNER)[0]

        await scene.model.script(
            {"user": "^Puxa", "calls": [{"tool": "cancelar_agendamento", "arguments": {}}]},
            {"user": "^Puxa", "after": "cancelar_agendamento", "reply": "Cancelei o da Nina."},
        )
        await shop.pod.answer_to("Puxa, hoje não vou conseguir, cancela para mim?", EVA)
        await shop.moves(moved, "100 minutes")  # of which he was not asked: the rule of any chat holds
        await shop.pod.answer_to("cancelar", LIA)
        await scene.query("update bookings set starts_at = now() - interval '1 minute' where subject = 'Tom'")
        await scene.query(
            "update automation_occurrences n set starts_at = b.starts_at from bookings b "
            "where b.id = n.booking_id and b.subject = 'Tom'"
        )
        late = await shop.pod.answer_to("não vou poder", BIA)
        assert late.startswith("O horário já começou (Banho de Tom, ")
        assert "Já avisei a equipe" in late
        shop.pod.publish_all_again()
        await until(lambda: shop.pod.unpublished == 0)
        assert (await shop.pod.answer_to("sim")).startswith("Combinado, está confirmado: Banho de Rex, ")
        assert await bookings(shop) == {
            "Rex": "comes",
            "Bob": "cancelled",
            "Tom": "confirmed",
            "Lua": "confirmed",
            "Nina": "cancelled",
        }
        noted = await scene.query("select kind, count(*) as times from owner_notices group by kind order by kind")
        assert [tuple(row) for row in noted] == [("cancelled_late", 2), ("hand_over", 1)]
        audited = await scene.query("select action from audit_log where action like 'booking_%' order by id")
        assert [row["action"] for row in audited] == ["booking_cancelled", "booking_too_late", "booking_confirmed"]


async def test_the_shipped_reminder_of_the_last_hours_is_answered_as_that_of_the_day_before(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI)
        rex = await shop.booked("23 hours 55 minutes", subject="Rex")
        await shop.booked("115 minutes", phone=RUI, subject="Bob")
        await shop.apply(REMINDER, SOON)
        await shop.hears(1)
        await shop.hears(1, RUI)
        await shop.sent()
        assert (await shop.pod.answer_to("sim")).startswith("Combinado, está confirmado: Banho de Rex, ")
        assert (await shop.pod.answer_to("cancelar", RUI)).startswith("Tudo bem, cancelei: Banho de Bob, ")
        await shop.of(CUSTOMER, "last_inbound_at = last_inbound_at - interval '1 hour'")
        await shop.moves(rex, "115 minutes", ago="1 day")
        soon = (await shop.hears(3))[2]
        assert "Seu horário está chegando: Banho de Rex, " in soon
        assert "confirmar" not in soon  # he has
        assert "responda *cancelar*" in soon
        await shop.sent()
        assert (await shop.pod.answer_to("Sim!")).startswith("Combinado, está confirmado: Banho de Rex, ")
        await shop.pod.answer_to("sim")  # once more: to the assistant, and nothing changes
        assert await bookings(shop) == {"Rex": "comes", "Bob": "cancelled"}
        audited = await scene.query("select action from audit_log where action like 'booking_%' order by id")
        assert [row["action"] for row in audited] == ["booking_confirmed", "booking_cancelled", "booking_confirmed"]


async def test_a_spoken_answer_counts_as_a_written_one_and_acts_once(scene: Scene) -> None:
    async with opened(scene, ai=AiSettings(debounce_seconds=0, debounce_max_seconds=60)) as shop:
        await shop.knows(CUSTOMER, RUI, BIA, LIA, EVA)
        for phone, subject in ((CUSTOMER, "Ana"), (RUI, "Rui"), (BIA, "Bia"), (LIA, "Lia"), (EVA, "Eva")):
            await shop.booked("23 hours 55 minutes", phone=phone, subject=subject)
        await shop.apply(REMINDER)
        for phone in (CUSTOMER, RUI, BIA, LIA, EVA):
            await shop.hears(1, phone)
        await shop.sent()
        await says(scene, shop.pod, "Sim!")
        await says(scene, shop.pod, "Pode cancelar, por favor.", RUI)
        await says(scene, shop.pod, "Não posso.", BIA)
        await says(scene, shop.pod, "Sim, mas pode ser às onze?", LIA)
        await says(scene, shop.pod, "Sim.", EVA)
        shop.pod.receive("Não, espera", EVA)
        assert (await shop.hears(2))[1].startswith("Combinado, está confirmado: Banho de Ana, ")
        assert (await shop.hears(2, RUI))[1].startswith("Tudo bem, cancelei: Banho de Rui, ")
        assert (await shop.hears(2, BIA))[1].startswith("Entendi. Quer que eu *cancele* Banho de Bia,")
        await shop.hears(2, LIA)
        await shop.hears(2, EVA)
        shop.pod.publish_all_again()
        await says(scene, shop.pod, "Sim!")
        await shop.hears(3)
        await shop.sent()
        assert await bookings(shop) == {
            "Ana": "comes",
            "Rui": "cancelled",
            "Bia": "confirmed",
            "Lia": "confirmed",
            "Eva": "confirmed",
        }
        assert [len(shop.told(phone)) for phone in (CUSTOMER, RUI, BIA, LIA, EVA)] == [3, 2, 2, 2, 2]
        audited = await scene.query("select action from audit_log where action like 'booking_%' order by action")
        assert [row["action"] for row in audited] == ["booking_cancelled", "booking_confirmed"]
