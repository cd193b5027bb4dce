"""Customers answer reminders by word, by hand, hours later or about something else, and are told what came of it."""

import json

from integration.ai.business import Business, opened
from integration.ai.scene import CUSTOMER, Scene, until
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
        await shop.knows(CUSTOMER, RUI, BIA)
        for phone in (CUSTOMER, RUI):
            await shop.booked("23 hours 55 minutes", phone=phone, subject="Rex")
            await shop.booked("26 hours 30 minutes", phone=phone, subject="Mia", service="trim")
        await shop.booked("90 minutes", phone=BIA, subject="Tom")
        await shop.apply(REMINDER, SOON)
        await until(lambda: len(shop.told()) == len(shop.told(RUI)) == len(shop.told(BIA)) == 1)
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
        late = await shop.pod.answer_to("cancela", BIA)
        assert late.startswith("Falta pouco para Banho de Tom, ")
        assert "Já avisei a equipe" in late
        assert await scene.value("select count(*) from hand_overs where ended_at is null") == 1
        assert await scene.value("select count(*) from bookings where status = 'cancelled'") == 0
        assert await scene.value("select count(*) from bookings where confirmed_at is not null") == 2
        audited = await scene.query("select action from audit_log where action like 'booking_%' order by id")
        assert [row["action"] for row in audited] == ["booking_confirmed", "booking_confirmed", "booking_too_late"]


async def test_the_shipped_reminder_of_the_last_hours_is_answered_as_that_of_the_day_before(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI)
        rex = await shop.booked("23 hours 55 minutes", subject="Rex")
        await shop.booked("2 hours 30 minutes", phone=RUI, subject="Bob")
        await shop.apply(REMINDER, f"{SOON}, delay: 3h")  # in time to be cancelled by the catalog's rule
        await shop.hears(1)
        await shop.hears(1, RUI)
        await shop.sent()
        assert (await shop.pod.answer_to("sim")).startswith("Combinado, está confirmado: Banho de Rex, ")
        assert (await shop.pod.answer_to("cancelar", RUI)).startswith("Tudo bem, cancelei: Banho de Bob, ")
        await shop.of(CUSTOMER, "last_inbound_at = last_inbound_at - interval '1 hour'")
        await shop.moves(rex, "2 hours 30 minutes", ago="1 day")
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
