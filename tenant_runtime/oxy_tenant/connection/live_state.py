"""The live state of the runtime, published on every change and as a heartbeat."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from nats.aio.client import Client

from oxy_core import subjects
from oxy_core.envelopes import ConnectionState, LiveState
from oxy_core.freeze import Freeze
from oxy_core.identity import Jid
from oxy_core.instance.pairing_offer import PairingOffer
from oxy_core.instance.pairing_proof import PairingProof
from oxy_core.instance.session_states import BackupState, LeaveState, RestoreState
from oxy_core.instance.stored_session import SessionFacts
from oxy_core.tasks import wait_for
from oxy_tenant import metrics
from oxy_tenant.journal.instance_events import AccountLock
from oxy_tenant.settings import RuntimeSettings

HEARTBEAT_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class State:
    """The part of `LiveState` that the connection and the publisher change."""

    connection: ConnectionState = ConnectionState.STARTING
    jid: Jid | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_reason: str | None = None
    last_error: str | None = None
    receiving: bool | None = None
    publish_refusal: str | None = None
    pairing: PairingOffer | None = None
    reachout_lock: AccountLock | None = None
    frozen: Freeze | None = None
    client_version: str | None = None
    client_published_on: date | None = None
    pairing_proof: PairingProof | None = None
    phone_offline_days: int | None = None
    volume_problem: str | None = None
    backup: BackupState | None = None
    restore: RestoreState | None = None
    leaving: LeaveState | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """The part of `LiveState` that tells what is stored; its changes alone are not published."""

    session_bytes: int | None = None
    messages_lost: int | None = None
    session: SessionFacts | None = None
    volume_bytes: int | None = None
    volume_free_bytes: int | None = None
    journal_bytes: int | None = None


class StateBoard:
    """Holds the current `State`; `stored` returns what is stored, whenever the state is published."""

    def __init__(self, environment: RuntimeSettings, stored: Callable[[], Stored]) -> None:
        self._environment = environment
        self._stored = stored
        self._changed = asyncio.Event()
        self._watchers: list[asyncio.Event] = [self._changed]
        self._client: Client | None = None
        self.state = State()
        self.last_activity_at: datetime | None = None
        self.last_frame: Callable[[], float | None] = lambda: None
        """Returns when the connection last received anything, on the monotonic clock; None: not yet."""

    def update(self, **changes: Any) -> None:  # noqa: ANN401 the fields of State
        """Change fields of the state; publishes it if any value has changed."""
        if "last_reason" in changes:
            changes.setdefault("last_error", None)  # an error belongs to its reason
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            metrics.CONNECTED.set(state.connection is ConnectionState.CONNECTED)
            for watcher in self._watchers:
                watcher.set()

    def stored_changed(self) -> None:
        """Publish soon what is stored now, although the state is the same."""
        self._changed.set()

    def watch(self) -> asyncio.Event:
        """Return an event that is set on each change from now on."""
        watcher = asyncio.Event()
        self._watchers.append(watcher)
        return watcher

    def note_activity(self) -> None:
        """Record that a message was just received, for the next heartbeat; may be called from any thread."""
        self.last_activity_at = datetime.now(UTC)

    def silence_seconds(self) -> float | None:
        """Return how long the connection has received nothing; None without a connection."""
        last_frame = self.last_frame()
        return None if last_frame is None else max(0.0, time.monotonic() - last_frame)

    def not_ready(self) -> str | None:
        """Return why this runtime is not receiving; None if it is."""
        if self.state.connection is ConnectionState.CONNECTED:
            return None
        return f"{self.state.connection.value}: {self.state.last_reason or 'no connection yet'}"

    async def run(self, client: Client) -> None:
        """Publish until cancelled."""
        self._client = client
        while True:
            self._changed.clear()
            await self.publish()
            await wait_for(self._changed, HEARTBEAT_SECONDS)

    async def publish(self) -> None:
        """Publish the current state if connected to NATS."""
        if self._client is not None and self._client.is_connected:
            subject = subjects.state(self._environment.account, self._environment.instance)
            await self._client.publish(subject, self.live_state().encode())

    async def publish_now(self) -> None:
        """Publish the current state and wait until the server has it."""
        await self.publish()
        if self._client is not None and self._client.is_connected:
            await self._client.flush(1)

    def live_state(self) -> LiveState:
        """Return the current state in full; from any thread."""
        environment, state, now, stored = self._environment, self.state, datetime.now(UTC), self._stored()
        silence = self.silence_seconds()
        return LiveState(
            organization=environment.organization,
            instance=environment.instance,
            pod_uid=environment.pod_uid,
            epoch=environment.epoch,
            heartbeat_at=now,
            connection=state.connection,
            jid=state.jid,
            attempts=state.attempts,
            next_attempt_at=state.next_attempt_at,
            last_reason=state.last_reason,
            last_error=state.last_error,
            receiving=state.receiving,
            last_frame_at=None if silence is None else now - timedelta(seconds=silence),
            publish_refusal=state.publish_refusal,
            pairing=state.pairing,
            reachout_locked_since=None if state.reachout_lock is None else state.reachout_lock.since,
            frozen=state.frozen,
            client_version=state.client_version,
            client_published_on=state.client_published_on,
            pairing_proof=state.pairing_proof,
            phone_offline_days=state.phone_offline_days,
            last_activity_at=self.last_activity_at,
            volume_problem=state.volume_problem,
            backup=state.backup,
            restore=state.restore,
            leaving=state.leaving,
            **{field.name: getattr(stored, field.name) for field in fields(stored)},
        )
