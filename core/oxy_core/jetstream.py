"""JetStream's streams, durable consumers and buckets: retention, limits and acknowledgement."""

import dataclasses
from typing import Any, Final

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError

from oxy_core import subjects
from oxy_core.envelopes import MAX_ENVELOPE_BYTES
from oxy_core.errors import BusError, StreamMismatchError
from oxy_core.session_backups import PART_BYTES, TAG_BYTES

INBOUND_STREAM: Final = "OXY_INBOUND"
STATE_STREAM: Final = "OXY_STATE"
DEAD_LETTER_STREAM: Final = "OXY_DLQ"
PARKED_STREAM: Final = "OXY_PARKED"
MEDIA_STREAM: Final = "OXY_MEDIA"
BACKUP_STREAM: Final = "OXY_BACKUPS"
EVENTS_STREAM: Final = "OXY_EVENTS"
INGEST_DURABLE: Final = "ingest"

ACK_WAIT_SECONDS: Final = 5.0
"""After this time without a sign of progress, a report that a worker pulled is delivered again: the worker is dead."""

MAX_REPORT_BYTES: Final = MAX_ENVELOPE_BYTES + (4 << 10)
"""Largest report with its headers, which tenants' accounts and the streams enforce. The server's own limit,
`SERVER_MAX_PAYLOAD_BYTES`, leaves room for the headers that workers add."""

CHUNK_BYTES: Final = 256 << 10
"""Largest part of a file in one message; each but the last has this size. Reports wait no longer for such a message to
be flushed to disk than for one of their own."""

SERVER_MAX_PAYLOAD_BYTES: Final = 1 << 20
"""``max_payload`` of our NATS servers, nats-server's default."""

EVENTS_DAYS: Final = 7
"""How long events are kept, and known by their ids, so that none is there twice."""

_DAY: Final = 86_400.0
_GIB: Final = 1 << 30

STREAMS: Final = (
    # A full stream refuses new reports, which stay in the pod's journal: nothing is ever discarded to make room. The
    # limit per subject is a tenant's share: 2,000 reports of the largest size are less than half of the stream.
    StreamConfig(
        name=INBOUND_STREAM,
        subjects=[subjects.INBOUND_ALL],
        retention=RetentionPolicy.WORK_QUEUE,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs_per_subject=2_000,
        max_msg_size=MAX_REPORT_BYTES,
        max_bytes=2 * _GIB,
        storage=StorageType.FILE,
        duplicate_window=120.0,
    ),
    StreamConfig(
        name=STATE_STREAM,
        subjects=[subjects.STATE_ALL],
        retention=RetentionPolicy.LIMITS,
        max_msgs_per_subject=1,
        max_bytes=64 << 20,
        storage=StorageType.FILE,
    ),
    # Full for an instance, it refuses: the rest stays in OXY_INBOUND and in the pod's journal. It discards nothing:
    # workers make dead letters of reports that waited for too long (oxy_ai.engine.parked_reports).
    StreamConfig(
        name=PARKED_STREAM,
        subjects=[subjects.PARKED_ALL],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_age=0,
        max_msgs_per_subject=1_000,
        max_bytes=_GIB,
        storage=StorageType.FILE,
    ),
    # Dead letters are published in parts of 64 KiB at most (oxy_ai.engine.dead_reports), so that 2,000 of one tenant
    # and reason are an eighth of the stream. What is discarded, workers notice (oxy_ai.engine.dead_letter_watch).
    StreamConfig(
        name=DEAD_LETTER_STREAM,
        subjects=[subjects.DEAD_LETTER_ALL],
        retention=RetentionPolicy.LIMITS,
        max_age=30 * _DAY,
        max_msgs_per_subject=2_000,
        max_bytes=_GIB,
        storage=StorageType.FILE,
    ),
    # Files on their way from pods to workers. Full, it refuses: a file stays where WhatsApp keeps it, and its pod tries
    # again. A chunk that is published twice replaces itself.
    StreamConfig(
        name=MEDIA_STREAM,
        subjects=[subjects.MEDIA_ALL],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        max_age=_DAY,
        max_msgs_per_subject=1,
        max_msg_size=CHUNK_BYTES + (4 << 10),
        max_bytes=2 * _GIB,
        storage=StorageType.FILE,
    ),
    # Backups of sessions, in chunks. The operator deletes what its instance's settings do not keep; the stream itself
    # discards nothing. Full, it refuses new ones, and a person makes room (oxy sessions delete) or raises a limit. The
    # operator lists all messages at once.
    StreamConfig(
        name=BACKUP_STREAM,
        subjects=[subjects.BACKUP_ALL],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        max_age=0,
        max_msgs_per_subject=1,
        max_msg_size=PART_BYTES + TAG_BYTES + (4 << 10),
        max_msgs=1 << 14,
        max_bytes=_GIB // 2,
        storage=StorageType.FILE,
    ),
    # Events for integrators, who may be away for days. Full, it discards the oldest. Its server remembers the ids of a
    # week's events, some hundred bytes each.
    StreamConfig(
        name=EVENTS_STREAM,
        subjects=[subjects.EVENTS_ALL],
        retention=RetentionPolicy.LIMITS,
        max_age=EVENTS_DAYS * _DAY,
        max_msgs_per_subject=10_000,
        max_bytes=256 << 20,
        storage=StorageType.FILE,
        duplicate_window=EVENTS_DAYS * _DAY,
    ),
)

DISPENSABLE: Final = frozenset({BACKUP_STREAM, EVENTS_STREAM})
"""Streams without which messages are answered all the same."""

