"""Memory that this process has and does not need goes back to the system, now and then."""

import asyncio
import ctypes
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NoReturn

_SECONDS: Final = 60.0
_MAPS: Final = Path("/proc/self/smaps")
_MADV_DONTNEED: Final = 4
_MAPPING: Final = re.compile(r"(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) (?P<access>\S+) \S+ \S+ \d+ +(?P<file>\S.*)?")
_LIBRARY: Final = re.compile(r"\.so(\.[0-9.]+)?$")
_READ_ONLY: Final = frozenset({"r-xp", "r--p"})


async def keep_trimmed() -> NoReturn:
    """Give back what is free and what is not in use, once a minute."""
    await asyncio.sleep(_SECONDS)
    code = await asyncio.to_thread(library_code)
    while True:
        await asyncio.to_thread(trim_memory)
        await asyncio.to_thread(give_back, code)
        await asyncio.sleep(_SECONDS)


def trim_memory() -> None:
    """Give free memory of C's allocator back to the system; glibc keeps what messages and files leave behind."""
    _libc_function("malloc_trim")(0)


def library_code() -> list[tuple[int, int]]:
    """Return the code and constants of loaded libraries, as (address, bytes); none where the kernel does not tell.

    Only mappings of which every page is still the file's: one with relocated addresses in it cannot be read again.
    """
    try:
        lines = _MAPS.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return list(_unchanged_libraries(lines))


def _unchanged_libraries(lines: Iterable[str]) -> Iterator[tuple[int, int]]:
    library: tuple[int, int] | None = None
    for line in lines:
        if mapping := _MAPPING.match(line):
            start, end = int(mapping["start"], 16), int(mapping["end"], 16)
            of_library = mapping["access"] in _READ_ONLY and _LIBRARY.search(mapping["file"] or "")
            library = (start, end - start) if of_library else None
        elif library and line.split() == ["Anonymous:", "0", "kB"]:
            yield library


def give_back(code: Iterable[tuple[int, int]]) -> None:
    """Unmap pages of `library_code`: most were read at the start alone. What is used is mapped again, from the cache.

    The kernel keeps them in its cache of files as long as it has room, and can take them when it has none.
    """
    for address, size in code:
        _libc_function("madvise")(ctypes.c_void_p(address), ctypes.c_size_t(size), _MADV_DONTNEED)


@functools.cache
def _libc_function(name: str) -> Callable[..., int]:
    function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    return function
