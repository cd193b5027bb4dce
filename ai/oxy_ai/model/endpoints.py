"""Endpoints of models: one HTTP client for each, and what was learned of its models."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from ssl import SSLContext
from typing import Final, TypeAlias

import httpx2

from oxy_ai.errors import EndpointOutageError, ModelInvalidError, ModelOutageError, OutageCause
from oxy_ai.model.breaker import CircuitBreaker
from oxy_ai.model.guarded_transport import CONNECT_ERRORS, HTTP_ERRORS, GuardedBackend, GuardedTransport
from oxy_ai.model.problems import Parameter
from oxy_ai.model.route import Recording
from oxy_core.model_endpoints import AllowedEndpoints

CONNECT_SECONDS: Final = 5.0
"""Longest wait for a connection. A model may take long to answer; an endpoint that takes long to connect is down."""

KEPT_CONNECTIONS: Final = 100
"""Idle connections to one endpoint; more than a worker has turns."""

MAX_RESPONSE_BYTES: Final = 1 << 20
"""Longest body that is read: ten times the response of the largest `max_tokens` in use."""

IDLE_SECONDS: Final = 600.0
"""Time without a request after which an instance's endpoint is closed, and what is known of a model forgotten."""

SWEEP_SECONDS: Final = 60.0
"""How often idle ones are looked for; by a request, because without any nothing grows."""

Clock: TypeAlias = Callable[[], float]

_TIMEOUTS: Final = httpx2.Timeout(None, connect=CONNECT_SECONDS).as_dict()
"""Of one request. What bounds a whole response is the route's."""

_PORTS: Final = {"http": 80, "https": 443}
_LAST_PORT: Final = 65_535


@dataclass(slots=True)
class ModelState:
    """What is known of one model at one endpoint."""

    refused: frozenset[Parameter] = frozenset()
    """What it does not take."""
    breakers: dict[str | None, CircuitBreaker] = field(default_factory=dict)
    """By who shares its fate: an organization with a key or a time-out of its own; None: those with the platform's."""
    used_at: float = 0.0

    def breaker(self, sharing: str | None) -> CircuitBreaker:
        """Return the breaker of those who share a key and its limits."""
        return self.breakers.setdefault(sharing, CircuitBreaker())

    def answered(self, sharing: str | None) -> None:
        """Record that the endpoint answered them; only breakers that have counted something are kept."""
        self.breakers.pop(sharing, CircuitBreaker()).answered()


class Endpoint:
    """One endpoint, with its connections."""

    def __init__(self, base_url: str, http: httpx2.AsyncClient, clock: Clock) -> None:
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._headers = http.headers.raw
        self._urls: dict[str, httpx2.URL] = {}
        self._models: dict[str, ModelState] = {}
        self.in_flight = 0
        self.used_at = 0.0

    def model(self, name: str) -> ModelState:
        """Return what is known of a model."""
        state = self._models.setdefault(name, ModelState())
        state.used_at = self._clock()
        return state

    def forget(self, before: float) -> None:
        """Forget the models that nobody has asked since then."""
        for name in [name for name, state in self._models.items() if state.used_at < before]:
            del self._models[name]

    def json_request(self, path: str, key: str, content: bytes) -> httpx2.Request:
        """Return a request with a body of JSON."""
        # Not by `AsyncClient.post`, which merges headers and URLs anew for each request, a fifth of its time.
        headers = [*self._headers, (b"Content-Type", b"application/json"), _authorization(key)]
        return httpx2.Request("POST", self._url(path), headers=headers, content=content, extensions=_extensions())

    def form_request(self, path: str, key: str, fields: Mapping[str, str], file: Recording) -> httpx2.Request:
        """Return a request with a form that has a file."""
        return httpx2.Request(
            "POST",
            self._url(path),
            headers=[*self._headers, _authorization(key)],
            data=dict(fields),
            files={"file": (file.name, file.data, file.media_type)},
            extensions=_extensions(),
        )

    async def send(self, request: httpx2.Request, model: str, timeout_seconds: float) -> httpx2.Response:
        """Send a request about a model and return the whole response, whatever its status.

        Raises ModelOutageError if there is none, ModelInvalidError if it is too long.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._http.send(request)
        except TimeoutError:
            message = f"the model's endpoint did not answer within {timeout_seconds:g} s"
            raise ModelOutageError(message, OutageCause.UNREACHABLE, unsettled=(model,)) from None
        except CONNECT_ERRORS as error:
            message = f"the model's endpoint did not answer ({type(error).__name__})"
            raise EndpointOutageError(message, OutageCause.UNREACHABLE) from error
        except HTTP_ERRORS as error:
            message = f"the model's endpoint did not answer ({type(error).__name__})"
            raise ModelOutageError(message, OutageCause.UNREACHABLE, unsettled=(model,)) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def _url(self, path: str) -> httpx2.URL:
        if path not in self._urls:
            self._urls[path] = httpx2.URL(f"{self._base_url}/{path}")
        return self._urls[path]


class Endpoints:
    """All endpoints in use: the platform's, which stays open, and those of instances."""

    def __init__(self, platform_url: str, allowed: AllowedEndpoints, clock: Clock = time.monotonic) -> None:
        """`clock` is monotonic, in seconds."""
        self._clock = clock
        self._allowed = allowed
        self._tls = httpx2.create_ssl_context()  # now, and once: loading the trusted certificates takes long
        self._platform = Endpoint(platform_url, _http_client(self._tls, follow_redirects=True), clock)
        self._instances: dict[str, Endpoint] = {}
        self._swept_at = clock()

    @contextmanager
    def using(self, base_url: str | None) -> Iterator[Endpoint]:
        """Keep an endpoint open while a request runs, None: the platform's; raises EndpointOutageError."""
        endpoint = self._platform if base_url is None else self._instance(base_url.rstrip("/"))
        endpoint.in_flight += 1
        try:
            yield endpoint
        finally:
            endpoint.in_flight -= 1
            endpoint.used_at = self._clock()

    async def sweep(self) -> None:
        """Close the endpoints that no instance has used for long."""
        now = self._clock()
        if now < self._swept_at + SWEEP_SECONDS:
            return
        self._swept_at = now
        before = now - IDLE_SECONDS
        self._platform.forget(before)
        for url, endpoint in list(self._instances.items()):
            endpoint.forget(before)
            if not endpoint.in_flight and endpoint.used_at < before:
                del self._instances[url]
                await endpoint.close()

    async def close(self) -> None:
        """Close all connections."""
        for endpoint in (self._platform, *self._instances.values()):
            await endpoint.close()

    def _instance(self, base_url: str) -> Endpoint:
        if base_url not in self._instances:
            self._instances[base_url] = Endpoint(base_url, self._client_for(base_url), self._clock)
        return self._instances[base_url]

    def _client_for(self, base_url: str) -> httpx2.AsyncClient:
        host, port = host_and_port(base_url)
        if self._allowed.names(host, port):
            # Whoever lists a host trusts its name, so it is reached like the platform's: by the environment's proxy.
            return _http_client(self._tls)
        guarded = GuardedTransport(GuardedBackend(self._allowed), self._tls, KEPT_CONNECTIONS)
        return _http_client(self._tls, transport=guarded)


