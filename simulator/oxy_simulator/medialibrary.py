"""The files of the media servers and phones, in the state folder, never whole in memory."""

import hashlib
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from oxy_simulator.chats import MediaFacts
from oxy_simulator.errors import DecryptionError, RequestError
from oxy_simulator.media import KEY_SIZE, UPLOAD_LIMITS, MediaFile, decrypt_file, encrypt_file, media_keys
from oxy_simulator.mediadesk import MediaFaultKind, file_at, publish
from oxy_simulator.network import Network
from oxy_simulator.reasons import explaining

FOLDER: Final = "media"
# The kind of keys of what a phone attaches. Source: whatsmeow download.go, classToMediaType.
KEY_KINDS: Final = {"voice": "audio", "sticker": "image"}
MIME_TYPES: Final = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/mp4",
    "voice": "audio/ogg; codecs=opus",
    "sticker": "image/webp",
    "document": "application/octet-stream",
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was received: where it is, its hash and its size in bytes."""

    path: Path
    sha256: bytes
    size: int


class TooLargeError(RequestError):
    """A file is larger than WhatsApp takes."""


class MediaLibrary:
    """Encrypted files by the hash of their bytes, in a folder."""

    def __init__(self, folder: Path, network: Network) -> None:
        self._folder = folder / FOLDER
        self._network = network
        with explaining("the folder of files", self._folder, "mend it, or name another state folder with --state"):
            self._folder.mkdir(parents=True, exist_ok=True)
            for leftover in self._folder.glob(".part-*"):
                leftover.unlink()

    def path_of(self, file: MediaFile) -> Path:
        """Return where a file's bytes are."""
        return self._folder / file.sha256.hex()

    async def receive(self, chunks: AsyncIterator[bytes], limit: int) -> Upload:
        """Write what comes to a temporary file; raise TooLargeError beyond the limit. `discard` or keep it."""
        digest, size, path = hashlib.sha256(), 0, self._temporary()
        with _discarded_on_error(path), path.open("wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    msg = f"the file is larger than {limit} bytes, which is all that is allowed for its kind"
                    raise TooLargeError(msg)
                digest.update(chunk)
                file.write(chunk)
        return Upload(path, digest.digest(), size)

    def keep(self, upload: Upload, kind: str) -> MediaFile:
        """Put a received file on the media servers."""
        upload.path.replace(self._folder / upload.sha256.hex())
        return publish(self._network, kind, upload.sha256, upload.size)

    def attach(self, kind: str, plain: Upload) -> MediaFacts:
        """Encrypt a phone's file and put it on the media servers; the plaintext goes. Blocks for its length."""
        desk, key_kind = self._network.media, KEY_KINDS.get(kind, kind)
        wrong_mac = desk.take(MediaFaultKind.WRONG_MAC) is not None
        path = self._temporary()
        with plain.path.open("rb") as source, path.open("wb") as target:
            made = encrypt_file(source, target, key_kind, wrong_mac=wrong_mac)
        plain.path.unlink()
        file = self.keep(Upload(path, made.file_enc_sha256, made.size), key_kind)
        wrong_hash = desk.take(MediaFaultKind.WRONG_FILE_HASH) is not None
        return MediaFacts(
            kind=key_kind,
            mimetype=MIME_TYPES[kind],
            direct_path=file.direct_path,
            media_key=made.media_key,
            file_sha256=os.urandom(KEY_SIZE) if wrong_hash else made.file_sha256,
            file_enc_sha256=made.file_enc_sha256,
            file_length=1 if desk.take(MediaFaultKind.WRONG_LENGTH) is not None else made.file_length,
        )

    def check(self, facts: MediaFacts) -> MediaFacts:
        """Fetch a message's file as a phone does and note what is wrong with it. Blocks for its length."""
        try:
            self.open_plain(facts).close()
        except DecryptionError as error:
            return replace(facts, checked=True, error=str(error))
        return replace(facts, checked=True, error=None)

    def open_plain(self, facts: MediaFacts) -> BinaryIO:
        """Decrypt a message's file into a nameless one, at its start; raise DecryptionError if anything is wrong."""
        file = self._find(facts)
        plain: BinaryIO = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - the caller closes it
        try:
            with self.path_of(file).open("rb") as source:
                found = decrypt_file(source, file.size, plain, media_keys(facts.media_key, facts.kind))
            _compare(facts, *found)
        except BaseException:
            plain.close()
            raise
        plain.seek(0)
        return plain

    def _find(self, facts: MediaFacts) -> MediaFile:
        file = file_at(self._network, facts.direct_path)
        problem = ""
        if len(facts.media_key) != KEY_SIZE:
            problem = f"the media key has {len(facts.media_key)} bytes, not {KEY_SIZE}"
        elif file is None:
            problem = f"{facts.direct_path!r} is no path that the media servers gave out"
        elif file.sha256 != facts.file_enc_sha256:
            problem = "the hash of the encrypted file is not that of the file which was uploaded"
        elif not facts.mimetype:
            problem = "the message names no MIME type"
        if problem or file is None:
            raise DecryptionError(problem)
        return file

    def _temporary(self) -> Path:
        return self._folder / f".part-{secrets.token_hex(8)}"

    @staticmethod
    def discard(upload: Upload) -> None:
        """Forget a received file."""
        upload.path.unlink(missing_ok=True)


@contextmanager
def _discarded_on_error(path: Path) -> Iterator[None]:
    """Remove a file if the block does not end well."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def limit_of(kind: str) -> int:
    """Return how much a phone's file of a kind may weigh, in bytes."""
    return UPLOAD_LIMITS["ptt" if kind == "voice" else kind]


def _compare(facts: MediaFacts, sha256: bytes, length: int) -> None:
    if sha256 != facts.file_sha256:
        msg = "the hash of the decrypted file is not the one in the message"
        raise DecryptionError(msg)
    if facts.file_length and length != facts.file_length:
        msg = f"the file has {length} bytes, the message says {facts.file_length}"
        raise DecryptionError(msg)
