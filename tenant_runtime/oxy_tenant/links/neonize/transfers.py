"""Downloads and uploads files through the library, one at a time, in a thread of their own.

The library holds files whole, several times over, and its binding would copy them twice more. So what it returns is
read where it lies, and given back to the system as soon as nobody needs it.
"""

import asyncio
import ctypes
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from oxy_core.instance.proxy_url import ProxyUrl
from oxy_tenant.content.bounds import escaped
from oxy_tenant.content.media import MediaPointer, MediaType, UploadedFile, is_path
from oxy_tenant.links.errors import (
    LinkUnavailableError,
    MediaCorruptError,
    MediaError,
    MediaTooLargeError,
    MediaUnavailableError,
)
from oxy_tenant.links.neonize.file_sizes import OVERHEAD_BYTES, stored_bytes
from oxy_tenant.links.neonize.library import Library, Untyped
from oxy_tenant.links.neonize.media_errors import media_error
from oxy_tenant.links.protocol import DownloadedFile
from oxy_tenant.unused_memory import trim_memory

_TYPES: Final = {MediaType.IMAGE: 0, MediaType.VIDEO: 1, MediaType.AUDIO: 2, MediaType.DOCUMENT: 3}
"""Numbers of the types. Source: neonize, goneonize/utils/utils.go, MediaType."""

_BINARY_FIELD: Final = 0x0A
"""Tag of the file in ``DownloadReturnFunction``; ``Error`` is the other field."""

_GARBAGE: Final = bytes(1 << 18)
"""What no protobuf message begins with."""

_GARBAGE_PARTS: Final = 2
_GARBAGE_AT_LEAST: Final = 16
"""How much of it Go gets: twice the size of the file, and some more, so that it collects several times. Only then does
it drop the buffers that the binding keeps for its next answer."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a download returned, in the library's memory until it is freed."""

    pointer: Untyped
    content: memoryview


