"""Copies the settings of all instances from the bus's bucket into the database.

The bucket is polled by stream position, because a broken subscription looks the same as a quiet one. A notice on the
bucket's subject only triggers an earlier poll; the whole bucket is read again at intervals.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.store import Engine
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


class InstanceFollower:
    """Keeps organizations and instances in sync with the bucket; calls `on_change` after each change."""

    def __init__(
        self, client: Client, engine: Engine, settings: FollowerSettings, on_change: Callable[[], None]
    ) -> None:
        self._client = client
        self._engine = engine
        self._settings = settings
        self._on_change = on_change
        self._applied: dict[str, int] = {}

    async def run(self) -> None:
        """Follow until cancelled; raises the error of an outage."""
        hint = asyncio.Event()

        async def on_notice(_: object) -> None:
            hint.set()

        notices = await self._client.subscribe(f"{_KEYS}>", cb=on_notice)
        try:
            while True:
                await self._read_until(time.monotonic() + self._settings.instances_reread_seconds, hint)
        finally:
            await notices.unsubscribe()

    async def _read_until(self, deadline: float, hint: asyncio.Event) -> None:
        position = 0
        while time.monotonic() < deadline:
            hint.clear()
            entry = await self._next(position + 1)
            if entry is not None and entry.seq is not None:
                position = entry.seq
                await self._take(entry, position)
                continue
            await wait_for(hint, self._settings.instances_sweep_seconds)

    async def _next(self, position: int) -> RawStreamMsg | None:
        try:
            return await self._client.jetstream().get_msg(_STREAM, seq=position, subject=f"{_KEYS}>", next=True)
        except NotFoundError:
            return None

    async def _take(self, entry: RawStreamMsg, revision: int) -> None:
        key = str(entry.subject).removeprefix(_KEYS)
        if self._applied.get(key) == revision:
            return
        if "KV-Operation" in (entry.headers or {}):
            await self._close(key, revision)
        else:
            await self._apply(key, entry.data or b"", revision)
        self._applied[key] = revision

    async def _apply(self, key: str, data: bytes, revision: int) -> None:
        try:
            settings = _read(key, data)
        except ContractError as error:
            metrics.SETTINGS_APPLIED.labels(outcome="refused").inc()
            log.warning("settings_refused", key=key, revision=revision, error=str(error))
            return
        organization = organization_id(settings.organization)
        instance = instance_id(settings.organization, settings.instance)
        settings = await self._with_known_zone(organization, instance, settings)
        if await self._engine.apply_instance(organization, instance, settings, revision):
            metrics.SETTINGS_APPLIED.labels(outcome="applied").inc()
            log.info("settings_applied", key=key, generation=settings.generation, revision=revision)
            self._on_change()

    async def _with_known_zone(
        self, organization: UUID, instance: UUID, settings: InstanceSettings
    ) -> InstanceSettings:
        """Replace an unknown time zone by the instance's last known one, so that everything else can be applied."""
        if known_zone(settings.timezone) is not None:
            return settings
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
        return settings.model_copy(update={"timezone": used})

    async def _close(self, key: str, revision: int) -> None:
        organization, _, instance = key.partition(".")
        closed = await self._engine.close_instance(
            organization_id(organization), instance_id(organization, instance), revision
        )
        if closed:
            metrics.SETTINGS_APPLIED.labels(outcome="closed").inc()
            log.info("instance_closed", key=key, revision=revision)


def _read(key: str, data: bytes) -> InstanceSettings:
    settings = InstanceSettings.decode(data)
    if key != instance_key(settings.organization, settings.instance):
        message = "the settings name another instance than their key"
        raise ContractError(message)
    return settings
