"""The operator's side of the bus: accounts and settings go out, live states come in.

While NATS is away nothing here blocks: every request fails at once with BusError, and `on_back` is called when it is
worth trying again.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import NoKeysError, NotFoundError
from nats.js.kv import KeyValue

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import InstanceSettings, LiveState
from oxy_core.errors import BusError, ContractError
from oxy_core.jetstream import STATE_STREAM, ensure_streams
from oxy_operator.accounts import Tenancy
from oxy_operator.directory import delete_account, push_account, update_platform
from oxy_operator.keys import PlatformKeys
from oxy_operator.workqueue import Key

LOOK_SECONDS: Final = 1.0
"""How often the connection is looked at for a reconnect."""

_RETRY_SECONDS: Final = 2.0
_ACTIVITY_STEP: Final = timedelta(minutes=5)

log = structlog.get_logger()


@dataclass(slots=True)
class _Known:
    """What the bus is known to hold of one instance, since it was last connected."""

    key: Key
    organization: str
    instance: str
    account_token: str | None = None
    settings: bytes | None = None
    state_read: bool = False


@dataclass(frozen=True, slots=True)
class _Session:
    """Both connections, from one (re)connect to the next."""

    platform: Client
    system: Client
    bucket: KeyValue

    @property
    def alive(self) -> bool:
        return self.platform.is_connected and self.system.is_connected

    @property
    def reconnects(self) -> int:
        return self.platform.stats["reconnects"] + self.system.stats["reconnects"]


class Bus:
    """The connection to NATS, present or not."""

    def __init__(  # noqa: PLR0913 two connections, one question and two ways back
        self,
        url: str,
        *,
        credentials: Path,
        system_credentials: Path,
        keys: PlatformKeys,
        wanted: Callable[[], set[str]],
        on_back: Callable[[], None],
        on_state: Callable[[Key], None],
    ) -> None:
        """Hold what the connection needs.

        `wanted` returns the settings' keys of all instances that exist: the bus forgets others when it connects. Raises
        BusError if that cannot be said.
        """
        self._url = url
        self._credentials = credentials
        self._system_credentials = system_credentials
        self._keys = keys
        self._wanted = wanted
        self._on_back = on_back
        self._on_state = on_state
        self._session: _Session | None = None
        self._known: dict[str, _Known] = {}
        self._live: dict[str, LiveState] = {}
        self._announced: dict[str, LiveState] = {}

    @property
    def present(self) -> bool:
        """Whether requests have a chance now."""
        return self._session is not None and self._session.alive

    def live(self, account: str) -> LiveState | None:
        """Return the last live state of the instance with this account."""
        return self._live.get(account)

    def holds(self, account: str) -> bool:
        """Whether the bus has taken this account since it was last connected."""
        known = self._known.get(account)
        return known is not None and known.account_token is not None

    async def run(self) -> None:
        """Stay connected for ever; refused credentials are tried again, they may be about to be corrected."""
        while True:
            try:
                await self._serve()
            except BusError as error:
                log.error("bus_refused", error=str(error))  # noqa: TRY400 the message says all there is
                await asyncio.sleep(_RETRY_SECONDS)

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            platform = await stack.enter_async_context(connected(self._url, self._credentials, name="oxy-operator"))
            system = await stack.enter_async_context(
                connected(self._url, self._system_credentials, name="oxy-operator-accounts")
            )
            await platform.subscribe(subjects.STATE_ALL, cb=self._take_state)
            while True:
                await self._begin(platform, system)
                await self._until_reconnected()

    async def _begin(self, platform: Client, system: Client) -> None:
        """Prepare streams and the platform's account, then have every instance's looked at again."""
        while True:
            try:
                await update_platform(system, self._keys, _now())
                await ensure_streams(platform.jetstream())
                session = _Session(platform, system, await platform.jetstream().key_value(subjects.INSTANCES_BUCKET))
                await self._forget_unwanted(session)
                break
            except (BusError, NatsError) as error:
                log.warning("bus_not_prepared", error=str(error) or type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
        # A server that came back may have lost what it was told.
        self._known.clear()
        self._session = session
        log.info("bus_prepared")
        self._on_back()

    async def _until_reconnected(self) -> None:
        session = self._session
        if session is None:
            return
        before = session.reconnects
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if session.alive and session.reconnects != before:
                return

    async def settle(self, key: Key, tenancy: Tenancy, settings: InstanceSettings) -> None:
        """Bring account and settings of one instance to the bus, if they are not there. Raises BusError."""
        session = self._present_session()
        known = self._known.setdefault(tenancy.account, _Known(key, settings.organization, settings.instance))
        if known.account_token != tenancy.account_token:
            await push_account(session.system, tenancy.account_token)
            known.account_token = tenancy.account_token
        content = settings.encode()
        if known.settings != content:
            await _publish(session.bucket, subjects.instance_key(settings.organization, settings.instance), content)
            known.settings = content
        if not known.state_read:
            await self._read_state(session, tenancy.account, settings.instance)
            known.state_read = True

    async def _forget_unwanted(self, session: _Session) -> None:
        """Forget instances that went while no operator saw them go. Raises BusError, NatsError."""
        try:
            held = await session.bucket.keys()
        except NoKeysError:
            return
        for key in set(held) - self._wanted():
            organization, _, instance = key.partition(".")
            await self._forget(session, self._keys.tenant_account(organization, instance).public, key)
            log.info("settings_forgotten", key=key)

    async def forget(self, account: str, organization: str, instance: str) -> None:
        """Take an instance's settings and account from the bus; its connections are closed. Raises BusError."""
        await self._forget(self._present_session(), account, subjects.instance_key(organization, instance))

    async def forget_gone(self, key: Key) -> None:
        """Do as `forget` for an instance of which only the name is known any more. Raises BusError."""
        for account, known in list(self._known.items()):
            if known.key == key:
                await self.forget(account, known.organization, known.instance)

    async def _forget(self, session: _Session, account: str, settings_key: str) -> None:
        try:
            await session.bucket.delete(settings_key)
        except NatsError as error:
            raise BusError(_failure("forget settings", error)) from error
        await delete_account(session.system, self._keys, account, _now())
        self._known.pop(account, None)
        self._live.pop(account, None)
        self._announced.pop(account, None)

    def _present_session(self) -> _Session:
        if self._session is None or not self._session.alive:
            message = f"NATS at {self._url} is not connected"
            raise BusError(message)
        return self._session

    async def _read_state(self, session: _Session, account: str, instance: str) -> None:
        """Read the state that was published before this process listened."""
        try:
            found = await session.platform.jetstream().get_last_msg(STATE_STREAM, subjects.state(account, instance))
        except NotFoundError:
            return
        except NatsError as error:
            raise BusError(_failure("read a live state", error)) from error
        if account not in self._live:
            self._accept_state(subjects.state(account, instance), found.data or b"")

    async def _take_state(self, message: Msg) -> None:
        self._accept_state(message.subject, message.data)

    def _accept_state(self, subject: str, data: bytes) -> None:
        """Keep a state whose sender is who it says; have its instance looked at if it says something new."""
        try:
            sender = subjects.sender_of(subject)
            known = self._known.get(sender.account)
            state = LiveState.decode(data)
        except ContractError as error:
            log.warning("state_refused", subject=subject, error=str(error))
            return
        if known is None:
            return
        if (state.organization, state.instance) != (known.organization, known.instance):
            log.warning("state_refused", subject=subject, error="claims to be another instance")
            return
        self._live[sender.account] = state
        announced = self._announced.get(sender.account)
        if announced is None or is_news(announced, state):
            self._announced[sender.account] = state
            self._on_state(known.key)


def is_news(announced: LiveState, now: LiveState) -> bool:
    """Tell whether a state says more than the one last acted upon, beyond that the instance is still there."""
    quiet = {"heartbeat_at", "session_bytes", "last_activity_at"}
    if announced.model_dump(exclude=quiet) != now.model_dump(exclude=quiet):
        return True
    if now.last_activity_at is None:
        return False
    return announced.last_activity_at is None or now.last_activity_at - announced.last_activity_at >= _ACTIVITY_STEP


async def _publish(bucket: KeyValue, key: str, content: bytes) -> None:
    try:
        try:
            present = (await bucket.get(key)).value
        except NotFoundError:
            present = None
        if present != content:
            await bucket.put(key, content)
            log.info("settings_published", key=key)
    except NatsError as error:
        raise BusError(_failure("publish settings", error)) from error


def _failure(what: str, error: Exception) -> str:
    return f"cannot {what}: {str(error) or type(error).__name__}"


def _now() -> float:
    return time.time()
