"""Chat as a simulated phone in the terminal, or recite a file: each line after the answer to the last."""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TextIO

from oxy_simulator.client import SimulatorClient
from oxy_simulator.errors import RequestError
from oxy_simulator.replies import LineView, Message, PhoneView
from oxy_simulator.transcript import shown, ticks, visible

_POLL_SECONDS: Final = 0.3
_FOLLOW_SECONDS: Final = 30.0
_SHOWN: Final = 40


class NoAnswerError(RequestError):
    """A line was not answered in time."""


@dataclass(slots=True)
class Terminal:
    """Where the conversation is shown; in a terminal a prompt follows each line."""

    output: TextIO = sys.stdout
    interactive: bool = False

    def show(self, text: str) -> None:
        """Show a line."""
        self.output.write(f"\r\x1b[K{text}\n> " if self.interactive else f"{text}\n")
        self.output.flush()


@dataclass(slots=True)
class Conversation:
    """One phone's side of a chat, with what was shown of it already."""

    api: SimulatorClient
    number: str
    to: str
    terminal: Terminal
    newest: int = 0
    reached: dict[str, str] = field(default_factory=dict)
    typing: str = ""

    async def say(self, text: str) -> None:
        """Send a line."""
        message_id = await self.api.send(self.number, self.to, text)
        self.reached[message_id] = ""

    async def hear(self, wait: float) -> list[Message]:
        """Show what arrived, waiting for it, and return what others wrote in this chat."""
        arrived = await self.api.inbox(self.number, self.newest, wait)
        heard = [message for message in arrived if not message.from_me and visible(message)]
        for message in arrived:
            self.newest = message.number
        for message in heard:
            who = "" if message.chat == self.to else f"{message.sender}: "
            self.terminal.show(f"{_time(message.at)}  {who}{shown(message)}")
        return [message for message in heard if message.chat == self.to]

    async def follow_messages(self) -> None:
        """Show what arrives, for ever."""
        while True:
            await self.hear(_FOLLOW_SECONDS)

    async def follow_state(self) -> None:
        """Show how far own messages come, and who types, for ever."""
        while True:
            await self.show_ticks()
            await self._show_typing()
            await asyncio.sleep(_POLL_SECONDS)

    async def show_ticks(self) -> None:
        """Show how far own messages came since they were shown last."""
        open_ones = {message_id for message_id, state in self.reached.items() if not state.endswith("read")}
        for line in await self.api.accounting() if open_ones else []:
            if line.id in open_ones and (state := ticks(line.stages)) != self.reached[line.id]:
                self.reached[line.id] = state
                self.terminal.show(f"          {state}  {_start_of(line)}")

    async def _show_typing(self) -> None:
        view = await phone_view(self.api, self.number)
        state = view.chat_states.get(self.to, "")
        if state == "composing" != self.typing:
            self.terminal.show("          … is typing")
        self.typing = state


async def chat(url: str, number: str, to: str | None, *, name: str = "", patience: float = 60.0) -> None:
    """Let a phone of a running server talk from standard input to its end.

    Typed in a terminal, everything is shown as it happens. From a pipe or file, each line is said after the answer to
    the last; raises NoAnswerError if one does not come within `patience` seconds.
    """
    async with SimulatorClient(url) as api:
        view = await api.add_phone(number, name)
        partner = (await phone_view(api, to)).phone if to else await _only_other(api, view.phone)
        interactive = sys.stdin.isatty()
        terminal = Terminal(interactive=interactive)
        talk = Conversation(api, view.phone, partner, terminal, newest=view.messages)
        if interactive:
            terminal.show(f"You are {view.name} (+{view.phone}), writing to +{partner}. Ctrl-D ends.")
            await _converse(talk)
        else:
            await _recite(talk, patience)


async def _converse(talk: Conversation) -> None:
    followers = [asyncio.create_task(talk.follow_messages()), asyncio.create_task(talk.follow_state())]
    try:
        while line := await read_line(sys.stdin):
            if line.strip():
                await talk.say(line.strip())
    finally:
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)


async def _recite(talk: Conversation, patience: float) -> None:
    loop = asyncio.get_running_loop()
    while line := await read_line(sys.stdin):
        if not line.strip():
            continue
        talk.terminal.show(f"{_time(time.time())}  > {line.strip()}")
        await talk.say(line.strip())
        deadline = loop.time() + patience
        while not await talk.hear(max(min(deadline - loop.time(), _FOLLOW_SECONDS), 0.0)):
            if loop.time() >= deadline:
                msg = f"+{talk.to} did not answer {line.strip()!r} within {patience:g} s"
                raise NoAnswerError(msg)
        await talk.show_ticks()


async def read_line(source: TextIO) -> str:
    """Read a line without holding up the event loop; empty at the end of the input.

    The loop itself waits for a terminal: a thread that reads from one cannot be interrupted by Ctrl-C.
    """
    if not source.isatty():
        return await asyncio.to_thread(source.readline)
    typed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(source.fileno(), typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(source.fileno())
    return source.readline()


async def phone_view(api: SimulatorClient, number: str) -> PhoneView:
    """Return one phone; raise RequestError if it does not exist."""
    digits = number.lstrip("+")
    views = await api.phones()
    found = next((view for view in views if view.phone == digits), None)
    if found is None:
        known = ", ".join(f"+{view.phone}" for view in views) or "none"
        msg = f"there is no phone {number}; phones: {known}"
        raise RequestError(msg)
    return found


async def _only_other(api: SimulatorClient, number: str) -> str:
    """Return the one phone that a client is linked to; raise RequestError if that is not clear."""
    linked = [view.phone for view in await api.phones() if view.devices and view.phone != number]
    if len(linked) != 1:
        listed = ", ".join(f"+{phone}" for phone in linked) or "none"
        msg = f"say with --to whom to write to; phones with a linked client: {listed}"
        raise RequestError(msg)
    return linked[0]


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S")


def _start_of(line: LineView) -> str:
    text = line.text or ""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
