"""What a business writes by itself reaches a phone once, when it is due, and what was moved or cancelled does not."""

from datetime import timedelta

import pytest
from integration.ai.business import ZONE, opened
from integration.ai.scene import CUSTOMER, OWNER, Scene, until
from integration.ai.test_proactive import queue

from oxy_ai.automation_admin import AppliedAutomations, Forecasts, History, ListedAutomations
from oxy_ai.database import connected_pool
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import instance_id

RUI = "+5511912340002"
BIA = "+5511912340003"
LIA = "+5511912340004"
EVA = "+5511912340005"
REMINDER = "name: lembrete-24h, enabled: true"
SOON = "name: lembrete-2h, enabled: true"
TOLD = ("told", None)
WAITS = "select from outbox o where state = 'pending' and o::text like $1"
WAITS_FOR_CHATS = """
select from pg_locks l join pg_database d on d.oid = l.database
where l.locktype = 'advisory' and not l.granted and d.datname = current_database()
"""


async def test_a_reminder_reaches_a_phone_once_and_its_answer_confirms_the_booking(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows()
        await shop.booked("23 hours 55 minutes")
        await shop.booked("-3 years")
        async with (
            connected_pool(scene.database_url, connections=1) as pool,
            pool.acquire() as joining,
            joining.transaction(),
        ):
            # As whoever joins two chats, and then wants the relay's row.
            await joining.execute("select lock_instance($1)", instance_id("petshop", "main"))
            await shop.apply(REMINDER)
            await until(lambda: scene.query(WAITS_FOR_CHATS))
            assert await scene.query("select from outbox where purpose is not null") == []
        [reminder] = await shop.hears(1)
        assert reminder.startswith("Oi, Ana! 🐾 Passando para lembrar: Banho de Rex, ")
        assert "Responda *sim* para confirmar ou *cancelar*" in reminder
        await shop.sent()
        assert (await shop.pod.answer_to("Sim! 👍")).startswith("Combinado, está confirmado: Banho de Rex, ")
        assert await scene.value("select count(*) from bookings where confirmed_at is not null") == 1
        await shop.becomes(TOLD)
        history = await shop.administer("history")
        assert isinstance(history, History)
        assert [(item.state, item.answer) for item in history.occurrences] == [("told", "confirmed")]
        assert len(shop.told()) == 2


async def test_what_is_due_to_one_customer_at_a_time_is_one_text(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI)
        await shop.booked("23 hours 55 minutes", subject="Rex")
        await shop.booked("24 hours 45 minutes", subject="Mia")  # not planned yet
        await shop.booked("30 hours", subject="Tom")
        await shop.booked("23 hours 50 minutes", phone=RUI, subject="Bob")
        await shop.apply(REMINDER)
        [reminder] = await shop.hears(1)
        assert reminder.count("Banho de") == 2
        assert reminder.index("Banho de Rex, ") < reminder.index(" e Banho de Mia, ")
        assert [text.count("Banho de Bob") for text in await shop.hears(1, RUI)] == [1]
        await shop.becomes(TOLD, TOLD, TOLD)
        assert len(await scene.query("select from outbox where purpose = 'booking'")) == 2


async def test_moved_and_cancelled_bookings_move_and_cancel_what_is_written_of_them(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI)
        moved = await shop.booked("24 hours 5 minutes")
        cancelled = await shop.booked("24 hours 5 minutes", phone=RUI)
        await shop.apply(REMINDER)
        await shop.becomes(("planned", None), ("planned", None))
        await shop.moves(moved, "9 days")
        await shop.moves(moved, "24 hours 4 minutes", ago="9 hours")
        await scene.query("update bookings set status = 'cancelled', changed_at = now() where id = $1", cancelled)
        await until(lambda: scene.query("select from automation_occurrences having count(*) = 3"))
        await shop.falls_due()
        await shop.becomes(("dropped", "moved"), ("dropped", "cancelled"), ("planned", None))
        await shop.moves(moved, "23 hours 58 minutes", ago="9 hours")
        assert "Banho de Rex" in (await shop.hears(1))[0]
        await shop.moves(moved, "23 hours 56 minutes", ago="9 hours")  # after it was told
        assert "Banho de Rex" in (await shop.hears(2))[1]
        await shop.moves(moved, "23 hours 54 minutes", ago="1 minute")  # the customer has just moved it himself
        await shop.falls_due()
        await shop.becomes(*[("dropped", "moved")] * 2, ("dropped", "cancelled"), TOLD, TOLD)
        assert shop.told(RUI) == []


async def test_a_text_that_waits_to_be_sent_is_not_sent_once_its_booking_is_cancelled(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows()
        rex = await shop.booked("23 hours 55 minutes", subject="Rex")
        await shop.booked("23 hours 55 minutes", subject="Mia")
        await shop.holds_new_texts()
        await shop.apply(REMINDER)
        await shop.becomes(TOLD, TOLD)
        await scene.query("update bookings set status = 'cancelled', changed_at = now() where id = $1", rex)
        await shop.frees_texts()
        [reminder] = await shop.hears(1)
        assert "Mia" in reminder
        assert "Rex" not in reminder
        await shop.becomes(TOLD, ("dropped", "cancelled"))
        assert await scene.value("select error from outbox where state = 'withheld'") == "Outdated"
        await shop.holds_new_texts()
        await shop.booked("23 hours 50 minutes", subject="Tom")
        await shop.becomes(TOLD, TOLD, ("dropped", "cancelled"))
        await shop.apply("name: lembrete-24h, enabled: false")
        await shop.becomes(TOLD, ("dropped", "disabled"), ("dropped", "cancelled"))
        await shop.frees_texts()
        await shop.apply(REMINDER)
        assert "Tom" in (await shop.hears(2))[1]
        shop.pod.accepting = False
        lua = await shop.booked("23 hours 45 minutes", subject="Lua")
        await until(lambda: scene.query(WAITS, "%Lua%"))
        await scene.query("update bookings set status = 'cancelled', changed_at = now() where id = $1", lua)
        await until(lambda: scene.query("select from outbox where error = 'Outdated' having count(*) = 2"))
        await shop.booked("23 hours 45 minutes", subject="Zoe")
        await until(lambda: scene.query(WAITS, "%Zoe%"))
        await shop.apply("name: lembrete-24h, enabled: false")
        await until(lambda: scene.query("select from outbox where error = 'NotAccepted'"))
        shop.pod.accepting = True
        assert len(shop.told()) == 2, "it was released, but no pod had accepted it"


async def test_a_text_that_waits_is_not_sent_into_a_talk_nor_once_it_is_not_true(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI)
        await shop.booked("23 hours 55 minutes")
        missed = [
            await shop.booked("-3 hours", phone=RUI, subject=name, status="no_show", changed_ago="2 hours 1 minute")
            for name in ("Bob", "Mia")
        ]
        await shop.holds_new_texts()
        await shop.apply(REMINDER, 'name: falta, enabled: true, window: "00:00-23:59"')
        await shop.becomes(TOLD, TOLD, TOLD)
        await shop.pod.answer_to("Quanto custa a tosa?")
        await scene.query("update bookings set status = 'done', changed_at = now() where id = any ($1)", missed)
        await shop.frees_texts()
        await shop.becomes(("planned", None), ("dropped", "not_due"), ("dropped", "not_due"))
        assert await scene.value("select count(*) from outbox where state = 'withheld' and error = 'Outdated'") == 2
        await until(lambda: scene.query("select from jobs where state = 'waiting' and reason = 'room:booking:talking'"))
        await shop.of(CUSTOMER, "last_inbound_at = now() - interval '1 hour'")
        await shop.falls_due()
        assert "Passando para lembrar: Banho de Rex" in (await shop.hears(2))[1]
        assert shop.told(RUI) == []


async def test_some_customers_get_nothing_and_some_later(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI, BIA, LIA, EVA)
        await shop.pod.answer_to("Oi", OWNER)
        for phone in (CUSTOMER, RUI, BIA, LIA, EVA, OWNER):
            await shop.booked("23 hours 55 minutes", phone=phone, subject=phone[-2:])
        await scene.query("update contacts set opt_out = 'proactive' where phone = $1", RUI)
        await scene.query("update contacts set private = true where phone = $1", BIA)
        await shop.of(LIA, "human_until = now() + interval '1 hour', human_since = now()")
        await shop.of(EVA, "last_inbound_at = now()")
        await shop.apply(REMINDER)
        await shop.becomes(
            TOLD, ("dropped", "opted_out"), ("dropped", "private"), ("dropped", "owner"), *[("planned", None)] * 2
        )
        await until(lambda: waits_for(scene, "room:booking:human", "room:booking:talking"))
        await shop.of(LIA, "human_until = now() - interval '1 hour'")
        await shop.of(EVA, "last_inbound_at = now() - interval '1 hour'")
        await shop.falls_due()
        assert len(await shop.hears(1, LIA)) == len(await shop.hears(1, EVA)) == 1
        assert shop.told(RUI) == shop.told(BIA) == []


async def waits_for(scene: Scene, *reasons: str) -> bool:
    """Whether each job of an automation that waits was looked at, and these are all of their reasons."""
    waiting = await scene.query("select reason from jobs where kind = 'automation' and state = 'waiting'")
    return {row["reason"] for row in waiting} == set(reasons)


async def test_what_promotes_is_written_at_its_time_and_no_more_often_than_it_may(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI, BIA, LIA)
        await shop.booked("-4 hours -5 minutes")  # thanks, 3 hours after its end
        await shop.booked("-3 hours", phone=RUI, status="no_show", changed_ago="2 hours 1 minute")
        await shop.booked("-30 days -61 minutes", phone=BIA, subject="Mia")  # due again
        await shop.booked("-30 days -61 minutes", phone=BIA, subject="Bob")
        await shop.booked("-40 days", phone=BIA, subject="Mia")
        await shop.booked("-60 days -61 minutes", phone=LIA, subject="Tom")  # inactive
        await shop.booked("-90 days", phone=LIA, subject="Tom")
        await shop.apply(
            'name: agradecimento, enabled: true, window: "00:00-23:59"',
            'name: falta, enabled: true, window: "00:00-23:59"',
            "name: de-novo, trigger: due_again, enabled: true, intervals: {banho: 30d}, text: '{pet} de novo'",
            "name: saudade, trigger: inactive, enabled: true, delay: 60d, text: 'Que saudade de {pet}!'",
        )
        assert (await shop.hears(1))[0].startswith("Oi, Ana! Obrigado por trazer Rex.")
        assert (await shop.hears(1))[0].endswith("é só responder *sair*.")
        assert (await shop.hears(1, RUI))[0].startswith("Oi, Ana! Sentimos a falta de Rex por aqui.")
        assert (await shop.hears(1, BIA))[0].startswith("Mia e Bob de novo")
        assert (await shop.hears(1, LIA))[0].startswith("Que saudade de Tom!")
        rows = await scene.query("select purpose from outbox where purpose is not null")
        assert sorted(row["purpose"] for row in rows) == ["booking", *["promotion"] * 3]
        await shop.becomes(*[TOLD] * 5)


async def test_birthdays_and_first_messages(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI)
        await scene.query("update contacts set created_at = created_at - interval '2 days' where phone = $1", RUI)
        today = await scene.value("select (now() at time zone $1)::date", ZONE)
        for name, birth in (
            ("Rex", f"2020-{today:%m-%d}"),
            ("Tom", "2020"),
            ("Bob", f"2020-{today.month % 12 + 1:02}"),
        ):
            await scene.query(
                "insert into pets (organization_id, contact_id, name, birth) select organization_id, id, $2, $3 "
                "from contacts where phone = $1",
                RUI,
                name,
                birth,
            )
        minute = await scene.value("select to_char(now() at time zone $1, 'HH24:MI')", ZONE)
        await shop.apply(
            f'name: aniversario, enabled: true, at: "{minute}"',
            "name: primeira-vez, trigger: welcome, enabled: true, delay: 0m, text: 'Bem-vindo!'",
        )
        assert (await shop.hears(1))[0].startswith("Bem-vindo!")
        assert (await shop.hears(1, RUI))[0].startswith("Parabéns para Rex! ")
        await shop.becomes(TOLD, TOLD)
        await shop.sent()
        await shop.booked("-4 hours -5 minutes", phone=RUI)
        await shop.apply('name: agradecimento, enabled: true, window: "00:00-23:59"')
        await shop.becomes(TOLD, TOLD, ("dropped", "no_room"))  # one promotion within seven days


async def test_an_automation_that_is_switched_on_tells_nothing_of_the_years_before(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows()
        for days in range(2, 900, 7):
            await shop.booked(f"-{days} days")
        told = await shop.booked("1 hour 55 minutes", made_ago="3 days")
        await shop.apply(SOON, "name: agradecimento, enabled: true")
        assert "Seu horário está chegando" in (await shop.hears(1))[0]
        await shop.becomes(TOLD)
        off = await shop.apply("name: lembrete-2h, enabled: false")
        assert off == AppliedAutomations(changed=["lembrete-2h"], unchanged=[], enabled=["agradecimento"])
        await shop.booked("1 hour 57 minutes", subject="Mia")
        await shop.booked("50 minutes", subject="Tom")  # due 70 minutes ago: long before it is on again
        again = await shop.apply(SOON, "name: agradecimento, enabled: true")
        assert again == AppliedAutomations(
            changed=["lembrete-2h"], unchanged=["agradecimento"], enabled=["agradecimento", "lembrete-2h"]
        )
        assert "Mia" in (await shop.hears(2))[1]
        await shop.apply("name: lembrete-2h, enabled: true, text: 'Logo mais: {agendamentos}'")
        await shop.becomes(TOLD, TOLD)  # Rex is not told again, nor Tom
        assert told
        assert len(shop.told()) == 2


async def test_a_customer_hears_at_once_of_what_the_business_has_booked_and_is_not_reminded_of_it(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows()
        await shop.apply("name: confirmacao, enabled: true", REMINDER, SOON)
        await shop.booked("90 minutes", made_ago="1 minute")
        assert "Está marcado: Banho de Rex" in (await shop.hears(1))[0]
        await scene.query(  # PostgreSQL's clock is put back
            "update automation_queue set ready_at = now() + interval '3 d', planned_until = now() + interval '3 d'"
        )
        await shop.booked("23 hours 55 minutes", made_ago="10 minutes", subject="Mia")
        assert "Está marcado: Banho de Mia" in (await shop.hears(2))[1]
        await shop.becomes(TOLD, TOLD)
        await shop.holds_new_texts()
        tom = await shop.booked("4 days", made_ago="1 minute", subject="Tom")
        await shop.becomes(TOLD, TOLD, TOLD)
        await shop.moves(tom, "5 days")
        await shop.frees_texts()
        assert "Está marcado: Banho de Tom" in (await shop.hears(3))[2]
        start = await scene.value("select starts_at at time zone $2 from bookings where id = $1", tom, ZONE)
        assert f"{start:%d/%m/%Y às %H:%M}" in shop.told()[2]
        await shop.becomes(TOLD, TOLD, TOLD)
        assert await scene.value("select count(*) from outbox where error = 'Outdated'") == 1
        assert len(shop.told()) == 3


async def test_what_would_be_written_says_where_the_numbers_budget_has_no_room(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows()
        await shop.booked("3 days")
        thanks = [f"{{name: {name}, trigger: after_visit, delay: {name[1]}h, text: Oi}}" for name in ("a1", "a3")]

        async def foretold(*entries: str) -> list[tuple[str | None, str | None, bool]]:
            found = await shop.administer("test", "--file-given", text=f"automations: [{', '.join(entries)}]")
            assert isinstance(found, Forecasts)
            return [(line.not_sent, line.waits_for, line.waits_until is not None) for line in found.messages]

        assert await foretold(*thanks) == [(None, None, False), ("no_room", "interval", False)]  # two within seven days
        assert await foretold(f"{{{SOON}}}", thanks[0]) == [(None, None, False)] * 2
        await scene.query("select pause_proactive(organization_id, id, 'person', 'cli') from instances")
        assert await foretold(f"{{{SOON}}}", thanks[0]) == [(None, None, False), (None, "paused", False)]
        await scene.query("select resume_proactive(organization_id, id, 'cli') from instances")
        await queue(scene, shop.pod.settings, "Promoção")
        await until(lambda: scene.query("select from outbox where purpose = 'promotion' and state = 'sent'"))
        assert await foretold(thanks[0]) == [("no_room", "interval", False)]
        await scene.query("update outbox set released_at = released_at - interval '84 hours' where purpose is not null")
        assert await foretold(thanks[0]) == [(None, "interval", True)]
        await scene.query("update instances set settings = jsonb_set(settings, '{limits,campaign_per_day}', '0')")
        assert await foretold(f"{{{SOON}}}", thanks[0]) == [(None, None, False), (None, "day", False)]


async def test_what_would_be_written_is_told_with_when_and_why(scene: Scene) -> None:
    async with opened(scene) as shop:
        await shop.knows(CUSTOMER, RUI)
        await shop.booked("3 days")
        await shop.booked("3 days", phone=RUI, subject="Bob")
        await scene.query("update contacts set opt_out = 'all' where phone = $1", RUI)
        with pytest.raises(AdministrationError, match=r"loja\.yaml: .*\n  line 2, automations\.0\.trigger: "):
            await shop.administer(
                "apply", "--name", "loja.yaml", text="automations:\n- {name: x, trigger: y, text: Oi}"
            )
        listed = await shop.administer("list")
        assert isinstance(listed, ListedAutomations)
        assert {item.source for item in listed.automations} == {"shipped"}
        tried = await shop.administer("test", "--only", "lembrete-24h")
        assert isinstance(tried, Forecasts)
        sent, refused = sorted(tried.messages, key=lambda line: line.not_sent or "")
        assert sent.because.startswith("24h before it begins: ")
        assert (sent.customer, sent.not_sent, refused.not_sent) == ("Ana Souza", None, "opted_out")
        assert sent.text is not None
        assert "Banho de Rex" in sent.text
        start = await scene.value("select min(starts_at) from bookings")
        assert sent.at == start - timedelta(hours=24)
        of_file = await shop.administer("test", "--file-given", text=f"automations: [{{{SOON}}}]")
        assert isinstance(of_file, Forecasts)
        assert [line.automation for line in of_file.messages] == ["lembrete-2h", "lembrete-2h"]
        with pytest.raises(AdministrationError, match="there is no automation 'nada'; there are: confirmacao, "):
            await shop.administer("history", "--only", "nada")
        with pytest.raises(AdministrationError, match="--limit must be from 1 to 1000; it is 0"):
            await shop.administer("history", "--limit", "0")
        assert await shop.administer("history", "--only", "lembrete-2h", "--limit", "1") == History(occurrences=[])
        with pytest.raises(AdministrationError, match="there is no automation 'nada'; there are: confirmacao, "):
            await shop.administer("test", "--only", "nada")
        await scene.query(
            "update instances set settings = jsonb_set(settings, '{limits,quiet_hours}', '\"21:00-08:00\"')"
        )
        with pytest.raises(AdministrationError, match=r"quiet hours .*lembrete-2h: its window 22:00-23:00 lies within"):
            await shop.administer("apply", text=f'automations: [{{{SOON}, window: "22:00-23:00"}}]')
        assert await scene.value("select count(*) from automation_occurrences") == 0
