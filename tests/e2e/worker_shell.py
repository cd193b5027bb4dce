"""What workers know, read and done from inside one of their pods: nothing else reaches the database."""

import json
from collections.abc import Sequence
from typing import Any, Final

from oxy_core.outbound import OutboundContent
from oxy_dev.environment import INSTANCE, ORGANIZATION, SYSTEM_NAMESPACE, TENANT_NAMESPACE
from oxy_dev.kubectl import Kubectl

WORKER: Final = "deployment/oxy-ai"

MOST_TABLES_OF_QUEUES: Final = 20
"""More are looked through: the role of the workers reads nearly all tables."""

STORED: Final = """
import asyncio, base64, json, sys
from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.ids import organization_id
from oxy_ai.store_settings import StoreSettings

QUERY = '''
select m.whatsapp_id as id, m.kind, m.body as text, (m.content -> 'details')::text as details,
    f.state, f.found_mime as mime, (select string_agg(c.bytes, ''::bytea order by c.number) from media_chunks c
        where c.media_id = f.id) as file
from messages m left join media f on f.message_id = m.id where m.whatsapp_id = any ($1)
'''

async def main(organization, ids):
    settings, key = StoreSettings.read(), organization_id(organization)
    async with connected_pool(str(settings.database_url), connections=1) as pool:
        async with organization_transaction(pool, key) as connection:
            rows = [dict(row) for row in await connection.fetch(QUERY, ids)]
    for row in rows:
        row["file"] = row["file"] and base64.b64encode(row["file"]).decode()
        row["details"] = row["details"] and json.loads(row["details"])
    print(json.dumps(rows))

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
"""

QUEUE: Final = """
import asyncio, json, sys
from pydantic import TypeAdapter
from oxy_ai.database import connected_pool
from oxy_ai.engine.outgoing import find_destination, queue_message
from oxy_ai.engine.store import Engine
from oxy_ai.store_settings import StoreSettings
from oxy_core.outbound import OutboundContent

async def main(organization, instance, phone, contents):
    settings, read = StoreSettings.read(), TypeAdapter(OutboundContent)
    async with connected_pool(str(settings.database_url), connections=1) as pool:
        engine = Engine(pool)
        to = await find_destination(engine, organization, instance, phone)
        for content in contents:
            await queue_message(engine, to, read.validate_python(content))

asyncio.run(main(*sys.argv[1:4], json.loads(sys.argv[4])))
"""

TIME_PASSES: Final = """
import asyncio, sys
from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.store_settings import StoreSettings

QUIET = '''
update conversations set last_inbound_at = last_inbound_at - interval '1 day',
    last_message_at = last_message_at - interval '1 day'
where contact_id in (select id from contacts where phone = $1)
'''
VISITS = '''
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at,
    status)
select s.organization_id, c.id, s.id, 'Thor', s.price_cents, now() - d * interval '1 day',
    now() - d * interval '1 day' + interval '1 hour',
    now() - interval '30 days', 'done'
from (select * from services order by id limit 1) s, contacts c,
    generate_series(1, 8) d
where c.phone = $1
'''
TOMORROW = '''
insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at)
select s.organization_id, c.id, s.id, 'Thor', s.price_cents, now() + interval '23 hours 55 minutes',
    now() + interval '24 hours 55 minutes', now() - interval '9 days'
from (select * from services order by id limit 1) s, contacts c where c.phone = $1
'''
LAST_WEEK = "update outbox set released_at = released_at - interval '8 days' where purpose = 'promotion'"
REPORT = '''
select queue_job($1, $2, jsonb_build_object('kind', 'weekly_report', 'key', now()::text, 'lane', 'automation',
    'payload', jsonb_build_object('due_at', now())))
'''

async def main(organization, instance, phone):
    settings, key = StoreSettings.read(), organization_id(organization)
    async with connected_pool(str(settings.database_url), connections=1) as pool:
        async with organization_transaction(pool, key) as connection:
            for query in (QUIET, VISITS, TOMORROW):
                await connection.execute(query, phone)
            await connection.execute(LAST_WEEK)
            await connection.execute(REPORT, key, instance_id(organization, instance))

asyncio.run(main(*sys.argv[1:]))
"""

