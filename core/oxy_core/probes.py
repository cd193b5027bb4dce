"""The HTTP server that the kubelet probes and Prometheus scrapes: ``/livez``, ``/readyz``, ``/metrics``.

A process may show more of itself on ``/state``.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import h11
from prometheus_client import make_wsgi_app

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

_Headers = list[tuple[str, str]]


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


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: _Headers
    body: bytes

    @classmethod
    def text(cls, status: int, text: str) -> "_Answer":
        return cls(status, [("Content-Type", "text/plain")], f"{text}\n".encode())


@dataclass(frozen=True, slots=True)
class _Pages:
    heart: _Heart
    ready: ReadyCheck
    state: StatePage | None

    def answer(self, request: h11.Request) -> _Answer:
        path, _, query = request.target.decode("latin-1").partition("?")
        if request.method not in {b"GET", b"HEAD"}:
            return _Answer(405, [("Allow", "GET, HEAD")], b"")
        if path == "/metrics":
            return _metrics(request, query)
        if path == "/state" and self.state is not None:
            return _Answer(200, [("Content-Type", "application/json")], self.state().encode())
        problem = {
            "/livez": lambda: "the event loop is stalled" if self.heart.stalled else None,
            "/readyz": self.ready,
        }.get(path, lambda: "no such page: use /livez, /readyz or /metrics")()
        return _Answer.text(503 if problem else 200, problem or "ok")


def _metrics(request: h11.Request, query: str) -> _Answer:
    """Have prometheus_client answer, which decides about format and compression."""
    environ = {
        f"HTTP_{name.decode().upper().replace('-', '_')}": value.decode("latin-1") for name, value in request.headers
    }
    environ |= {"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics", "QUERY_STRING": query}
    said: list[tuple[str, _Headers]] = []
    body = b"".join(make_wsgi_app()(environ, lambda status, headers: said.append((status, headers))))
    [(status, headers)] = said
    return _Answer(int(status.split()[0]), headers, body)


class _Server:
    """Answers one request on each connection, in an event loop of its own: it is asked whether the other one runs.

    Anybody in the cluster may connect and say nothing: neither descriptors nor memory must run out by it.
    """

    def __init__(self, pages: _Pages) -> None:
        self._pages = pages
        self._open: dict[asyncio.StreamWriter, None] = {}
        """Oldest first."""

    async def serve(self, listening: socket.socket, end: asyncio.Event) -> None:
        """Serve until `end` is set."""
        async with await asyncio.start_server(self._connected, sock=listening) as server:
            await end.wait()
            server.close()
            while asyncio.all_tasks() - {asyncio.current_task()}:
                for writer in self._open:
                    writer.transport.abort()
                await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new connection, in place of the oldest if there are too many."""
        self._open[writer] = None
        if len(self._open) > MOST_CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.transport.abort()
        try:
            # Of clients that are slow or go away nothing is logged: anybody could fill the log.
            with suppress(OSError):
                async with asyncio.timeout(REQUEST_SECONDS):
                    await self._converse(reader, writer)
        finally:
            self._open.pop(writer, None)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        try:
            while (event := connection.next_event()) is h11.NEED_DATA:
                connection.receive_data(await reader.read(_RECEIVED_BYTES))
            if not isinstance(event, h11.Request):
                return  # closed without a request
            answer, head_only = self._pages.answer(event), event.method == b"HEAD"
        except h11.RemoteProtocolError as error:
            head_only = False
            problem = f"not a request with a head of at most {HEAD_BYTES >> 10} KiB"
            answer = _Answer.text(error.error_status_hint, problem)
        headers = [*answer.headers, ("Content-Length", str(len(answer.body))), ("Connection", "close")]
        for sent in (
            h11.Response(status_code=answer.status, headers=headers),
            h11.Data(b"" if head_only else answer.body),
            h11.EndOfMessage(),
        ):
            writer.write(connection.send(sent) or b"")
        writer.close()
        await writer.wait_closed()


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
    from the serving thread and must not block.
    """
    heart = _Heart(asyncio.get_running_loop(), stall_seconds)
    server, end = _Server(_Pages(heart, ready, state)), asyncio.Event()
    loop = asyncio.new_event_loop()
    with closing(loop), socket.create_server((host, port), backlog=4 * MOST_CONNECTIONS) as listening:
        thread = threading.Thread(
            target=loop.run_until_complete, args=(server.serve(listening, end),), name="probes", daemon=True
        )
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            heart.stop()
            loop.call_soon_threadsafe(end.set)
            thread.join()
