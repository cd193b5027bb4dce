"""Reads from the library's log why a connection is lost, refused or in trouble. Pure.

neonize has no events for most of this, and breaks at some of those that it has: a login that is refused with a code
that it does not know ends its event loop. The log has all of it, before the library acts on it: whatsmeow writes each
node that it receives, and each error of its connection. Source: whatsmeow connectionevents.go, client.go, socket/.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from oxy_tenant.links.events import (
    CONNECT_FAILURE,
    FRAME_UNREADABLE,
    RESTART_REQUIRED,
    Banned,
    DeviceRefused,
    LinkEvent,
    LoginRefused,
    Outdated,
    TroubleNoticed,
)
from oxy_tenant.links.neonize.dial_errors import detail_of, failure_of

_NODE: Final = re.compile(rb"\n.{1,4}?<(?:failure |stream:error|xmlstreamend|iq [^<>]*type=\"error\")", re.DOTALL)
"""How a log entry with such a node begins: field 1, its length."""

_ATTRIBUTE: Final = re.compile(r' ([a-z_-]{1,40})="([^"<>]*)"')
_CHILD: Final = re.compile(r"<stream:error[^<>]*>(<([a-z:_-]{1,40})[^<>]*)")
"""What an ended stream says beside its code, often instead of one."""

_REPLACED: Final = ("conflict", "replaced")
"""What an event of the library follows."""

_REMOVED: Final = ("conflict", "device_removed")

_RATE_LIMITED: Final = re.compile(r'<iq [^<>]*><error [^<>]*code="429"[^<>]*/></iq>')

_REFUSED_DEVICES: Final[Mapping[str, str]] = {"401": "LoggedOut", "403": "AccountLocked", "406": "AccountBanned"}
"""Reasons by the codes of refused logins over which the library deletes its device. Source: whatsmeow
types/events/events.go, IsLoggedOut; `events` says who calls them so."""

_OUTDATED: Final = "405"
"""neonize has an event for this one, too, but none while no phone is linked."""

_LOGINS: Final[Mapping[str, str]] = {
    "409": "ClientRejected",
    "415": "LoginNotFound",
    "429": "LoginRateLimited",
    "500": "LoginServerError",
    "503": "LoginUnavailable",
}
"""Reasons by the codes of refused logins. Source: whatsmeow types/events/events.go, ConnectFailureReason."""

_FATAL: Final = frozenset({"413", "414"})
"""Codes of refused logins at which the library panics: it would renew a token of Messenger's, which it does not have.
Source: whatsmeow connectionevents.go, handleConnectFailure."""

_BANNED: Final = "402"
_LONGEST_BAN: Final = 10 * 365 * 86_400
"""In seconds. What the server calls longer does not fit a date."""

_BANS: Final[Mapping[str, str]] = {
    "101": "too many messages to people who do not have this number in their address books",
    "102": "too many people blocked this number",
    "103": "too many groups with people who do not have this number in their address books",
    "104": "the same message to too many people",
    "106": "too many messages to a broadcast list",
}
"""Why numbers are banned for a time. Source: whatsmeow types/events/events.go, TempBanReason."""

_STREAMS: Final[Mapping[str, str]] = {"515": RESTART_REQUIRED, "503": "ServerRestarting"}
"""Reasons by the codes of stream errors."""

_UNREADABLE: Final = ("Failed to decrypt frame: ", "Failed to decompress frame: ", "Failed to decode node in frame: ")
_READING: Final = "Error reading from websocket: "
_RECONNECTING: Final = ("Error reconnecting after autoreconnect sleep: ", "Failed to reconnect after 515 code: ")
_DENIED: Final = ("Failed to handle code pair notification: ", "Failed to pair device: ")
"""A code that was typed wrong, or a device that the phone did not sign. Source: whatsmeow pair-code.go, pair.go."""

_CLOSED: Final = "received close frame"
_TOO_LARGE: Final = "read limited at"


def is_trouble_entry(entry: bytes) -> bool:
    """Whether a log entry of a received node, as it comes, may hold one that is read here; cheap."""
    return _NODE.match(entry) is not None


def trouble_in_node(node: str) -> LinkEvent | None:
    """Read a node that the server sent; None if it means no trouble, or if an event of the library says it all."""
    if node.startswith("<failure "):
        return _refused_login(_attributes(node))
    if node.startswith("<stream:error"):
        return _ended_stream(node)
    if node.startswith("<xmlstreamend"):
        return TroubleNoticed("StreamEnded")
    return TroubleNoticed("RequestsRateLimited") if _RATE_LIMITED.fullmatch(node) else None


def trouble_in_warning(text: str, hide: Callable[[str], str] = str) -> LinkEvent | None:
    """Read a warning or an error that the library logged; None if it is not about the connection.

    `hide`: see `detail_of`.
    """
    if text.startswith(_READING):
        return _broken_connection(text.removeprefix(_READING), hide)
    if text.startswith(_UNREADABLE):
        return TroubleNoticed(FRAME_UNREADABLE, detail_of(text.partition(": ")[2], hide))
    for beginning in _DENIED:
        if text.startswith(beginning):
            return TroubleNoticed("PairingDenied", detail_of(text.removeprefix(beginning), hide))
    for beginning in _RECONNECTING:
        if text.startswith(beginning):
            return TroubleNoticed(*failure_of(text.removeprefix(beginning), hide))
    return None


def _attributes(node: str) -> dict[str, str]:
    head = node.partition(">")[0]
    return dict(_ATTRIBUTE.findall(head))


def _refused_login(attributes: Mapping[str, str]) -> LinkEvent | None:
    code = attributes.get("reason", "")
    if code in _REFUSED_DEVICES:
        return DeviceRefused(_REFUSED_DEVICES[code], f"code {code}")
    if code == _OUTDATED:
        return Outdated()
    if code == _BANNED:
        return Banned(_ban_end(attributes.get("expire", "")), _BANS.get(attributes.get("code", ""), ""))
    said = attributes.get("message", "")
    detail = f"code {code}" + (f", {said}" if said else "")
    return LoginRefused(_LOGINS.get(code, CONNECT_FAILURE), detail_of(detail), fatal=code in _FATAL)


def _ban_end(seconds: str) -> datetime | None:
    if re.fullmatch(r"\d{1,20}", seconds, re.ASCII) is None or int(seconds) == 0:
        return None
    return datetime.now(UTC) + timedelta(seconds=min(int(seconds), _LONGEST_BAN))


def _ended_stream(node: str) -> LinkEvent | None:
    child = _CHILD.match(node)
    said = (child[2], _attributes(child[1]).get("type", "")) if child else ()
    code = _attributes(node).get("code", "")
    if said == _REPLACED:
        return None
    if said == _REMOVED:
        return DeviceRefused("LoggedOut", f"code {code}" if code else "")
    if code in _STREAMS:
        return TroubleNoticed(_STREAMS[code])
    return TroubleNoticed("StreamError", detail_of(" ".join((f"code {code}" if code else "", *said))))


def _broken_connection(error: str, hide: Callable[[str], str]) -> TroubleNoticed:
    if _CLOSED in error:
        return TroubleNoticed("ConnectionClosed")
    if _TOO_LARGE in error:
        return TroubleNoticed("FrameTooLarge")
    return TroubleNoticed("ConnectionLost", detail_of(error, hide))