TRACES: Final = """
import asyncio, json, sys
from nats.js.errors import NotFoundError
from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.ids import organization_id
from oxy_ai.store_settings import StoreSettings
from oxy_core.bus import connected
from oxy_core.jetstream import STREAMS

TABLES = '''
select relname from pg_class
where relkind = 'r' and relnamespace = 'public'::regnamespace and has_table_privilege(oid, 'select')
'''
COLUMNS = '''
select distinct '{0}.' || e.key as place from "{0}" t, jsonb_each_text(to_jsonb(t)) e, unnest($1::text[]) n
where position(lower(n) in lower(e.value)) > 0
'''

async def in_tables(settings, key, needles):
    forms = [form for needle in needles for form in (needle, needle.encode().hex())]
    async with connected_pool(str(settings.database_url), connections=1) as pool:
        async with organization_transaction(pool, key) as connection:
            tables = [row["relname"] for row in await connection.fetch(TABLES)]
            rows = [row for table in tables for row in await connection.fetch(COLUMNS.format(table), forms)]
            return len(tables), [row["place"] for row in rows]

async def in_streams(settings, needles):
    found = []
    async with connected(settings.nats_url, settings.nats_credentials, name="traces", within=30) as client:
        jetstream = client.jetstream()
        for stream in STREAMS:
            state = (await jetstream.stream_info(stream.name)).state
            for number in range(max(state.first_seq, 1), state.last_seq + 1) if state.messages else ():
                try:
                    message = await jetstream.get_msg(stream.name, number)
                except NotFoundError:
                    continue
                content = (message.data or b"") + json.dumps(message.headers or {}).encode()
                found += [f"{stream.name} {number}" for needle in needles if needle.encode() in content]
    return found

async def main(organization, *needles):
    settings = StoreSettings.read()
    tables, columns = await in_tables(settings, organization_id(organization), needles)
    print(json.dumps({"tables": tables, "found": columns + await in_streams(settings, needles)}))

asyncio.run(main(*sys.argv[1:]))
"""

VOLUME: Final = """
import json, pathlib, sys
folder, *needles = sys.argv[1:]
files = {str(file): file.read_bytes() for file in pathlib.Path(folder).rglob("*") if file.is_file()}
found = [f"{name}: {needle}" for name, content in files.items() for needle in needles if needle.encode() in content]
print(json.dumps({"files": len(files), "found": found}))
"""


def stored_messages(kubectl: Kubectl, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the database has of these messages, with their files in base64."""
    found: list[dict[str, Any]] = json.loads(_python(kubectl, STORED, ORGANIZATION, json.dumps(ids)))
    return found


def queue_contents(
    kubectl: Kubectl,
    phone: str,
    contents: Sequence[OutboundContent],
    *,
    organization: str = ORGANIZATION,
    instance: str = INSTANCE,
) -> None:
    """Put messages for a phone into the outbox."""
    documents = [content.model_dump(mode="json", exclude_none=True) for content in contents]
    _python(kubectl, QUEUE, organization, instance, phone, json.dumps(documents))


def let_time_pass(kubectl: Kubectl, phone: str) -> None:
    """Make it tomorrow morning of a customer who came all last week: he has a booking soon, and a week is over."""
    _python(kubectl, TIME_PASSES, ORGANIZATION, INSTANCE, phone)


def traces(kubectl: Kubectl, needles: Sequence[str]) -> list[str]:
    """Return where tables and streams have one of these words, or bytes that spell it."""
    found = json.loads(_python(kubectl, TRACES, ORGANIZATION, *needles))
    assert found["tables"] > MOST_TABLES_OF_QUEUES
    return [str(place) for place in found["found"]]


def traces_on_volume(kubectl: Kubectl, pod: str, needles: Sequence[str]) -> list[str]:
    """Return which files of a tenant pod's volume have one of these words, freed pages and logs included."""
    [container] = kubectl.get("pod", pod)["spec"]["containers"]
    [folder] = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "session"]
    command = ["python", "-c", VOLUME, folder, *needles]
    found = json.loads(kubectl("exec", pod, "--namespace", TENANT_NAMESPACE, "--", *command))
    assert found["files"]
    return [str(place) for place in found["found"]]


def _python(kubectl: Kubectl, code: str, *arguments: str) -> str:
    return kubectl("exec", "--namespace", SYSTEM_NAMESPACE, WORKER, "--", "python", "-c", code, *arguments)
