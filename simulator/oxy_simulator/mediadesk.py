"""The server's side of media without its files: hosts, authorisations, faults, paths."""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from oxy_simulator.media import MediaFile
from oxy_simulator.node import Attrs, Node, node

if TYPE_CHECKING:
    from oxy_simulator.connection import Connection
    from oxy_simulator.network import Network

# The second is where clients look for a path alone: Baileys `src/Utils/messages-media.ts`, DEF_MEDIA_HOST.
MEDIA_HOSTS: Final = ("media-gru1-1.cdn.whatsapp.net", "mmg.whatsapp.net")
# The simulator's own, in fields of whatsmeow `mediaconn.go`, queryMediaConn: auth_ttl and ttl. Clients keep what was
# answered for `ttl` seconds.
AUTH_SECONDS: Final = 21_600
CONNECTION_SECONDS: Final = 300

_BUCKETS: Final = 12  # the simulator's own; whatsmeow reads max_buckets and does not use it
_HOUR: Final = 3600
_KEPT_LINES: Final = 10_000


class MediaFaultKind(StrEnum):
    """What can be broken about files. Each concerns the next `count` files."""

    EXPIRED = "expired"
    """A download answers `status` (404 or 410), now and for ever; the phone can upload the file again."""
    DAMAGED = "damaged"
    """A download comes with a byte changed: the hash of the encrypted file is wrong."""
    SLOW = "slow"
    """A download comes at `rate` bytes a second."""
    CUT = "cut"
    """A download is cut in the middle."""
    UPLOAD_REFUSED = "upload-refused"
    """An upload answers `status`."""
    UPLOAD_CUT = "upload-cut"
    """An upload is cut before its answer."""
    AUTH_EXPIRED = "auth-expired"
    """Every authorisation for uploads expires now; `ttl` is how long clients may keep new ones, in seconds."""
    WRONG_MAC = "wrong-mac"
    """A phone sends a file whose authentication code is wrong."""
    WRONG_FILE_HASH = "wrong-file-hash"
    """A phone sends a file with another file's hash."""
    WRONG_LENGTH = "wrong-length"
    """A phone sends a file that claims to have one byte."""
    NOT_ON_PHONE = "not-on-phone"
    """A phone that is asked to upload a file again has it no more."""


MEDIA_OPTIONS: Final[Mapping[MediaFaultKind, tuple[str, ...]]] = {
    MediaFaultKind.EXPIRED: ("count", "status"),
    MediaFaultKind.DAMAGED: ("count",),
    MediaFaultKind.SLOW: ("count", "rate"),
    MediaFaultKind.CUT: ("count",),
    MediaFaultKind.UPLOAD_REFUSED: ("count", "status"),
    MediaFaultKind.UPLOAD_CUT: ("count",),
    MediaFaultKind.AUTH_EXPIRED: ("ttl",),
    MediaFaultKind.WRONG_MAC: ("count",),
    MediaFaultKind.WRONG_FILE_HASH: ("count",),
    MediaFaultKind.WRONG_LENGTH: ("count",),
    MediaFaultKind.NOT_ON_PHONE: ("count",),
}
"""The options that each kind takes."""


@dataclass(slots=True)
class MediaRule:
    """A fault for the next `left` files."""

    kind: MediaFaultKind
    left: int = 1
    status: int = 404
    rate: int = 65_536


@dataclass(slots=True)
class Authorisation:
    """Who may upload, and until when (Unix seconds)."""

    phone: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class MediaArrival:
    """A message with a file that came to a phone; `client` is the account whose linked device sent it, if one did."""

    phone: str
    chat: str
    message_id: str
    client: str | None = None
    line: str | None = None


def _ignore(_arrival: MediaArrival) -> None:
    """Do nothing: without a state folder there are no files."""


@dataclass(slots=True)
class MediaDesk:
    """What lives with the process: authorisations, faults, and the life lines that wait for a file's download."""

    hosts: tuple[str, ...] = MEDIA_HOSTS
    ttl: int = CONNECTION_SECONDS
    authorisations: dict[str, Authorisation] = field(default_factory=dict)
    rules: list[MediaRule] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)
    arrived: Callable[[MediaArrival], None] = _ignore

    def take(self, *kinds: MediaFaultKind) -> MediaRule | None:
        """Use up one file's worth of the first fault of these kinds, if there is one."""
        rule = next((rule for rule in self.rules if rule.kind in kinds), None)
        if rule is not None:
            rule.left -= 1
            if rule.left == 0:
                self.rules.remove(rule)
        return rule

    def wait_for_download(self, direct_path: str, line: str) -> None:
        """Note which life line a file's download belongs to; the oldest that nobody fetches are forgotten."""
        self.lines.setdefault(direct_path, []).append(line)
        if len(self.lines) > _KEPT_LINES:
            del self.lines[next(iter(self.lines))]

    def forget_expired(self, now: float) -> None:
        """Forget authorisations that expired an hour ago: a client that still uses one is told that it is unknown."""
        for token in [token for token, known in self.authorisations.items() if known.expires_at < now - _HOUR]:
            del self.authorisations[token]

    def expire_authorisations(self, ttl: int, now: float) -> None:
        """Let every authorisation expire; clients may keep new ones for `ttl` seconds."""
        self.ttl = ttl
        for authorisation in self.authorisations.values():
            authorisation.expires_at = now


def media_conn(network: "Network", connection: "Connection", _iq: Node) -> list[Node]:
    """Tell a client where to upload and download. Source: whatsmeow mediaconn.go."""
    account, _ = connection.require_login()
    desk, now = network.media, network.clock()
    desk.forget_expired(now)
    token = base64.urlsafe_b64encode(os.urandom(48)).decode()
    desk.authorisations[token] = Authorisation(account.phone, now + AUTH_SECONDS)
    hosts = [node("host", {"hostname": host}) for host in desk.hosts]
    attrs: Attrs = {"auth": token, "ttl": desk.ttl, "auth_ttl": AUTH_SECONDS, "max_buckets": _BUCKETS}
    return [node("media_conn", attrs, list(hosts))]


def publish(network: "Network", kind: str, sha256: bytes, size: int) -> MediaFile:
    """Give an encrypted file a path of its own."""
    file = MediaFile(secrets.token_hex(16), kind, sha256, size, network.clock(), secrets.token_hex(16))
    network.state.media[file.id] = file
    network.changed()
    return file


def file_at(network: "Network", direct_path: str) -> MediaFile | None:
    """Return the file that a path leads to, or None if the servers never gave it out."""
    name = direct_path.partition("?")[0].rpartition("/")[2]
    file = network.state.media.get(name)
    return file if file is not None and file.direct_path == direct_path else None
