"""The way to instances' own endpoints: a connection goes only where the platform allows, whatever a name resolves to.

A name is resolved here, once, and the connection goes to one of the addresses that were checked. So nothing can change
between check and connection, and a proxy of the environment, which would resolve the name again, is not used.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ssl import SSLContext
from typing import Final, TypeAlias

import httpcore2
import httpx2

from oxy_ai.errors import EndpointOutageError, OutageCause
from oxy_core.model_endpoints import AllowedEndpoints

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host; none if it has none."""

LOOKUPS: Final = 8
"""Lookups of names at once. They have threads of their own: a tenant's slow name server must not hold up PostgreSQL's
connections, whose names the event loop's threads resolve."""

MAX_ADDRESSES: Final = 4
"""Addresses of one name that are tried."""

_THREADS: Final = ThreadPoolExecutor(LOOKUPS, "model-lookup")


class GuardedBackend(httpcore2.AnyIOBackend):
    """Connects to addresses that are allowed; one lookup at a time, because there is one for each endpoint."""

    def __init__(self, allowed: AllowedEndpoints, resolve: Resolve | None = None) -> None:
        self._allowed = allowed
        self._resolve = resolve or _shared_lookup()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 the interface of httpcore2
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first of the host's allowed addresses that answers; raises EndpointOutageError if none is."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._allowed_addresses(host, port)
                share = None if timeout is None else timeout / len(addresses)
                for address in addresses[:-1]:
                    try:
                        return await super().connect_tcp(address, port, share, local_address, socket_options)
                    except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                        continue
                return await super().connect_tcp(addresses[-1], port, None, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout from error

    async def _allowed_addresses(self, host: str, port: int) -> Sequence[str]:
        found = list(dict.fromkeys(await self._resolve(host, port)))
        if not found:
            message = "the name has no address"
            raise httpcore2.ConnectError(message)
        allowed = [address for address in found if self._allowed.permits(host, port, address)]
        if not allowed:
            raise _forbidden()
        return allowed[:MAX_ADDRESSES]


class GuardedTransport(httpx2.AsyncBaseTransport):
    """An HTTP transport with a `GuardedBackend`; it knows neither proxies nor Unix sockets.

    Errors are those of httpcore2: `HTTP_ERRORS` has them.
    """

    def __init__(self, backend: GuardedBackend, tls: SSLContext, kept_connections: int) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=None,
            max_keepalive_connections=kept_connections,
            keepalive_expiry=httpx2.Limits().keepalive_expiry,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request as it is."""
        answer = await self._pool.handle_async_request(
            httpcore2.Request(
                request.method,
                httpcore2.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


HTTP_ERRORS: Final = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
)
"""What sending a request may raise, with any transport."""

CONNECT_ERRORS: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.InvalidURL,
    httpx2.UnsupportedProtocol,
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
    httpcore2.UnsupportedProtocol,
)
"""Those of them that mean that nothing was sent."""


def _forbidden() -> EndpointOutageError:
    """Return the error of an address that may not be called. It does not name it: that would map a private network."""
    message = (
        "the platform does not allow the endpoint's address: it is not public, and OXY_ALLOWED_ENDPOINTS "
        "(chart: ai.allowedEndpoints) does not list it"
    )
    return EndpointOutageError(message, OutageCause.MISCONFIGURED)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()


def _shared_lookup() -> Resolve:
    """Return a resolver that looks up once for all that wait, so that an endpoint holds one thread at most."""
    running: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def resolve(host: str, port: int) -> Sequence[str]:
        lookup = running.get((host, port))
        if lookup is None or lookup.done():
            lookup = asyncio.get_running_loop().run_in_executor(_THREADS, _addresses, host, port)
            running[host, port] = lookup
        return await asyncio.shield(lookup)

    return resolve


def _addresses(host: str, port: int) -> Sequence[str]:
    """Return a host's addresses in the order in which they are to be tried (RFC 6724)."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return [str(address[0]) for *_, address in found]
