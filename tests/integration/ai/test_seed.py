"""A seeded database is what workers would have made themselves: they go on in it."""

import json

import pytest
from integration.ai.scene import Scene, settings_of

from oxy_core.identity import Jid
from oxy_dev.seed.command import SeedError, seed
from oxy_dev.seed.plan import Numbers, seeded_settings

FEW = Numbers(organizations=2, messages=601)
NEWEST = """
select m.chat, m.body from messages m join instances i on i.organization_id = m.organization_id and i.id = m.instance_id
where m.author = 'assistant' and i.settings ->> 'organization' = $1 and m.chat like '%@s.whatsapp.net'
    and m.id = (select max(n.id) from messages n where n.conversation_id = m.conversation_id)
order by m.place desc limit 1
"""

SAID = "select count(*) from messages m left join outbox o on o.id = m.outbox_id where o.purpose is null"
REFERENCES = """
select c.conname, format('select count(*) from %s c where (%s) is not null and not exists (select from %s p where %s)',
    c.conrelid::regclass, k.own, c.confrelid::regclass, k.same) as broken
from pg_constraint c cross join lateral (
    select string_agg(format('c.%I', f.attname), ', ') as own,
        string_agg(format('p.%I = c.%I', t.attname, f.attname), ' and ') as same
    from unnest(c.conkey, c.confkey) u (own, other)
    join pg_attribute f on f.attrelid = c.conrelid and f.attnum = u.own
    join pg_attribute t on t.attrelid = c.confrelid and t.attnum = u.other
) k where c.contype = 'f' and c.connamespace = 'public'::regnamespace
"""
"""For each foreign key, how to count the rows that break it: seeding checks none."""
HEARD = """
select count(*) from readings r
join messages m on m.organization_id = r.organization_id and m.id = r.message_id and m.kind = 'voice_note'
join media f on f.instance_id = r.instance_id and f.id = r.media_id and m.content #>> '{file,id}' = f.id::text
join ai_interactions c on c.organization_id = r.organization_id and c.message_id = m.id and c.kind = 'transcription'
"""


async def broken_references(scene: Scene) -> list[str]:
    """The foreign keys that do not hold."""
    return [row["conname"] for row in await scene.query(REFERENCES) if await scene.value(row["broken"])]


async def test_workers_continue_the_conversations_of_a_seeded_database(scene: Scene) -> None:
    assert (await seed(scene.admin_url, FEW)).startswith("2 organizations with 601 messages in ")
    assert await scene.value("select count(*) from messages") > FEW.messages
    assert await scene.value(SAID) == FEW.messages
    assert await broken_references(scene) == []
    assert await scene.value("select ledger_violations('1 minute')") == 0
    assert await scene.value("select count(distinct state) from automation_occurrences") == 2
    assert await scene.value("select count(distinct state) from campaign_recipients") >= 2
    assert (
        await scene.value("select count(*) from jobs where state = 'waiting' and due_at < now() + interval '20 h'") == 0
    )
    assert (await seed(scene.admin_url, FEW)).startswith("nothing to do")
    with pytest.raises(SeedError, match=r"seeded with 2 organizations and 601 messages.* ask for the same numbers"):
        await seed(scene.admin_url, Numbers(organizations=2, messages=602))
    assert await scene.value("select count(*) from bookings where subject_id is not null") > 100
    assert await scene.value(HEARD) > 0
    settings = seeded_settings(0)
    [(chat, answer)] = await scene.query(NEWEST, settings.organization)
    pod = await scene.pod(settings.model_copy(update={"ai": settings_of("x").ai}))
    async with scene.worker():
        await scene.known(settings)
        assert await pod.answer_to("obrigada", f"+{Jid.parse(chat).user}") == "De nada! 🐶 Qualquer coisa é só chamar."
    [body] = await scene.model.bodies()
    said = [message["content"] for message in json.loads(body)["messages"]]
    assert answer in said
    assert "Banho e tosa" in said[0]


async def test_a_database_that_cannot_be_seeded_says_what_to_do(scene: Scene) -> None:
    for url, remedy in (
        (None, "Set OXY_DATABASE_ADMIN_URL"),
        (scene.database_url, "give that of the database's administrator"),
        (scene.admin_url.rpartition("/")[0] + "/postgres", "python -m oxy_ai.migrate"),
    ):
        with pytest.raises(SeedError, match=remedy):
            await seed(url, FEW)
    assert await scene.value("select count(*) from organizations") == 0