class Transfers:
    """The transfers of one link; `session` returns the name of the open session or raises LinkUnavailableError.

    `proxy` is the one that the session connects through.
    """

    def __init__(self, library: Library, session: Callable[[], bytes], proxy: ProxyUrl | None) -> None:
        self._envelopes = library.envelopes
        self._go = library.binder.gocode
        self._session = session
        self._proxy = proxy
        self._one_at_a_time = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="whatsapp-media")
        self._download = _without_copy(library.binder)

    @asynccontextmanager
    async def download(self, pointer: MediaPointer, *, max_bytes: int) -> AsyncIterator[DownloadedFile]:
        """Download and decrypt a file; its memory is given back when the context ends."""
        if pointer.size > max_bytes:
            raise MediaTooLargeError(_too_large(pointer.size, max_bytes))
        if not is_path(pointer.direct_path):
            # After the host's name it could turn that into another one, or evade the question for the size.
            message = "the file has no path of WhatsApp's servers"
            raise MediaCorruptError(message)
        async with self._one_at_a_time:
            stored = await stored_bytes(pointer, self._proxy)
            if stored is not None and stored > max_bytes + OVERHEAD_BYTES:
                raise MediaTooLargeError(_too_large(stored, max_bytes))
            answer = await self._fetched(pointer)
            try:
                with _file_in(answer.content, max_bytes) as content:
                    yield DownloadedFile(content, pointer.file_sha256)
            finally:
                answer.content.release()
                await self._run(self._free, answer.pointer)

    async def _fetched(self, pointer: MediaPointer) -> _Answer:
        fetching = asyncio.ensure_future(self._run(self._fetch, pointer))
        try:
            return await asyncio.shield(fetching)
        except asyncio.CancelledError:
            # The library goes on. The next function in its thread frees what it returns.
            fetching.add_done_callback(self._discard)
            raise

    def _discard(self, fetching: asyncio.Future[_Answer]) -> None:
        if not fetching.cancelled() and fetching.exception() is None:
            answer = fetching.result()
            answer.content.release()
            self._thread.submit(self._free, answer.pointer)

    async def upload(self, content: bytes, media_type: MediaType) -> UploadedFile:
        """Encrypt and upload a file."""
        async with self._one_at_a_time:
            try:
                uploaded: UploadedFile = await self._run(self._send, content, media_type)
            finally:
                await self._run(self._give_back, len(content))
            return uploaded

    async def _run(self, function: Callable[..., Untyped], *arguments: Untyped) -> Untyped:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # -- in the thread

    def _fetch(self, pointer: MediaPointer) -> _Answer:
        hashes = pointer.encrypted_sha256, pointer.file_sha256, pointer.media_key
        sized = [argument for value in hashes for argument in (value, len(value))]
        path = pointer.direct_path.encode(errors="replace")
        returned = self._download(self._name(), path, *sized, 0, _TYPES[pointer.type], b"")
        size, place = returned.contents.size, returned.contents.ptr
        content = (ctypes.c_char * size).from_address(place) if place else b""
        return _Answer(returned, memoryview(content).cast("B"))

    def _free(self, returned: Untyped) -> None:
        size = returned.contents.size
        self._go.FreeBytesStruct(returned)
        self._give_back(size)

    def _give_back(self, size: int) -> None:
        """Let Go and C give the memory of a file of so many bytes back to the system.

        Go collects garbage only when it allocates, or after two minutes. So let it allocate: it copies what it is given
        before it finds that this is no message.
        """
        for _ in range(_GARBAGE_AT_LEAST + size * _GARBAGE_PARTS // len(_GARBAGE)):
            self._go.DownloadAny(b"", _GARBAGE, len(_GARBAGE))
        trim_memory()

    def _send(self, content: bytes, media_type: MediaType) -> UploadedFile:
        answer = self._go.Upload(self._name(), content, len(content), _TYPES[media_type])
        result = self._envelopes.UploadReturnFunction.FromString(answer)
        if result.Error:
            raise media_error(result.Error)
        uploaded = result.UploadResponse
        pointer = MediaPointer(
            type=media_type,
            direct_path=uploaded.DirectPath,
            media_key=uploaded.MediaKey,
            file_sha256=uploaded.FileSHA256,
            encrypted_sha256=uploaded.FileEncSHA256,
            size=len(content),
        )
        return UploadedFile(pointer, uploaded.url)

    def _name(self) -> bytes:
        try:
            return self._session()
        except LinkUnavailableError as error:
            raise MediaUnavailableError(str(error)) from error


def _without_copy(binder: Untyped) -> Callable[..., Untyped]:
    """Return ``DownloadMediaWithPath()`` without the binding's hook, which copies what it returns, and frees it."""
    declared = binder.gocode.DownloadMediaWithPath
    prototype = ctypes.CFUNCTYPE(declared.restype, *declared.argtypes)
    return prototype(("DownloadMediaWithPath", binder.gocode))


def _file_in(answer: memoryview, max_bytes: int) -> memoryview:
    """Return the file in an encoded ``DownloadReturnFunction``; raises MediaError."""
    if answer[:1] != bytes([_BINARY_FIELD]):
        raise _error_in(answer)
    size, start = _varint(answer, 1)
    if size > max_bytes:
        raise MediaTooLargeError(_too_large(size, max_bytes))
    return answer[start : start + size]


def _error_in(answer: memoryview) -> MediaError:
    """Return the error in an encoded ``DownloadReturnFunction``; one without either field had an empty file."""
    if not answer:
        return MediaCorruptError("the file is empty")
    _, start = _varint(answer, 1)
    return media_error(escaped(bytes(answer[start:])))


def _varint(data: memoryview, start: int) -> tuple[int, int]:
    """Return a number and where the next field's content begins."""
    number = shift = 0
    for place in range(start, len(data)):
        number |= (data[place] & 0x7F) << shift
        shift += 7
        if not data[place] & 0x80:
            return number, place + 1
    return 0, len(data)


def _too_large(size: int, max_bytes: int) -> str:
    return f"the file has {size} bytes, more than {max_bytes}"
