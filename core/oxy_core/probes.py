"""The HTTP server that the kubelet probes and Prometheus scrapes: ``/livez``, ``/readyz``, ``/metrics``.

A process may show more of itself on ``/state``.
"""

import asyncio
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

STALL_SECONDS: Final = 30.0
"""An event loop that has not run for this long is reported as dead."""

_BEAT_SECONDS: Final = 5.0
"""A sixth of `STALL_SECONDS`: each beat wakes a process that may have nothing else to do."""

ReadyCheck = Callable[[], str | None]
"""Returns None when ready, otherwise why not."""

StatePage = Callable[[], str]
"""Returns what the process is doing, as JSON, without anything that not everybody may know."""


class _Server(ThreadingMixIn, WSGIServer):
    """One thread for each request, so that a slow client delays nobody else's probe."""

    daemon_threads = True
    timeout = 0.0
    """Of `handle_request`: `serve_until` calls it when there is one."""

    def serve_until(self, end: socket.socket) -> None:
        """Serve until `end` has been closed on its other side; unlike `serve_forever`, it wakes for nothing else."""
        with selectors.DefaultSelector() as selector:
            for waited in (self, end):
                selector.register(waited, selectors.EVENT_READ)
            while end not in {key.fileobj for key, _ in selector.select()}:
                self.handle_request()


class _QuietHandler(WSGIRequestHandler):
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
