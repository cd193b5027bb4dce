"""Connecting to NATS. The streams are in `oxy_core.jetstream`, the subjects in `oxy_core.subjects`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from oxy_core.errors import BusError
from oxy_core.tasks import end_tasks

CREDENTIALS_CHECK_SECONDS: Final = 5.0
"""How often a client's credentials file is checked for a change."""

CLOSED_CHECK_SECONDS: Final = 0.5
"""How often a client is checked for having closed for good."""

CLOSE_SECONDS: Final = 2.0
"""Longest wait for an orderly close, so that a server that does not answer holds up no end."""

log = structlog.get_logger()


@asynccontextmanager
async def connected(
    url: str,
    credentials: Path | None = None,
    *,
    name: str,
    within: float | None = None,
    check_seconds: float = CREDENTIALS_CHECK_SECONDS,
) -> AsyncIterator[Client]:
    """Connect to NATS and stay connected until the context ends, however often the server goes down.

    `name` appears in the server's connection list. Waits at most `within` seconds (None: without limit) for a server
    that is not up yet. The credentials file is checked for a change every `check_seconds`. Raises BusError when the
    time is up, or at once if the server refuses the credentials.

    A client that nats-py has closed for good, as it does after most errors that the server reports, never reconnects:
    the body is cancelled, and the context ends with BusError.
    """
    connection = _Connection()
    try:
        async with asyncio.timeout(within):
            client = await connection.open(url, credentials, name)
    except (OSError, NatsError, TimeoutError) as error:
        message = f"cannot connect to NATS at {url}: {str(error) or type(error).__name__}"
        raise BusError(message) from error
    try:
        async with _until_closed(client), _credentials_followed(client, credentials, check_seconds):
            yield client
    finally:
        connection.closing = True
        await _close(client)


@asynccontextmanager
async def _until_closed(client: Client) -> AsyncIterator[None]:
    """Cancel the body and raise BusError once the client is closed for good."""
    try:
        async with asyncio.timeout(None) as until_closed:
            watch = asyncio.create_task(_expire_when_closed(client, until_closed))
            try:
                yield
            finally:
                await end_tasks(watch)
    except TimeoutError as error:
        if not until_closed.expired():
            raise
        message = f"nats-py has closed the connection for good: {client.last_error or 'no reason given'}"
        raise BusError(message) from error


async def _expire_when_closed(client: Client, until_closed: asyncio.Timeout) -> None:
    while not client.is_closed:  # noqa: ASYNC110 nats-py does not call back for every close
        await asyncio.sleep(CLOSED_CHECK_SECONDS)
    log.error("bus_closed", error=str(client.last_error))
    until_closed.reschedule(asyncio.get_running_loop().time())


@asynccontextmanager
async def _credentials_followed(client: Client, credentials: Path | None, check_seconds: float) -> AsyncIterator[None]:
    if credentials is None:
        yield
        return
    follower = asyncio.create_task(_follow_credentials(client, credentials, check_seconds))
    try:
        yield
    finally:
        await end_tasks(follower)


async def _close(client: Client) -> None:
    """Close a client, even if we are cancelled meanwhile, and again: half closed, it would leave its socket open."""
    closing = asyncio.create_task(_close_in_time(client))
    cancelled = False
    while not closing.done():
        try:
            await asyncio.wait({closing})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    closing.result()


async def _close_in_time(client: Client) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()
    except TimeoutError:
        log.warning("bus_not_closed", seconds=CLOSE_SECONDS)
    except OSError as error:
        # The connection is down already, and nats-py still wanted to write what had been published meanwhile.
        log.warning("bus_not_flushed", error=str(error))


class _Connection:
    """Opens a client that reconnects without limit and logs what happens to its connection."""

    def __init__(self) -> None:
        self.closing = False
        """Set before the client is closed on purpose, so that it is not logged as a loss."""

    async def open(self, url: str, credentials: Path | None, name: str) -> Client:
        client = Client()
        try:
            await self._connect(client, url, credentials, name)
        except BaseException:
            self.closing = True
            await _close(client)  # nats-py leaves its socket open if it is cancelled while it connects
            raise
        return client

    async def _connect(self, client: Client, url: str, credentials: Path | None, name: str) -> None:
        await client.connect(
            url,
            name=name,
            user_credentials=None if credentials is None else str(credentials),
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,  # type: ignore[arg-type]  # which may well be a fraction
            connect_timeout=5,
            # A half-open connection is noticed after 20 to 30 seconds.
            ping_interval=10,
            max_outstanding_pings=2,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnect,
            reconnected_cb=self._on_reconnect,
        )

    async def _on_error(self, error: Exception) -> None:
        log.warning("bus_error_reported", error=str(error) or type(error).__name__)

    async def _on_disconnect(self) -> None:
        if not self.closing:
            log.warning("bus_disconnected")

    async def _on_reconnect(self) -> None:
        log.info("bus_reconnected")


async def _follow_credentials(client: Client, credentials: Path, check_seconds: float) -> None:
    """Reconnect whenever the credentials file has new content; a failed reconnect is retried at the next check."""
    used = _content(credentials)
    while True:
        await asyncio.sleep(check_seconds)
        found = _content(credentials)
        if found in {used, None}:
            continue
        log.info("bus_credentials_changed")
        try:
            await client.force_reconnect()
        except Exception:
            log.exception("bus_reconnect_failed", retry_seconds=check_seconds)
        else:
            used = found


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError as error:
        log.warning("bus_credentials_unreadable", error=str(error))
        return None