BUCKETS: Final = (subjects.INSTANCES_BUCKET, subjects.DATABASE_BUCKET)
"""Key-value buckets; JetStream keeps each in a stream ``KV_<bucket>``."""

INGEST: Final = ConsumerConfig(
    durable_name=INGEST_DURABLE,
    ack_policy=AckPolicy.EXPLICIT,
    ack_wait=ACK_WAIT_SECONDS,
    # No limit: an outage of hours is no reason to stop delivering a report.
    max_deliver=-1,
    max_ack_pending=20_000,
)

_FIXED: Final = ("retention", "storage", "subjects")
"""Properties of an existing stream that never change: its data was accepted under them."""

_LIMITS: Final = ("max_msgs", "max_msgs_per_subject", "max_msg_size", "max_bytes", "max_age", "num_replicas")
"""Properties of an existing stream that an administrator may have raised, and that we never lower."""

_UPDATED: Final = (*_LIMITS, "discard", "discard_new_per_subject", "duplicate_window")
"""Every property that a release may set differently."""

_NO_ROOM: Final = frozenset({10002, 10005, 10023, 10047})
"""The server's codes for a stream that has no room: by the account's limits, on any server of the cluster, in memory or
on disk. Source: nats-server, server/errors.json."""


async def ensure_streams(jetstream: JetStreamContext, replicas: int = 1) -> dict[str, str]:
    """Create or update all streams, the ingest consumer and the buckets; never recreate any, nor lower a limit.

    `replicas` is on how many servers each has its data. Returns what the server has no room for, and what it said: of
    dispensable streams, which are missing, and of limits, which stay as they are. Raises StreamMismatchError naming a
    property that cannot be changed in place, and BusError if there is no room for one of the other streams.
    """
    configs = {str(config.name): dataclasses.replace(config, num_replicas=replicas) for config in STREAMS}
    refused = {name: await _ensure_stream(jetstream, configs[name]) for name in configs if name not in DISPENSABLE}
    await jetstream.add_consumer(INBOUND_STREAM, INGEST)
    for bucket in BUCKETS:
        await _ensure_bucket(jetstream, bucket, replicas)
    # Last, so that they leave room for the others.
    refused |= {name: await _ensure_stream(jetstream, configs[name]) for name in configs if name in DISPENSABLE}
    return {name: why for name, why in refused.items() if why is not None}


async def _ensure_bucket(jetstream: JetStreamContext, bucket: str, replicas: int) -> None:
    try:
        await jetstream.key_value(bucket)
    except NotFoundError:
        await jetstream.create_key_value(KeyValueConfig(bucket=bucket, history=1, replicas=replicas))
    else:
        await _raise_replicas(jetstream, f"KV_{bucket}", replicas)


async def _ensure_stream(jetstream: JetStreamContext, config: StreamConfig) -> str | None:
    """Create or update a stream; return what the server said if it has no room and messages are answered without."""
    try:
        existing = (await jetstream.stream_info(str(config.name))).config
    except NotFoundError:
        return await _create_stream(jetstream, config)
    for field in _FIXED:
        if getattr(existing, field) != getattr(config, field):
            message = (
                f"stream {config.name}: {field} is {getattr(existing, field)}, expected {getattr(config, field)}; "
                "drain the stream and recreate it by hand"
            )
            raise StreamMismatchError(message)
    return await _update_stream(jetstream, existing, dataclasses.replace(config, **_raised_limits(existing, config)))


async def _create_stream(jetstream: JetStreamContext, config: StreamConfig) -> str | None:
    try:
        await jetstream.add_stream(config)
    except APIError as error:
        if error.err_code not in _NO_ROOM:
            raise
        if config.name not in DISPENSABLE:
            message = (
                f"NATS has no room for stream {config.name} ({config.max_bytes} bytes): {error.description}. Give its "
                "volume, or its max_file_store, more"
            )
            raise BusError(message) from error
        return error.description or "no room"
    return None


async def _update_stream(jetstream: JetStreamContext, existing: StreamConfig, wanted: StreamConfig) -> str | None:
    """Update a stream that differs: a server that has less room than before refuses even an update without a change."""
    wanted = dataclasses.replace(wanted, duplicate_window=wanted.duplicate_window or existing.duplicate_window)
    if all(_holds(getattr(existing, field), getattr(wanted, field)) for field in _UPDATED):
        return None
    try:
        await jetstream.update_stream(wanted)
    except APIError as error:
        if error.err_code not in _NO_ROOM or (existing.num_replicas or 1) < (wanted.num_replicas or 1):
            raise
        return error.description or "no room"
    return None


def _holds(existing: object, wanted: object) -> bool:
    """Whether a property is as wanted; no limit is written in several ways."""
    return existing == wanted or {existing, wanted} <= {None, 0, -1}


def _raised_limits(existing: StreamConfig, wanted: StreamConfig) -> dict[str, Any]:
    """Return the larger value of each limit that we set; an existing one without limit stays so."""
    return {
        field: limit if current is None or 0 < current < limit else current
        for field in _LIMITS
        if (limit := getattr(wanted, field)) is not None and limit > 0
        for current in [getattr(existing, field)]
    }


async def _raise_replicas(jetstream: JetStreamContext, stream: str, replicas: int) -> None:
    existing = (await jetstream.stream_info(stream)).config
    if (existing.num_replicas or 1) < replicas:
        await jetstream.update_stream(dataclasses.replace(existing, num_replicas=replicas))
