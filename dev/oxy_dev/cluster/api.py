"""A small client of the API server on the standard library: plain objects in, plain objects out.

It never uses a proxy, whatever the environment says, and needs no kubeconfig to be parsed.
"""

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oxy_dev.cluster.errors import ApiError

Object = dict[str, Any]
"""A Kubernetes object, as its JSON."""
TIMEOUT: Final = 10.0
"""Seconds until a request is given up."""
FIELD_MANAGER: Final = "oxy-cluster"


@dataclass(frozen=True, slots=True)
class Api:
    """A connection maker for one API server.

    Every method raises `ApiError` for an error status, and `OSError` or
    `http.client.HTTPException` when the server cannot be reached.
    """

    host: str
    port: int
    context: ssl.SSLContext
    token: str | None = None

    @classmethod
    def with_certificate(cls, url: str, authority: Path, certificate: Path, key: Path) -> "Api":
        """Speak to ``url`` as the holder of a client certificate."""
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(certificate, key)
        return cls(*_address(url), context)

    @classmethod
    def with_token(cls, url: str, authority: Path, token: str) -> "Api":
        """Speak to ``url`` with a bearer token."""
        return cls(*_address(url), ssl.create_default_context(cafile=str(authority)), token)

    def get(self, path: str) -> Object:
        """Read an object or a list."""
        return self._json("GET", path)

    def exists(self, path: str) -> bool:
        """Tell whether there is an object at ``path``."""
        try:
            self.get(path)
        except ApiError as error:
            if error.status == http.client.NOT_FOUND:
                return False
            raise
        return True

    def create(self, path: str, obj: Object) -> Object:
        """Create an object in the collection at ``path``."""
        return self._json("POST", path, obj)

    def delete(self, path: str) -> Object:
        """Delete the object at ``path``."""
        return self._json("DELETE", path)

    def apply(self, path: str, obj: Object) -> Object:
        """Apply an object server-side at its own ``path``, taking over fields that others own."""
        return self._json(
            "PATCH", f"{path}?fieldManager={FIELD_MANAGER}&force=true", obj, "application/apply-patch+yaml"
        )

    def is_ready(self) -> bool:
        """Tell whether the server answers that it is ready."""
        try:
            with closing(self._connect(timeout=2.0)) as connection:
                connection.request("GET", "/readyz", headers=self._headers())
                return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def watch(self, path: str, resource_version: str, seconds: int) -> Iterator[Object]:
        """Yield the events of the collection at ``path`` for at most ``seconds``, bookmarks included."""
        query = urllib.parse.urlencode(
            {
                "watch": "true",
                "resourceVersion": resource_version,
                "timeoutSeconds": seconds,
                "allowWatchBookmarks": "true",
            }
        )
        with closing(self._connect(timeout=seconds + TIMEOUT)) as connection:
            connection.request("GET", f"{path}?{query}", headers=self._headers())
            response = connection.getresponse()
            _raise_for_status(response)
            for line in response:
                yield json.loads(line)

    def _json(self, method: str, path: str, body: Object | None = None, kind: str = "application/json") -> Object:
        with closing(self._connect(TIMEOUT)) as connection:
            payload = None if body is None else json.dumps(body).encode()
            connection.request(method, path, payload, {**self._headers(), "Content-Type": kind})
            response = connection.getresponse()
            _raise_for_status(response)
            answer: Object = json.loads(response.read())
            return answer

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)

    def _headers(self) -> dict[str, str]:
        return {"Accept": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})


def _address(url: str) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(url)
    return parts.hostname or "", parts.port or 443


def _raise_for_status(response: http.client.HTTPResponse) -> None:
    if response.status < http.client.BAD_REQUEST:
        return
    text = response.read().decode(errors="replace")
    try:
        message = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        message = text[:500]
    raise ApiError(response.status, message)
