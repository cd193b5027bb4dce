"""The Kubernetes API as the operator uses it: plain objects in and out over one HTTP session.

Configuration and authentication come from `kubernetes.aio`; requests are made directly, because its models and its
dynamic client cost several times the memory and processor time.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from os import environ
from typing import Final, Literal, cast

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, kube_config, load_incluster_config, load_kube_config

from oxy_core.errors import SettingsError
from oxy_core.memory_file import keep_kubeconfig_in_memory
from oxy_operator.errors import ApiError
from oxy_operator.objects import FIELD_MANAGER, Kind, Object

REQUEST_SECONDS: Final = 15.0
"""Timeout of a request; a watch has its own."""

WATCH_SECONDS: Final = 290
"""How long the server keeps a watch open."""

SILENCE_SECONDS: Final = 90.0
"""How long a watch may be silent before it is begun again where it was: its connection may be dead, or nothing has
changed. The server sends a bookmark about every minute, but none that is older than what was listed; of a kind that
nobody changes that can take ten minutes. Source: k8s.io/apiserver pkg/storage/cacher/cache_watcher.go, process."""

JSON_DEPTH: Final = 60_000
"""Recursion limit with which every answer can be read: the server stores objects nested up to 10,000 levels deep
(``managedFields``, which anybody may write; sigs.k8s.io/json, maxNestingDepth), and Python's parser recurses. Parsing
them takes less than 2 MiB of stack. kopf copies and compares what it watches with several calls for each level, which
take none: with a lower limit it puts such an object aside, and its deletion would wait for the next resync."""

_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change, in the server's order."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Object


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list. `more` is the token of the next page."""

    items: tuple[Object, ...]
    resource_version: str
    more: str | None


class Kubernetes:
    """Requests to one API server. Every method raises ApiError or one of its subclasses."""

    def __init__(
        self, configuration: Configuration, session: aiohttp.ClientSession, may_write: Callable[[], bool] = lambda: True
    ) -> None:
        self._configuration = configuration
        self._session = session
        self._may_write = may_write

    def writing_while(self, may_write: Callable[[], bool]) -> "Kubernetes":
        """Return the same API, except that writes raise ApiError unless `may_write` returns True."""
        return Kubernetes(self._configuration, self._session, may_write)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return one object; raises MissingError."""
        return await self._json("GET", kind.path(namespace, name))

    async def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        """Create one object; raises ConflictError if it exists."""
        return await self._json("POST", kind.path(namespace), body=body, query={"fieldManager": FIELD_MANAGER})

    async def replace(self, kind: Kind, body: Object) -> Object:
        """Replace one object; raises ConflictError if it is newer than the ``resourceVersion`` in `body`."""
        metadata = body["metadata"]
        return await self._json("PUT", kind.path(metadata["namespace"], metadata["name"]), body=body)

    async def apply(self, kind: Kind, body: Object, *, manager: str = FIELD_MANAGER, subresource: str = "") -> Object:
        """Apply an object server-side and return its metadata.

        With ``metadata.uid`` in `body`, an object deleted in the meantime is not recreated: raises ConflictError.
        """
        metadata = body["metadata"]
        return await self._json(
            "PATCH",
            kind.path(metadata["namespace"], metadata["name"], subresource),
            body={"apiVersion": kind.group_version, "kind": kind.name, **body},
            query={"fieldManager": manager, "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml", "Accept": _METADATA_ONLY},
        )

    async def merge(self, kind: Kind, namespace: str, name: str, body: Object) -> Object:
        """Change only what `body` names (RFC 7396; None removes) and return the object's metadata.

        Raises MissingError.
        """
        headers = {"Content-Type": "application/merge-patch+json", "Accept": _METADATA_ONLY}
        query = {"fieldManager": FIELD_MANAGER}
        return await self._json("PATCH", kind.path(namespace, name), body=body, query=query, headers=headers)

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        """Delete the object that has this uid; raises MissingError, or ConflictError if another object has its name."""
        body: Object = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        await self._json("DELETE", kind.path(namespace, name), body=body)

    async def page(self, kind: Kind, selector: str, more: str | None, *, metadata_only: bool) -> Page:
        """Return a page of at most 500 objects of all namespaces."""
        query = {"labelSelector": selector, "limit": "500"} | ({"continue": more} if more else {})
        accept = _METADATA_LIST_ONLY if metadata_only else "application/json"
        answer = await self._json("GET", kind.path(), query=query, headers={"Accept": accept})
        metadata = answer["metadata"]
        return Page(tuple(answer.get("items") or ()), metadata["resourceVersion"], metadata.get("continue") or None)

    async def all(self, kind: Kind, selector: str = "") -> AsyncIterator[Object]:
        """Yield all objects of all namespaces that a label selector selects."""
        more: str | None = None
        while True:
            page = await self.page(kind, selector, more, metadata_only=False)
            for item in page.items:
                yield item
            more = page.more
            if more is None:
                return

    async def any(self, kind: Kind) -> bool:
        """Return whether there is an object of this kind in any namespace."""
        answer = await self._json("GET", kind.path(), query={"limit": "1"})
        return bool(answer.get("items"))

    async def watch(
        self, kind: Kind, selector: str, resource_version: str, *, metadata_only: bool
    ) -> AsyncIterator[WatchEvent]:
        """Yield changes since `resource_version` until the server ends the watch or says nothing any more.

        An ERROR event raises ApiError, and so does a server that cannot be reached.
        """
        query = {
            "labelSelector": selector,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        headers = {"Accept": _METADATA_ONLY if metadata_only else "application/json"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=SILENCE_SECONDS)
        try:
            async with self._session.get(
                self._url(kind.path()), params=query, headers=await self._headers(headers), timeout=timeout
            ) as response:
                await _raise_for_status(response)
                try:
                    async for line in _lines(response.content):
                        yield _event(_decoded(line))
                except aiohttp.SocketTimeoutError:
                    return
                finally:
                    _abort(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(0, _unreachable(error)) from error

    async def _json(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        if method != "GET" and not self._may_write():
            raise ApiError(0, "write refused: this process does not hold the leader lease")
        all_headers = await self._headers({"Content-Type": "application/json", **(headers or {})})
        data = None if body is None else json.dumps(body)
        try:
            async with self._session.request(
                method, self._url(path), params=query, data=data, headers=all_headers
            ) as response:
                await _raise_for_status(response)
                return _decoded(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(0, _unreachable(error)) from error

    def _url(self, path: str) -> str:
        return f"{self._configuration.host}{path}"

    async def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Add authentication; asking each time lets kubernetes.aio renew a projected token."""
        settings = await self._configuration.auth_settings()
        token = settings.get("BearerToken", {}).get("value")
        return {**headers, **({"Authorization": cast("str", token)} if token else {})}


