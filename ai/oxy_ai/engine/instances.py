"""Copies the settings of all instances from the bus's bucket into the database.

The bucket is polled by stream position, because a broken subscription looks the same as a quiet one. A notice on the
bucket's subject only triggers an earlier poll. The whole bucket is read again at intervals, and at once if it began
anew; what the database holds is asked for each time, because it may have lost rows. Each reading has a number, by which
the database recognises what a worker that was stopped saw before another applied newer settings. Settings that this
version cannot read, or the database does not take, are tried again with each reading.
"""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.outages import discreet, is_data_error
from oxy_ai.engine.returned_instances import wake_returned
from oxy_ai.engine.store import Engine, Entry, NewSettings
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.timezones import DEFAULT_ZONE, known_zone
from oxy_core.envelopes import InstanceSettings
from oxy_core.errors import ContractError
from oxy_core.settings import ProcessSettings
from oxy_core.subjects import INSTANCES_BUCKET, instance_key
from oxy_core.tasks import wait_for

_STREAM: Final = f"KV_{INSTANCES_BUCKET}"
_KEYS: Final = f"$KV.{INSTANCES_BUCKET}."

log = structlog.get_logger()


class FollowerSettings(ProcessSettings):
    """How often the bucket of instance settings is read."""

    instances_sweep_seconds: float = Field(default=2, gt=0, description="How often new settings are looked for.")
    instances_reread_seconds: float = Field(default=60, gt=0, description="How often all settings are read again.")


class _Bucket(NamedTuple):
    """Which bucket it is, and how far it has got."""

    started_at: datetime
    last: int


class InstanceFollower:
    """Keeps organizations and instances in sync with the bucket; calls `on_change` after each change.

    It also wakes the turns that wait for an instance that is back.
    """

    def __init__(
        self, client: Client, engine: Engine, settings: FollowerSettings, on_change: Callable[[], None]
    ) -> None:
        self._client = client
        self._engine = engine
        self._settings = settings
        self._on_change = on_change
        self._outdated = False

    def reread(self) -> None:
        """Read the whole bucket soon: this is another database."""
        self._outdated = True

    async def run(self) -> None:
        """Follow until cancelled; raises the error of an outage."""
        hint = asyncio.Event()

        async def on_notice(_: object) -> None:
            hint.set()

        notices = await self._client.subscribe(f"{_KEYS}>", cb=on_notice)
        try:
            while True:
                reading = await self._engine.begin_settings_reading()
                bucket = await self._bucket()
                if bucket is None:
                    await asyncio.sleep(self._settings.instances_sweep_seconds)
                else:
                    await self._read(bucket, reading, hint)
        finally:
            await notices.unsubscribe()

    async def _bucket(self) -> _Bucket | None:
        """Return the bucket's state; None: the operator has not made it yet."""
        try:
            info = await self._client.jetstream().stream_info(_STREAM)
        except NotFoundError:
            return None
        return None if info.created is None else _Bucket(info.created, info.state.last_seq)

    async def _read(self, bucket: _Bucket, reading: int, hint: asyncio.Event) -> None:
        """Read the whole bucket, then what is new, until it is time to begin again."""
        deadline = time.monotonic() + self._settings.instances_reread_seconds
        self._outdated = False
        await self._wake_returned()
        applied = await self._engine.applied_settings()
        position = 0
        while time.monotonic() < deadline and not self._outdated:
            hint.clear()
            entry = await self._next(position + 1)
            if entry is not None and entry.seq is not None:
                position = entry.seq
                newest = max(position, bucket.last)
                await self._take(entry, Entry(bucket.started_at, position, newest, reading), applied)
                continue
            await wait_for(hint, self._settings.instances_sweep_seconds)
            if not _continues(await self._bucket(), bucket, position):
                return

    async def _next(self, position: int) -> RawStreamMsg | None:
        try:
            return await self._client.jetstream().get_msg(_STREAM, seq=position, subject=f"{_KEYS}>", next=True)
        except NotFoundError:
            return None

    async def _take(self, message: RawStreamMsg, entry: Entry, applied: dict[UUID, tuple[datetime, int]]) -> None:
        key = str(message.subject).removeprefix(_KEYS)
        organization, _, instance = key.partition(".")
        if applied.get(instance_id(organization, instance)) == entry[:2]:
            return
        try:
            if "KV-Operation" in (message.headers or {}):
                await self._close(key, entry)
            else:
                await self._apply(key, message.data or b"", entry)
        except Exception as error:
            if not isinstance(error, ContractError) and not is_data_error(error):
                raise
            # Kept in the bucket, and tried again with the next reading: a newer version may be able to.
            metrics.SETTINGS_APPLIED.labels(outcome="refused").inc()
            log.warning("settings_refused", key=key, revision=entry.revision, error=str(discreet(error)))

    async def _apply(self, key: str, data: bytes, entry: Entry) -> None:
        settings = _decoded(key, data)
        organization = organization_id(settings.organization)
        instance = instance_id(settings.organization, settings.instance)
        zone = await self._usable_zone(organization, instance, settings)
        new = NewSettings(_with_zone(data, zone), (*settings.owners, *settings.owner_lids))
        if await self._engine.apply_instance(organization, instance, new, entry):
            metrics.SETTINGS_APPLIED.labels(outcome="applied").inc()
            log.info("settings_applied", key=key, generation=settings.generation, revision=entry.revision)
            self._on_change()
        await self._wake_returned(organization)  # also if another worker has applied them, which may have died then

    async def _wake_returned(self, organization: UUID | None = None) -> None:
        if await wake_returned(self._engine, organization):
            self._on_change()

    async def _usable_zone(self, organization: UUID, instance: UUID, settings: InstanceSettings) -> str:
        """Replace an unknown time zone by the instance's last known one, so that everything else can be applied."""
        if known_zone(settings.timezone) is not None:
            return settings.timezone
        last = await self._engine.instance_timezone(organization, instance)
        used = last if last is not None and known_zone(last) is not None else DEFAULT_ZONE
        metrics.SETTINGS_APPLIED.labels(outcome="timezone_replaced").inc()
        log.warning(
            "settings_timezone_unknown",
            organization=settings.organization,
            instance=settings.instance,
            timezone=settings.timezone,
            used=used,
        )
        return used

    async def _close(self, key: str, entry: Entry) -> None:
        organization, _, instance = key.partition(".")
        closed = await self._engine.close_instance(
            organization_id(organization), instance_id(organization, instance), entry
        )
        if closed:
            metrics.SETTINGS_APPLIED.labels(outcome="closed").inc()
            log.info("instance_closed", key=key, revision=entry.revision)


def _continues(now: _Bucket | None, before: _Bucket, position: int) -> bool:
    """Whether this is still the bucket that was read up to `position`: not a new one, nor restored from a copy."""
    return now is not None and now.started_at == before.started_at and now.last >= position


def _decoded(key: str, data: bytes) -> InstanceSettings:
    settings = InstanceSettings.decode(data)
    if key != instance_key(settings.organization, settings.instance):
        message = "the settings name another instance than their key"
        raise ContractError(message)
    return settings


def _with_zone(data: bytes, zone: str) -> str:
    """Return the settings with a usable time zone, and with the fields that a newer version may have added."""
    return json.dumps({**json.loads(data), "timezone": zone})
