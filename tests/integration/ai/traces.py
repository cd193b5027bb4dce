"""Looks for what is left of somebody: in every column of every table and in every message of every stream."""

import json
from collections.abc import Collection

import asyncpg
from integration.ai.scene import Scene
from nats.js.errors import NotFoundError

from oxy_core.jetstream import STREAMS

_TABLES = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"


async def traces_in_database(scene: Scene, needles: Collection[str]) -> list[str]:
    """Return the columns that contain one of the needles, each with it; bytes are looked through as well."""
    forms = [form for needle in needles for form in (needle, needle.encode().hex())]
    connection = await asyncpg.connect(scene.admin_url)
    try:
        found = [
            f"{table}.{column}: {form!r}"
            for (table,) in await connection.fetch(_TABLES)
            for column, form in await connection.fetch(
                f'select distinct e.key, f from "{table}" t, jsonb_each_text(to_jsonb(t)) e, unnest($1::text[]) f '  # noqa: S608 names of our tables
                "where position(lower(f) in lower(e.value)) > 0",
                forms,
            )
        ]
    finally:
        await connection.close()
    return found


async def traces_on_bus(scene: Scene, needles: Collection[str]) -> list[str]:
    """Return the messages that contain one of the needles, as stream, subject and place."""
    jetstream = scene.client.jetstream()
    found = []
    for stream in [str(config.name) for config in STREAMS]:
        state = (await jetstream.stream_info(stream)).state
        for sequence in range(max(state.first_seq, 1), state.last_seq + 1):
            try:
                message = await jetstream.get_msg(stream, sequence)
            except NotFoundError:
                continue
            content = (message.data or b"") + json.dumps(message.headers or {}).encode()
            found += [
                f"{stream} {message.subject} {sequence}: {needle!r}" for needle in needles if needle.encode() in content
            ]
    return found


async def traces(scene: Scene, needles: Collection[str]) -> list[str]:
    """Return everything that is left."""
    return [*await traces_in_database(scene, needles), *await traces_on_bus(scene, needles)]
