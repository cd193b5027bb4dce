"""The operator's connection to NATS: accounts and settings go out, live states come in.

While NATS is down nothing here blocks: every request fails at once with BusError. `on_connected` is called after each
(re)connect, when requests are worth retrying.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import stamina
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from nats.js.kv import KeyValue

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import InstanceSettings, LiveState
from oxy_core.errors import BusError, ContractError
from oxy_core.freeze import Freeze
from oxy_core.jetstream import INBOUND_STREAM, STATE_STREAM, ensure_streams
from oxy_core.tasks import supervised
from oxy_operator.bus import settings_bucket
from oxy_operator.bus.absence import Absence
from oxy_operator.bus.backup_desk import BackupDesk
from oxy_operator.bus.database_bucket import last_loss
from oxy_operator.bus.directory import delete_account, push_account, update_platform
from oxy_operator.bus.live_states import LiveStates
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.bus.streams import identities, report_refused, stream_info
from oxy_operator.bus.telling import show_code, tell_freeze
from oxy_operator.decide.freezing import must_be_told
from oxy_operator.objects import Key
from oxy_operator.tenancy import Tenancy

RECONNECT_POLL_SECONDS: Final = 1.0
"""How often the connection is checked for a reconnect."""

CHECK_SECONDS: Final = 10.0
"""How often to check that streams and database are still those that were prepared, and that every setting is there."""

RETRY_SECONDS: Final = 2.0
"""Pause after NATS refused the credentials or its preparation failed."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Known:
    """What NATS is known to hold of an instance since the last (re)connect."""

    key: Key
    uid: str
    organization: str
    instance: str
    account_token: str | None = None
    settings: InstanceSettings | None = None
    state_read: bool = False

    @property
    def settings_key(self) -> str:
        return subjects.instance_key(self.organization, self.instance)


@dataclass(frozen=True, slots=True)
class _Connections:
    """Both connections, from one (re)connect to the next."""

    platform: Client
    system: Client
    bucket: KeyValue
    streams: Mapping[str, str]
    """When each stream was created."""
    database: str | None
    """Names the last time that the workers' database began anew (`database_bucket.last_loss`)."""
    refused: Mapping[str, str]
    """Streams that the server has no room for, and what it said."""

    @property
    def alive(self) -> bool:
        return self.platform.is_connected and self.system.is_connected

    @property
    def reconnects(self) -> int:
        return self.platform.stats["reconnects"] + self.system.stats["reconnects"]


