"""Real neonize clients in processes of their own."""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHILD = Path(__file__).with_name("neonize_client.py")
PATIENCE = 60.0
"""Seconds; far more than anything takes, for loaded machines."""

Event = dict[str, Any]


@dataclass
class NeonizeClient:
    """A neonize process with its session database; `events` is everything it said, in order."""

    environment: dict[str, str]
    database: Path
    events: list[Event] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None
    _seen: int = 0
    _answers: set[int] = field(default_factory=set)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def start(self) -> None:
        self._seen = len(self.events)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(CHILD),
            str(self.database),
            env=self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read())

    async def do(self, command: str, **arguments: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        await self.process.stdin.drain()

    async def expect(self, event: str, **facts: object) -> Event:
        """Return the next event of this kind with these facts; pass over others."""

        def found() -> Event | None:
            for index in range(self._seen, len(self.events)):
                candidate = self.events[index]
                if index in self._answers:
                    continue
                if candidate["event"] == event and facts.items() <= candidate.items():
                    self._seen = index + 1
                    return candidate
            return None

        async with self._news:
            try:
                async with asyncio.timeout(PATIENCE):
                    while (event_found := found()) is None:
                        await self._news.wait()
            except TimeoutError:
                pytest.fail(f"{event} {facts} did not come; got {self.events[self._seen :]}")
        return event_found

    async def expect_all(self, *wanted: Event) -> list[Event]:
        """Return the next event with each of these facts, in whatever order they come."""
        start, found, last = self._seen, [], self._seen
        for facts in wanted:
            self._seen = start
            found.append(await self.expect(**facts))
            last = max(last, self._seen)
        self._seen = last
        return found

    async def expect_back(self, text: str) -> Event:
        """Wait until the client is connected again and has a message that waited for it; return that.

        whatsmeow tells of the connection beside handling what waited, so either may come first.
        """
        _, message = await self.expect_all({"event": "Connected"}, {"event": "Message", "text": text})
        return message

    async def ask(self, command: str, answer: str, **arguments: str) -> Event:
        """Give a command and return its answer, which must not be an error.

        What the command brings about may be told before its answer, so all that came since the command can
        still be expected.
        """
        asked = len(self.events)
        await self.do(command, **arguments)
        event = await self.expect(answer)
        assert not event.get("error"), event
        self._answers.add(self._seen - 1)
        self._seen = asked
        return event

    def texts(self) -> list[str]:
        """Return the texts of all messages so far; silent protocol messages are left out."""
        return [event["text"] for event in self.events if event["event"] == "Message" and event["text"]]

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def kill(self) -> None:
        """End the process at once, wherever it is."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        if self._process is not None:
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if not line.endswith(b"\n"):
                return  # a kill cut it short
            async with self._news:
                self.events.append(json.loads(line))
                self._news.notify_all()


NewClient = Callable[[dict[str, str]], Awaitable[NeonizeClient]]
