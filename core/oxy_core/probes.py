"""The HTTP server that the kubelet probes and Prometheus scrapes: ``/livez``, ``/readyz``, ``/metrics``.

A process may show more of itself on ``/state``.
"""

import asyncio
import io
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

STALL_SECONDS: Final = 30.0
"""An event loop that has not run for this long is reported as dead."""

_BEAT_SECONDS: Final = 5.0
"""A sixth of `STALL_SECONDS`: each beat wakes a process that may have nothing else to do."""

MOST_CONNECTIONS: Final = 32
"""Connections at the same time; a further one ends the oldest. The kubelet and Prometheus need some three, briefly."""

REQUEST_SECONDS: Final = 10.0
"""How long a connection may last, whoever is slow: as long as Prometheus waits for a scrape by default."""

HEAD_BYTES: Final = 16 << 10
"""Longest head of a request; what follows it is not read."""

_RECEIVED_BYTES: Final = 4 << 10

ReadyCheck = Callable[[], str | None]
"""Returns None when ready, otherwise why not."""

StatePage = Callable[[], str]
"""Returns what the process is doing, as JSON, without anything that not everybody may know."""


class _Server(ThreadingMixIn, WSGIServer):
    """One thread for each request, so that a slow client delays nobody else's probe. None may stay for long.

    Anybody in the cluster may connect and say nothing: neither descriptors nor threads must run out by it.
    """

    daemon_threads = True
    request_queue_size = 4 * MOST_CONNECTIONS
    timeout = 0.0
    """Of `handle_request`: `serve_until` calls it when there is one."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 those of the base class
        super().__init__(*arguments, **named)
        self._guard = threading.Lock()
        self._begun: dict[object, float] = {}
        """When each open connection began, oldest first."""

    def serve_until(self, end: socket.socket) -> None:
        """Serve until `end` has been closed on its other side; it wakes for connections and for nothing else."""
        with selectors.DefaultSelector() as selector:
            for waited in (self, end):
                selector.register(waited, selectors.EVENT_READ)
            while end not in {key.fileobj for key, _ in selector.select(self._end_late())}:
                self.handle_request()

    def _end_late(self) -> float | None:
        """End the connections that have lasted for too long; return the seconds until the next will have, if any."""
        now = time.monotonic()
        with self._guard:
            for connection, begun in list(self._begun.items()):
                if now - begun < REQUEST_SECONDS:
                    return begun + REQUEST_SECONDS - now
                self._end(connection)
        return None

    def _end(self, connection: Any) -> None:  # noqa: ANN401 socketserver says no more
        """Wake the thread that serves a connection, which then closes it."""
        del self._begun[connection]
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 as the base class
        """Serve a new connection, in place of the oldest if there are too many."""
        with self._guard:
            self._begun[request] = time.monotonic()
            if len(self._begun) > MOST_CONNECTIONS:
                self._end(next(iter(self._begun)))
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 as the base class
        """Forget a connection that is closed."""
        with self._guard:
            self._begun.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 as the base class
        """Print nothing of a client that went away: anybody could fill the log."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _QuietHandler(WSGIRequestHandler):
    def setup(self) -> None:
        """Read the head of the request, as much as any has that is meant: the base class reads up to 6 MiB of one."""
        super().setup()
        head = b""
        while b"\r\n\r\n" not in head and len(head) < HEAD_BYTES:
            received = self.connection.recv(_RECEIVED_BYTES)
            if not received:
                break
            head += received
        self.rfile.close()
        self.rfile = io.BytesIO(head)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Log nothing: a line for each probe would drown everything else."""


class _Heart:
    """Lets other threads see whether the event loop still runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stall_seconds: float) -> None:
        self._loop = loop
        self._stall_seconds = stall_seconds
        self._beat()

    def _beat(self) -> None:
        self.last_beat = time.monotonic()
        self._next = self._loop.call_later(_BEAT_SECONDS, self._beat)

    def stop(self) -> None:
        self._next.cancel()

    @property
    def stalled(self) -> bool:
        return time.monotonic() - self.last_beat > self._stall_seconds


def _application(heart: _Heart, ready: ReadyCheck, state: StatePage | None) -> "WSGIApplication":
    metrics: WSGIApplication = make_wsgi_app()

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            return metrics(environ, start_response)
        if environ["PATH_INFO"] == "/state" and state is not None:
            page = state().encode()
            start_response("200 OK", [("Content-Type", "application/json")])
            return [page]
        problem = {
            "/livez": lambda: "the event loop is stalled" if heart.stalled else None,
            "/readyz": ready,
        }.get(environ["PATH_INFO"], lambda: "no such page: use /livez, /readyz or /metrics")()
        start_response("503 Service Unavailable" if problem else "200 OK", [("Content-Type", "text/plain")])
        return [f"{problem or 'ok'}\n".encode()]

    return answer


@contextmanager
def serving_probes(
    host: str,
    port: int,
    ready: ReadyCheck,
    *,
    state: StatePage | None = None,
    stall_seconds: float = STALL_SECONDS,
) -> Iterator[int]:
    """Serve probes and metrics in a separate thread until the context ends; yields the port.

    Must be entered inside a running event loop: its liveness is what ``/livez`` reports. `ready` and `state` are called
    from the serving threads and must not block.
    """
    heart = _Heart(asyncio.get_running_loop(), stall_seconds)
    server = make_server(host, port, _application(heart, ready, state), _Server, _QuietHandler)
    end, closed_to_end = socket.socketpair()
    thread = threading.Thread(target=server.serve_until, args=(end,), name="probes", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        heart.stop()
        closed_to_end.close()
        thread.join()
        end.close()
        server.server_close()