class Bus:
    """The connection to NATS, which may be down at any time."""

    def __init__(  # noqa: PLR0913 two connections, three questions and two callbacks
        self,
        url: str,
        *,
        credentials: Path,
        system_credentials: Path,
        keys: PlatformKeys,
        wanted: Callable[[], Mapping[str, AbstractSet[str]]],
        on_connected: Callable[[], None],
        on_away: Callable[[], None],
        on_state: Callable[[Key], None],
        freeze_of: Callable[[str], Freeze | None],
        restoring: Callable[[], Collection[UUID]],
        replicas: int = 1,
    ) -> None:
        """Take collaborators; nothing is connected before `run`.

        `wanted` returns the settings keys of all existing instances with their uids, or raises BusError if it cannot
        know them: after each (re)connect all other instances are removed from the bus. `on_away` is called each time
        that its `absence` lasts. `on_state` gets instances whose live state changed. `freeze_of` returns what the
        instances of an organization are told, `restoring` the backups that are to be restored, which are not deleted.
        """
        self._url = url
        self._credentials = credentials
        self._system_credentials = system_credentials
        self._keys = keys
        self._wanted = wanted
        self._on_connected = on_connected
        self._on_state = on_state
        self._freeze_of = freeze_of
        self._replicas = replicas
        self._current: _Connections | None = None
        self.absence = Absence(lambda: self.present, on_away)
        self._known: dict[str, _Known] = {}
        self._live = LiveStates()
        self.backups = BackupDesk(keys, settings_of=self._settings_of, on_backup=self._on_backup, restoring=restoring)

    @property
    def present(self) -> bool:
        """Whether the connection is up."""
        return self._current is not None and self._current.alive

    @property
    def state(self) -> str | None:
        """Name of what the platform stored of reports: another one after the stream or the database began anew.

        None: not known, as before the first connect.
        """
        if self._current is None or self._current.database is None:
            return None
        stream = self._current.streams.get(INBOUND_STREAM)
        return "/".join(filter(None, (stream, self._current.database))) if stream else None

    def missing(self, stream: str) -> str | None:
        """Return what the server said if it has no room for a stream; None: it has the stream, or that is not known."""
        current = self._current
        return None if current is None or stream in current.streams else current.refused.get(stream)

    def live(self, account: str) -> LiveState | None:
        """Return the last live state of the instance with this account; its times are by our clock."""
        return self._live.get(account)

    def clock_ahead(self, account: str) -> timedelta:
        """Return by how much the clock of the last pod with this account is ahead of ours; zero if it said nothing."""
        return self._live.clock_ahead(account)

    def holds(self, account: str, uid: str) -> bool:
        """Whether NATS has accepted this account of the instance with this uid since the last (re)connect."""
        known = self._known.get(account)
        return known is not None and known.uid == uid and known.account_token is not None

    async def run(self) -> None:
        """Stay connected until cancelled; raises any error that is not a BusError.

        Refused credentials are retried: somebody may be correcting them.
        """
        await supervised("bus", self._serve, _report_refusal, pause_seconds=RETRY_SECONDS)

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            platform = await stack.enter_async_context(connected(self._url, self._credentials, name="oxy-operator"))
            system = await stack.enter_async_context(
                connected(self._url, self._system_credentials, name="oxy-operator-accounts")
            )
            await platform.subscribe(subjects.STATE_ALL, cb=self._on_state_message)
            await stack.enter_async_context(self.backups.serving(platform))
            while True:
                connections = await self._prepare(platform, system)
                # A server that restarted may have lost accounts and settings.
                self._known.clear()
                self.backups.refresh()
                self._current = connections
                log.info("bus_prepared")
                self._on_connected()
                await self._until_outdated(connections)

    @stamina.retry(
        on=(BusError, NatsError),
        attempts=None,
        timeout=None,
        wait_initial=RETRY_SECONDS,
        wait_max=RETRY_SECONDS,
        wait_jitter=0,
    )
    async def _prepare(self, platform: Client, system: Client) -> _Connections:
        """Update streams and the platform account, and forget instances that no longer exist."""
        await update_platform(system, self._keys, _now())
        refused = await ensure_streams(platform.jetstream(), self._replicas)
        report_refused(refused)
        bucket = await platform.jetstream().key_value(subjects.INSTANCES_BUCKET)
        database = await last_loss(platform.jetstream())
        connections = _Connections(platform, system, bucket, await identities(platform), database, refused)
        await self._forget_unwanted(connections)
        return connections

    async def push(self, key: Key, tenancy: Tenancy, settings: InstanceSettings) -> None:
        """Push account and settings of one instance, unless NATS has them already. Raises BusError."""
        connections = self._connections()
        known = await self._push_account(connections, key, tenancy, settings.organization)
        await self._publish(connections, known, settings)
        await self._read_state_once(connections, known, tenancy.account)

    async def push_freeze(self, key: Key, tenancy: Tenancy, organization: str, freeze: Freeze | None) -> None:
        """Push the account of one instance, and of its settings only what is newer of a freeze. Raises BusError."""
        connections = self._connections()
        known = await self._push_account(connections, key, tenancy, organization)
        held = known.settings or await settings_bucket.read(connections.bucket, known.settings_key)
        if held is not None and held.uid == known.uid:
            is_newer = freeze is not None and freeze.replaces(held.frozen)
            await self._publish(connections, known, held.model_copy(update={"frozen": freeze}) if is_newer else held)
        await self._read_state_once(connections, known, tenancy.account)

    async def _push_account(self, connections: _Connections, key: Key, tenancy: Tenancy, organization: str) -> _Known:
        known = self._known.get(tenancy.account)
        if known is None or (known.key, known.uid) != (key, tenancy.incarnation):
            known = _Known(key, tenancy.incarnation, organization, key.name)
            self._known[tenancy.account] = known
        if known.account_token != tenancy.account_token:
            await push_account(connections.system, tenancy.account_token)
            known.account_token = tenancy.account_token
        return known

    async def _publish(self, connections: _Connections, known: _Known, settings: InstanceSettings) -> None:
        if known.settings != settings:
            await settings_bucket.publish(connections.bucket, known.settings_key, settings)
            known.settings = settings

    async def _forget_unwanted(self, connections: _Connections) -> None:
        """Forget instances that were removed while no operator was running. Raises BusError."""
        owners = await settings_bucket.owners(connections.platform.jetstream())
        wanted = self._wanted()
        for key, uid in owners.items():
            organization, _, instance = key.partition(".")
            account = self._keys.tenant_account(organization, instance).public
            if key not in wanted:
                await self._forget(connections, account, key)
            elif uid is not None and uid not in wanted[key]:
                await self._forget(connections, account, key, uid)

    async def forget(self, account: str, organization: str, instance: str, uid: str) -> None:
        """Remove settings and account of the instance with this uid; NATS closes its connections. Raises BusError.

        What belongs to another instance of that organization and name stays.
        """
        await self._forget(self._connections(), account, subjects.instance_key(organization, instance), uid)

    async def forget_deleted(self, key: Key) -> None:
        """Do as `forget`, but by key alone, for a custom resource that no longer exists. Raises BusError."""
        for account, known in list(self._known.items()):
            if known.key == key:
                await self.forget(account, known.organization, known.instance, known.uid)

    async def _forget(self, connections: _Connections, account: str, settings_key: str, uid: str | None = None) -> None:
        await settings_bucket.forget(connections.bucket, settings_key, uid)
        await delete_account(connections.system, self._keys, account, _now(), incarnation=uid)
        known = self._known.get(account)
        if known is None or uid in {None, known.uid}:
            self._known.pop(account, None)
            self._live.forget(account)
            self.backups.forget(account)

    def _connections(self) -> _Connections:
        if self._current is None or not self._current.alive:
            message = f"NATS at {self._url} is not connected"
            raise BusError(message)
        return self._current

    async def _read_state_once(self, connections: _Connections, known: _Known, account: str) -> None:
        if not known.state_read:
            await self._read_state(connections, account, known.instance)
            known.state_read = True

    async def _read_state(self, connections: _Connections, account: str, instance: str) -> None:
        """Read the state that was published while this process was not subscribed."""
        subject = subjects.state(account, instance)
        try:
            found = await connections.platform.jetstream().get_last_msg(STATE_STREAM, subject)
        except NotFoundError:
            return
        except NatsError as error:
            message = f"cannot read a live state: {str(error) or type(error).__name__}"
            raise BusError(message) from error
        info = await stream_info(connections.platform, STATE_STREAM)
        age = info.ts - found.time if info and found.time else timedelta()
        self._accept_state(subject, found.data or b"", datetime.now(UTC) - max(age, timedelta()), kept=True)

    def _settings_of(self, account: str) -> InstanceSettings | None:
        known = self._known.get(account)
        return known.settings if known else None

    def _on_backup(self, account: str) -> None:
        known = self._known.get(account)
        if known is not None:
            self._on_state(known.key)

    async def _on_state_message(self, message: Msg) -> None:
        if (account := self._accept_state(message.subject, message.data, datetime.now(UTC))) is not None:
            await self._tell(account)

    async def tell_freezes(self) -> None:
        """Tell every pod that has not confirmed it whether it is to hold back what it sends."""
        for account in list(self._known):
            await self._tell(account)

    async def _tell(self, account: str) -> None:
        """Say what follows from a live state; while the bus is down, nothing: the next one shows that it has to."""
        known, live = self._known.get(account), self._live.get(account)
        if known is None or self._current is None or not self._current.alive:
            return
        client, wanted = self._current.platform, self._freeze_of(known.organization)
        if wanted is not None and must_be_told(wanted, live.frozen if live else None):
            await tell_freeze(client, account, known.organization, known.instance, wanted)
        if live is not None and live.pairing is not None:
            await show_code(client, known.organization, known.instance, live.pairing)

    def _accept_state(self, subject: str, data: bytes, arrived_at: datetime, *, kept: bool = False) -> str | None:
        """Store a live state if its sender is who it claims to be; enqueue the instance if it is news.

        Returns its account; None: it was not stored.
        """
        try:
            sender = subjects.sender_of(subject)
            known = self._known.get(sender.account)
            state = LiveState.decode(data)
        except ContractError as error:
            log.warning("state_refused", subject=subject, error=str(error))
            return None
        if known is None:
            # Not pushed yet; `push` will read its last state.
            return None
        if (state.organization, state.instance) != (known.organization, known.instance):
            log.warning("state_refused", subject=subject, error="it names an instance that is not its account's")
            return None
        if self._live.put(sender.account, state, arrived_at, kept=kept):
            self._on_state(known.key)
        return sender.account

    async def _until_outdated(self, connections: _Connections) -> None:
        """Wait until the server must be prepared anew: after a reconnect, or with another stream or database."""
        before, checked_at = connections.reconnects, time.monotonic()
        while not connections.alive or connections.reconnects == before:
            await asyncio.sleep(RECONNECT_POLL_SECONDS)
            if connections.alive and time.monotonic() - checked_at >= CHECK_SECONDS:
                checked_at = time.monotonic()
                if await self._began_anew(connections):
                    return

    async def _began_anew(self, connections: _Connections) -> bool:
        """Whether a stream or the database is another one. Settings that only the bucket lost are published again.

        What the server had no room for is tried again, and is a stream that was not there before.
        """
        try:
            if connections.refused:
                await ensure_streams(connections.platform.jetstream(), self._replicas)
            if await identities(connections.platform) != connections.streams:
                log.warning("bus_began_anew")
                return True
            if await last_loss(connections.platform.jetstream()) != connections.database:
                log.warning("database_began_anew")
                return True
            held = await settings_bucket.keys(connections.platform.jetstream())
        except (BusError, NatsError) as error:
            log.warning("bus_not_checked", error=str(error) or type(error).__name__)
            return False
        for known in list(self._known.values()):
            if known.settings is not None and known.settings_key not in held:
                known.settings = None
                self._on_state(known.key)
        return False


def _report_refusal(_: str, error: Exception) -> None:
    """Log an error that a new connection may repair; raise any other, which ends the process instead of looping."""
    if not isinstance(error, BusError):
        raise error
    log.error("bus_refused", error=str(error))


def _now() -> float:
    return time.time()