def host_and_port(base_url: str) -> tuple[str, int]:
    """Return where a base URL leads; raises EndpointOutageError if no request may be made of it."""
    try:
        url = httpx2.URL(base_url)
    except (httpx2.InvalidURL, ValueError):
        url = httpx2.URL()
    wrong = _wrong_with(url, base_url)
    if wrong is not None:
        message = f"the endpoint's URL cannot be used: {wrong}"
        raise EndpointOutageError(message, OutageCause.MISCONFIGURED)
    return url.host, url.port or _PORTS[url.scheme]


def _wrong_with(url: httpx2.URL, written: str) -> str | None:
    if url.scheme not in _PORTS or not url.host or url.port == 0 or (url.port or 0) > _LAST_PORT:
        return "it must begin with https:// or http:// and a host"
    if url.userinfo:
        return "it must not contain a user or password; the key belongs into the Secret that apiKeySecretRef names"
    if "?" in written or "#" in written:
        return "it must end with its path, without ? and #"
    return None


def _http_client(
    tls: SSLContext, *, follow_redirects: bool = False, transport: httpx2.AsyncBaseTransport | None = None
) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        # Uncompressed, so that MAX_RESPONSE_BYTES limits the memory that a response takes.
        headers={"Accept-Encoding": "identity"},
        cookies=_NoCookies(),
        verify=tls,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=KEPT_CONNECTIONS),
        follow_redirects=follow_redirects,
        event_hooks={"response": [_limit_body]},
        transport=transport,
    )


def _extensions() -> dict[str, object]:
    return {"timeout": _TIMEOUTS}


def _authorization(key: str) -> tuple[bytes, bytes]:
    return b"Authorization", b"Bearer " + key.encode()


class _NoCookies(CookieJar):
    """Keeps none: requests of different organizations must not be connected, and a jar grows."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Ignore the cookies of a response."""


class _BoundedStream(httpx2.AsyncByteStream):
    """A response's body; raises ModelInvalidError as soon as it is too long."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for chunk in self._stream:
            taken += len(chunk)
            if taken > MAX_RESPONSE_BYTES:
                message = f"the model's endpoint answered with more than {MAX_RESPONSE_BYTES} bytes"
                raise ModelInvalidError(message)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _limit_body(response: httpx2.Response) -> None:
    """Limit the body of a response before it is read; raises ModelInvalidError for a compressed one."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        message = "the model's endpoint sent a compressed response, which was not requested"
        raise ModelInvalidError(message)
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _BoundedStream(response.stream)
