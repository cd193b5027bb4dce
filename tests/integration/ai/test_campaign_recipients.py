"""Who gets a campaign is fixed when it is approved, and each person gets it once, whatever happens meanwhile."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from integration.ai.shop import ORGANIZATION as SHOP
from integration.ai.test_audience import INSTANCE, NOW, Stage, staged

from oxy_ai.campaigns.approval import Approval, ApprovalOrder, Approved, approve, pace_of
from oxy_ai.campaigns.campaign_table import Draft, campaign_named, cancel, held_campaign, keep_draft, pause, resume
from oxy_ai.campaigns.campaign_text import message_of
from oxy_ai.campaigns.delivery_table import Outgoing, queue_text, read_recipient, skip_recipient
from oxy_ai.campaigns.plan import Campaign, Said
from oxy_ai.campaigns.preview import Shop, preview_of
from oxy_ai.campaigns.results import Results, results_of
from oxy_ai.petshop.segments import AUDIENCE
from oxy_core.instance.settings import LimitsSettings
from oxy_dev.postgres import PostgresServer

PACE = pace_of(20)


@pytest.fixture
async def stage(postgres_server: PostgresServer, database: str) -> AsyncIterator[Stage]:
    async with staged(postgres_server, database) as built:
        yield built


def said(**changes: Any) -> Said:  # noqa: ANN401 fields
    values = {"name": "Natal", "segment": {}, "body": "Oi!", "basis": "existing_customer", "source": "clientes"}
    return Said.model_validate(values | changes)


def shop(stage: Stage) -> Shop:
    return Shop(stage.context.connection, SHOP, INSTANCE, "Pet Shop Aurora", LimitsSettings(), NOW)


async def kept(stage: Stage, **changes: object) -> Campaign:
    what = said(**changes)
    await keep_draft(stage.context.connection, SHOP, INSTANCE, Draft(what, 0, "test"))
    found = await campaign_named(stage.context.connection, INSTANCE, what.name)
    assert found is not None
    return found


async def approved(stage: Stage, campaign: Campaign) -> Approved:
    return await approve(shop(stage), AUDIENCE, ApprovalOrder(campaign.id, campaign.digest, "test"), PACE)


async def sent_to(stage: Stage, **changes: object) -> tuple[Campaign, list[int]]:
    """A campaign that was approved, and its recipients."""
    campaign = await kept(stage, **changes)
    assert (await approved(stage, campaign)).outcome is Approval.APPROVED
    found = await held_campaign(stage.context.connection, SHOP, campaign.id)
    assert found is not None
    return found, [row["id"] for row in await recipients(stage)]


async def recipients(stage: Stage) -> list[Any]:
    return await stage.context.connection.fetch("select * from campaign_recipients order by id")


async def states(stage: Stage) -> list[str]:
    return [row["state"] for row in await recipients(stage)]


async def jobs(stage: Stage) -> Counter[str]:
    return Counter(row["state"] for row in await stage.context.connection.fetch("select state from jobs"))


async def queued(stage: Stage, campaign: Campaign, recipient: int, round_now: int = 0) -> bool:
    message = message_of(campaign, "Oi!", NOW + timedelta(days=1), NOW)
    return await queue_text(stage.context.connection, SHOP, recipient, round_now, Outgoing(message, again_at=None))


async def results(stage: Stage, campaign: Campaign) -> Results:
    return await results_of(stage.context.connection, SHOP, campaign.id)


async def texts(stage: Stage) -> list[str]:
    rows = await stage.context.connection.fetch("select state from outbox order by position")
    return [row["state"] for row in rows]


async def test_the_recipients_are_fixed_when_it_is_approved(stage: Stage) -> None:
    for number, name in enumerate(("Ana", "Bia", "Caio", "Duda"), 1):
        await stage.customer(number, name, number)
    await stage.customer(5, "Edu", 1, opt_out="all")
    await stage.customer(6, "Fê")
    campaign = await kept(stage, cap=3)
    preview = await preview_of(shop(stage), AUDIENCE, campaign)
    assert (preview.recipients, preview.over_cap, preview.opted_out, preview.unproven) == (3, 1, 1, 1)
    assert (await approved(stage, campaign)) == Approved(Approval.APPROVED, 3, NOW + timedelta(days=7))
    await stage.customer(7, "Gil", 1)
    rows = await recipients(stage)
    assert [(row["contact_id"], row["last_visit_at"]) for row in rows] == [
        (number, NOW - timedelta(days=number)) for number in (1, 2, 3)
    ]
    planned = await stage.context.connection.fetch("select key, contact_id, planned_at from jobs order by id")
    assert [row["key"] for row in planned] == [f"{campaign.id}:{row['id']}:0" for row in rows]
    assert [row["contact_id"] for row in planned] == [1, 2, 3]
    assert planned[2]["planned_at"] - planned[0]["planned_at"] == 2 * PACE
    assert (await approved(stage, campaign)).outcome is Approval.ALREADY
    assert len(await recipients(stage)) == 3
    assert await jobs(stage) == {"waiting": 3}
    audited = await stage.context.connection.fetch("select actor, action, detail from audit_log")
    assert [tuple(row) for row in audited] == [("test", "campaign_approved", "Natal")]


async def test_what_came_of_each_text_is_counted_by_its_row(stage: Stage) -> None:
    columns = {
        "sent": "accepted_at = now()",
        "delivered": "delivered_at = now()",
        "read": "delivered_at = now(), read_at = now()",
        "failed": "refusal = 'not_on_whatsapp', error = 'words of a person'",
        "expired": "error = 'NotAccepted'",
    }
    for number, name in enumerate((*columns, "heard"), 1):
        await stage.customer(number, name, number)
    campaign, found = await sent_to(stage)
    for recipient, (state, changes) in zip(found, [*columns.items(), ("read", "played_at = now()")], strict=True):
        assert await queued(stage, campaign, recipient)
        await stage.context.connection.execute(
            f"update outbox set state = $2, {changes} where id = $1",  # noqa: S608 of the test
            await text_of(stage, recipient),
            state,
        )
    told = await results(stage, campaign)
    assert (told.recipients, told.waiting, told.sent, told.delivered, told.read) == (6, 0, 4, 2, 2)
    assert told.failed == {"not_on_whatsapp": 1, "NotAccepted": 1}


async def test_what_cannot_be_approved_changes_nothing(stage: Stage) -> None:
    campaign = await kept(stage)
    assert (await approved(stage, campaign)).outcome is Approval.EMPTY
    changed = await kept(stage, body="Olá!")
    assert (changed.id, changed.digest != campaign.digest) == (campaign.id, True)
    assert (await approved(stage, campaign)).outcome is Approval.CHANGED
    late = await kept(stage, expires_at=NOW)
    assert (await approved(stage, late)).outcome is Approval.LATE
    assert await cancel(stage.context.connection, SHOP, campaign.id, "test") == 0
    assert await cancel(stage.context.connection, SHOP, campaign.id, "test") is None
    assert (await approved(stage, campaign)).outcome is Approval.GONE
    assert (await approved(stage, campaign.model_copy(update={"id": 99}))).outcome is Approval.GONE
    assert (await recipients(stage), await jobs(stage)) == ([], {})
    again = await kept(stage)
    assert (again.id, again.state) == (campaign.id, "draft")


async def test_what_is_approved_is_not_changed(stage: Stage) -> None:
    await stage.customer(1, "Ana", 1)
    campaign, _ = await sent_to(stage)

    async def keep(**changes: object) -> str:
        draft = Draft(said(**changes), 0, "test")
        return (await keep_draft(stage.context.connection, SHOP, INSTANCE, draft)).outcome

    assert await keep() == "same"
    assert await keep(name="NATAL") == "same"
    assert await keep(body="Olá!") == "fixed"
    await cancel(stage.context.connection, SHOP, campaign.id, "test")
    assert await keep(body="Olá!") == "fixed"
    assert await keep(name="Ano novo", body="Olá!") == "created"


async def test_a_person_with_two_contacts_gets_it_once(stage: Stage) -> None:
    for number in (1, 2, 3, 4, 5, 6, 10, 11):
        await stage.customer(number, f"Ana{number}", number)
    await stage.customer(7, "Ana1", 9, phone="+5511900000001")
    await stage.customer(8, "Ana9", 1, phone="+5511900000009")
    await stage.customer(9, "Ana9", 1, opt_out="proactive")
    campaign, found = await sent_to(stage)
    assert len(found) == 8
    first, second, third, fourth, fifth, sixth, tenth, eleventh = found
    for recipient in (second, third, fourth, fifth, tenth, eleventh):
        assert await queued(stage, campaign, recipient)
    for recipient in (third, tenth):
        await stage.context.connection.execute(
            "update outbox set state = 'sent' where id = $1", await text_of(stage, recipient)
        )
    for gone, kept_contact in ((1, 2), (4, 3), (5, 6), (10, 11)):
        await stage.context.connection.execute("select move_contact($1, $2, $3)", SHOP, gone, kept_contact)
    assert await states(stage) == ["merged", "queued", "queued", "merged", "queued", "merged", "queued", "merged"]
    assert not await queued(stage, campaign, first)
    assert not await queued(stage, campaign, sixth)
    assert await texts(stage) == ["held", "sent", "withheld", "held", "sent", "withheld"]
    found_results = await results(stage, campaign)
    assert (found_results.recipients, found_results.sent) == (4, 2)
    assert fifth in [
        row["id"] for row in await recipients(stage) if row["contact_id"] == 6 and row["state"] == "queued"
    ]


async def text_of(stage: Stage, recipient: int) -> object:
    return await stage.context.connection.fetchval("select outbox_id from campaign_recipients where id = $1", recipient)


async def test_who_is_settled_is_not_written_to_again(stage: Stage) -> None:
    await stage.customer(1, "Ana", 1)
    await stage.customer(2, "Bia", 2)
    campaign, [ana, bia] = await sent_to(stage)
    connection = stage.context.connection
    assert await queued(stage, campaign, ana)
    assert not await queued(stage, campaign, ana)
    assert not await queued(stage, campaign, ana, 1)
    await skip_recipient(connection, SHOP, bia, "OptedOut")
    await skip_recipient(connection, SHOP, ana, "OptedOut")
    assert await states(stage) == ["queued", "skipped"]
    assert not await queued(stage, campaign, bia)
    assert await texts(stage) == ["held"]
    found = await results(stage, campaign)
    assert (found.recipients, found.waiting, found.failed) == (2, 1, {"OptedOut": 1})


async def test_a_campaign_stops_and_goes_on(stage: Stage) -> None:
    for number in (1, 2, 3):
        await stage.customer(number, "Ana", number)
    campaign, [first, second, _] = await sent_to(stage)
    connection = stage.context.connection
    assert await queued(stage, campaign, first)
    assert not await resume(connection, SHOP, campaign.id, "test", PACE)
    assert await pause(connection, SHOP, campaign.id, "test")
    assert not await pause(connection, SHOP, campaign.id, "test")
    assert not await queued(stage, campaign, second)
    held = await connection.fetchrow("select state, held_for, held_until::text from outbox")
    assert held is not None
    assert tuple(held) == ("held", "CampaignPaused", "infinity")
    assert await jobs(stage) == {"cancelled": 3}
    assert await resume(connection, SHOP, campaign.id, "test", PACE)
    assert await jobs(stage) == {"cancelled": 3, "waiting": 2}
    assert not await queued(stage, campaign, second)
    assert await queued(stage, campaign, second, 1)
    assert await cancel(connection, SHOP, campaign.id, "test") == 3
    assert await states(stage) == ["queued", "queued", "cancelled"]
    assert await texts(stage) == ["withheld", "withheld"]
    assert await jobs(stage) == {"cancelled": 5}
    assert not await resume(connection, SHOP, campaign.id, "test", PACE)
    found = await results(stage, campaign)
    assert (found.waiting, found.cancelled, found.failed) == (0, 3, {})
    actions = [row["action"] for row in await connection.fetch("select action from audit_log order by id")]
    assert actions == ["campaign_approved", "campaign_paused", "campaign_resumed", "campaign_cancelled"]


async def test_a_text_whose_hours_are_over_leaves_on_another_day(stage: Stage) -> None:
    await stage.customer(1, "Ana", 1)
    campaign, [ana] = await sent_to(stage, hours="09:00-18:00", expires_at=NOW + timedelta(days=7))
    connection = stage.context.connection
    ends = NOW.replace(hour=18, minute=0)
    message = message_of(campaign, "Oi!", ends, NOW)
    assert await queue_text(connection, SHOP, ana, 0, Outgoing(message, ends))
    keys = [row["key"] for row in await connection.fetch("select key from jobs order by id")]
    assert keys == [f"{campaign.id}:{ana}:0", f"{campaign.id}:{ana}:1"]

    async def standing() -> tuple[str, int]:
        found = await read_recipient(connection, SHOP, ana)
        assert found is not None
        return found.state, found.round

    assert await standing() == ("leaving", 1)
    assert not await queued(stage, campaign, ana, 1)
    for state in ("held", "accepted"):
        await connection.execute("update outbox set state = $1, expires_at = $2", state, ends)
        await pause(connection, SHOP, campaign.id, "test")
        await resume(connection, SHOP, campaign.id, "test", PACE)
    assert await standing() == ("leaving", 3)  # and is looked at again, as before the pauses
    waiting = await connection.fetch("select key, due_at from jobs where state = 'waiting'")
    assert [tuple(row) for row in waiting] == [(f"{campaign.id}:{ana}:3", ends)]
    await connection.execute("update outbox set state = 'expired', error = 'NotReleased'")
    assert await standing() == ("waiting", 3)
    tried = await results(stage, campaign)
    assert (tried.waiting, tried.failed) == (1, {})
    await pause(connection, SHOP, campaign.id, "test")
    assert (await results(stage, campaign)).failed == {}
    await resume(connection, SHOP, campaign.id, "test", PACE)
    assert await standing() == ("waiting", 4)
    assert await queued(stage, campaign, ana, 4)
    assert await standing() == ("leaving", 5)
    await connection.execute("update outbox set state = 'sent' where state = 'held'")
    assert await standing() == ("queued", 5)


async def test_five_thousand_get_it_within_a_command(stage: Stage) -> None:
    await stage.owner.execute("select setval(pg_get_serial_sequence('contacts', 'id'), 1000)")
    await stage.owner.execute(
        """
        with people as (
            insert into contacts (organization_id, instance_id, phone, phone_key, name)
            select $1, $2, '+55118' || g, '+55118' || g, 'Ana' || g from generate_series(10000000, 10004999) g
            returning id
        ), chats as (
            insert into conversations (organization_id, instance_id, contact_id, chat)
            select $1, $2, id, id || 'x@lid' from people
        )
        insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at)
        select $1, p.id, s.id, 'Rex', 1, $3::timestamptz - p.id * interval '1 minute', $3
        from people p, services s where s.key = (select min(key) from services)
        """,
        *(SHOP, INSTANCE, NOW),
    )
    campaign = await kept(stage, body="Oi, {nome}! Tudo bem com {pet|seu pet}?")
    preview = await preview_of(shop(stage), AUDIENCE, campaign)
    assert (preview.reached, len(preview.examples)) == (5_000, 10)
    assert (await approved(stage, campaign)).recipients == 5_000
    assert await jobs(stage) == {"waiting": 5_000}
    connection = stage.context.connection
    assert await connection.fetchval("select count(distinct contact_id) from campaign_recipients") == 5_000
    assert await pause(connection, SHOP, campaign.id, "test")
    assert await resume(connection, SHOP, campaign.id, "test", PACE)
    assert await jobs(stage) == {"cancelled": 5_000, "waiting": 5_000}
    assert (await results(stage, campaign)).waiting == 5_000
    assert await cancel(connection, SHOP, campaign.id, "test") == 5_000
