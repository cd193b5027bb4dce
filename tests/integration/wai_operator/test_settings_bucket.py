"""The bucket of settings as the operator reads it."""

from collections.abc import AsyncIterator

import pytest
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from oxy_core.bus import connected
from oxy_core.jetstream import ensure_streams
from oxy_core.subjects import INSTANCES_BUCKET
from oxy_dev.servers import NatsServer
from oxy_operator.bus import settings_bucket

MANY = settings_bucket.BATCH + 5


@pytest.fixture
async def jetstream(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    async with connected(nats_server.url, name="operator") as client:
        await ensure_streams(client.jetstream())
        yield client.jetstream()


@pytest.fixture
async def bucket(jetstream: JetStreamContext) -> KeyValue:
    return await jetstream.key_value(INSTANCES_BUCKET)


async def test_an_empty_bucket_has_no_keys(jetstream: JetStreamContext) -> None:
    assert await settings_bucket.keys(jetstream) == set()


async def test_every_listing_is_complete(jetstream: JetStreamContext, bucket: KeyValue) -> None:
    kept = {f"acme.shop{number}" for number in range(MANY)}
    for key in (*sorted(kept), "acme.gone"):
        await bucket.put(key, b"of a version that nobody reads")
    await bucket.delete("acme.gone")
    for _ in range(20):
        assert await settings_bucket.keys(jetstream) == kept
    assert await settings_bucket.owners(jetstream) == dict.fromkeys(kept)


async def test_a_listing_leaves_nothing_on_the_server(jetstream: JetStreamContext, bucket: KeyValue) -> None:
    await bucket.put("acme.shop", b"{}")
    await settings_bucket.owners(jetstream)
    assert await jetstream.consumers_info(f"KV_{INSTANCES_BUCKET}") == []