def _decoded(content: bytes) -> Object:
    try:
        answer: Object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ApiError(0, f"the Kubernetes API answered what is no JSON: {type(error).__name__}") from error
    return answer


def _event(line: Object) -> WatchEvent:
    if line["type"] == "ERROR":
        status = line["object"]
        raise ApiError.of(int(status.get("code", 0)), str(status.get("message", "the watch failed")))
    return WatchEvent(line["type"], line["object"])


def _abort(response: aiohttp.ClientResponse) -> None:
    """Abort a stream that has not ended: an orderly close would wait for a server that keeps sending."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Split a stream into lines of any length (aiohttp's own reader bounds them)."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line


async def _raise_for_status(response: aiohttp.ClientResponse) -> None:
    if response.status < HTTPStatus.BAD_REQUEST:
        return
    text = await response.text(errors="replace")
    try:
        message = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        message = text[:500] or response.reason or "no explanation"
    raise ApiError.of(response.status, message)


def _unreachable(error: Exception) -> str:
    return f"the Kubernetes API did not answer: {str(error) or type(error).__name__}"


async def load_configuration() -> Configuration:
    """Return how to reach the API: by the file that KUBECONFIG names, otherwise by the pod's service account.

    Outside a pod, without KUBECONFIG, kubectl's default file is read. Raises SettingsError if none of these is usable.
    """
    configuration = Configuration()
    keep_kubeconfig_in_memory(kube_config)
    try:
        if "KUBECONFIG" in environ or "KUBERNETES_SERVICE_HOST" not in environ:
            await load_kube_config(config_file=environ.get("KUBECONFIG"), client_configuration=configuration)
        else:
            load_incluster_config(client_configuration=configuration)
    except ConfigException as error:
        message = f"KUBECONFIG: {error}; name a kubeconfig file, or run in a pod that has a service account"
        raise SettingsError(message) from error
    return configuration


@asynccontextmanager
async def connected(configuration: Configuration, *, connections: int = 32) -> AsyncIterator[Kubernetes]:
    """Keep an HTTP session to the API server open, with at most this many connections."""
    client = ApiClient(configuration)
    connector = aiohttp.TCPConnector(limit=connections, ssl=client.rest_client.ssl_context)
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True) as session:
            yield Kubernetes(configuration, session)
    finally:
        await client.close()
