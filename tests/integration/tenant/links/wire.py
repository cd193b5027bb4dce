"""How the test and the process of its link talk: pickled tuples, each after its length."""

import asyncio
import pickle
from typing import Any

Frame = tuple[Any, ...]


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """Return the next frame; raises IncompleteReadError at the end."""
    size = int.from_bytes(await reader.readexactly(4))
    frame: Frame = pickle.loads(await reader.readexactly(size))  # noqa: S301 from the test's own process
    return frame


def write_frame(writer: asyncio.StreamWriter, *frame: object) -> None:
    data = pickle.dumps(frame)
    writer.write(len(data).to_bytes(4) + data)
