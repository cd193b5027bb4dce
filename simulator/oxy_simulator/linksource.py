"""Where a linking code or QR text is read: a client's output, a file, an address, a command."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

import aiohttp

from oxy_simulator.clients import Client, ClientError, first_group
from oxy_simulator.scenario import Source

_POLL_SECONDS: Final = 0.2


class Fill(Protocol):
    """Puts variables into a text."""

    def __call__(self, text: str) -> str:
        """Return the text with their values."""


async def read_source(source: Source, client: Client | None, fill: Fill, within: float, folder: Path) -> str:
    """Wait until the code is there and return it; raise ClientError after `within` seconds.

    Files are named, and commands run, from `folder`.
    """
    if source.output is not None:
        if client is None:
            msg = "'output' is that of a client that the scenario starts; use file, url or command for others"
            raise ClientError(msg)
        return await client.printed(source.output, within)
    place, read = _place(source, fill, folder)
    try:
        async with asyncio.timeout(within):
            while (found := _extract(await read(), source.pattern)) is None:
                if client is not None:
                    await client.require_running()
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        wanted = f"text with /{source.pattern}/" if source.pattern else "text"
        msg = f"{place} had no {wanted} within {within:g} s" + (f"; {client.tail()}" if client else "")
        raise ClientError(msg) from None
    return found


def _place(source: Source, fill: Fill, folder: Path) -> tuple[str, Callable[[], Awaitable[str]]]:
    """Return the source's name for people, and what reads it once (to nothing while it is not there)."""
    if source.file is not None:
        file = folder / fill(source.file)
        return str(file), lambda: asyncio.to_thread(_read_file, file)
    if source.url is not None:
        url = fill(source.url)
        return url, lambda: _get(url)
    command = [fill(argument) for argument in source.command or ()]
    return " ".join(command), lambda: _run(command, folder)


def _extract(text: str, pattern: str | None) -> str | None:
    if pattern is None:
        return text.strip() or None
    match = re.search(pattern, text)
    return first_group(match) if match is not None else None


def _read_file(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""  # not there yet, or not written to its end


async def _get(url: str) -> str:
    try:
        async with aiohttp.ClientSession(trust_env=False) as session, session.get(url) as answer:
            return await answer.text() if answer.ok else ""
    except aiohttp.ClientError:
        return ""


async def _run(command: list[str], folder: Path) -> str:
    try:
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=folder)
    except OSError as error:
        msg = f"{' '.join(command)} cannot be run: {error}"
        raise ClientError(msg) from error
    output, _ = await process.communicate()
    return output.decode(errors="replace") if process.returncode == 0 else ""
