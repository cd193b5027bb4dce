import asyncio
import ctypes
import sqlite3
import ssl
from pathlib import Path

import pytest
from unit.tenant.test_sender import reached

from oxy_tenant.own_process import pss_bytes
from oxy_tenant.unused_memory import give_back, keep_trimmed, library_code


async def test_memory_that_c_code_has_freed_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxy_tenant.unused_memory._SECONDS", 0.05)
    libc, size = ctypes.CDLL(None), 64 << 10
    libc.malloc.restype = ctypes.c_void_p
    blocks = [ctypes.c_void_p(libc.malloc(size)) for _ in range(500)]
    for block in blocks:
        ctypes.memset(block, 1, size)
    above = ctypes.c_void_p(libc.malloc(size))  # so that what is below cannot simply be cut off
    for block in blocks:
        libc.free(block)
    before = pss_bytes()
    trimming = asyncio.create_task(keep_trimmed())
    await reached(lambda: before - pss_bytes() > 20 << 20)
    trimming.cancel()
    libc.free(above)


def _present(code: list[tuple[int, int]]) -> int:
    """Return how many KiB of the mappings are present."""
    starts, within, present = {f"{address:x}" for address, _ in code}, False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *values = line.split()
        if not name.endswith(":"):
            within = name.partition("-")[0] in starts
        elif within and name == "Rss:":
            present += int(values[0])
    return present


def test_code_that_is_not_in_use_goes_back_to_the_system_and_works_when_it_is_wanted() -> None:
    before = ssl.RAND_bytes(8), sqlite3.connect(":memory:").execute("SELECT hex(zeroblob(2))").fetchone()
    code = library_code()
    had = _present(code)
    give_back(code)
    assert _present(code) < had / 2
    assert ssl.RAND_bytes(8) != before[0]
    assert sqlite3.connect(":memory:").execute("SELECT hex(zeroblob(2))").fetchone() == before[1]


def test_only_what_can_be_read_from_its_file_again_is_given_back() -> None:
    code = dict(library_code())
    address, unchanged, checked = 0, None, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *values = line.split()
        if not name.endswith(":"):
            address = int(name.partition("-")[0], 16)
            unchanged = values[0] in ("r-xp", "r--p") and ".so" in values[-1]
        elif name == "Anonymous:" and address in code:
            assert unchanged
            assert values[0] == "0"
            checked += 1
    assert checked == len(code) > 10
