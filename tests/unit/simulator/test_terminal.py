import asyncio
import os
import pty
from collections.abc import Iterator
from typing import TextIO

import pytest

from oxy_simulator.chat import read_line


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """A terminal: the descriptor of the person's side, and what a program reads."""
    leader, follower = pty.openpty()
    with os.fdopen(leader, "wb", buffering=0), os.fdopen(follower, "r") as source:
        yield leader, source


async def test_lines_typed_at_a_terminal_are_read_one_by_one(terminal: tuple[int, TextIO]) -> None:
    person, source = terminal
    os.write(person, b"Oi!\nTudo bem?\n")
    assert [await read_line(source), await read_line(source)] == ["Oi!\n", "Tudo bem?\n"]
    os.write(person, b"\x04")
    assert await read_line(source) == ""


async def test_waiting_for_a_terminal_can_be_interrupted(terminal: tuple[int, TextIO]) -> None:
    person, source = terminal
    waiting = asyncio.create_task(read_line(source))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    os.write(person, b"Ainda aqui\n")
    assert await read_line(source) == "Ainda aqui\n"


async def test_a_pipe_is_read_to_its_end() -> None:
    outlet, inlet = os.pipe()
    os.write(inlet, b"Oi!\n")
    os.close(inlet)
    with os.fdopen(outlet) as source:
        assert [await read_line(source), await read_line(source)] == ["Oi!\n", ""]
