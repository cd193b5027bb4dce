"""Logins: what a client says about itself when it connects, kept so that tests can assert it.

Names and numbers of platforms, connect types and reasons: whatsmeow
`proto/waWa6/WAWebProtobufsWa6.proto` and `proto/waCompanionReg/WAWebProtobufsCompanionReg.proto`.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from google.protobuf.message import DecodeError

from oxy_simulator.errors import ProtocolError, RequestError
from oxy_simulator.proto.handshake_pb2 import ClientPayload
from oxy_simulator.proto.pairing_pb2 import DeviceProps
from oxy_simulator.tables import History

Version: TypeAlias = tuple[int, int, int]
LoginKind = Literal["link", "login"]

ACCEPTED: Final = "accepted"
KEPT_LOGINS: Final = 5000
# Versions of the 2.2xxx series are refused. Source: whatsmeow `store/clientpayload.go`, waVersion.
VERSION_FLOOR: Final[Version] = (2, 3000, 0)

_VERSION: Final = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})")
# UserAgent.Platform, DeviceProps.PlatformType, ConnectType, ConnectReason.
# Source: whatsmeow `proto/waWa6` and `proto/waCompanionReg`.
_PLATFORMS: Final = {0: "ANDROID", 1: "IOS", 13: "WINDOWS", 14: "WEB", 24: "MACOS"}
_BROWSERS: Final = {
    0: "UNKNOWN",
    1: "CHROME",
    2: "FIREFOX",
    3: "IE",
    4: "OPERA",
    5: "SAFARI",
    6: "EDGE",
    7: "DESKTOP",
    8: "IPAD",
    9: "ANDROID_TABLET",
    14: "IOS_PHONE",
    16: "ANDROID_PHONE",
    21: "UWP",
}
_CONNECT_TYPES: Final = {0: "CELLULAR_UNKNOWN", 1: "WIFI_UNKNOWN"}
_CONNECT_REASONS: Final = {
    0: "PUSH",
    1: "USER_ACTIVATED",
    2: "SCHEDULED",
    3: "ERROR_RECONNECT",
    4: "NETWORK_SWITCH",
    5: "PING_RECONNECT",
    6: "UNKNOWN",
}


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """How a companion presented itself when it was linked: its browser, and the history it wants."""

    os: str = ""
    browser: str = ""
    version: str = ""
    full_history: bool = False
    inline_history: bool = False
    recent_days: int | None = None
    full_days: int | None = None
    full_megabytes: int | None = None
    quota_megabytes: int | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """One attempt to connect; `outcome` is `accepted`, or the refusal's code and reason."""

    number: int
    at: float
    phone: str | None
    device: int | None
    kind: LoginKind
    outcome: str
    version: str
    platform: str
    push_name: str
    passive: bool
    pull: bool
    lid_migrated: bool
    connect_type: str
    connect_reason: str
    described: DeviceDescription = field(default_factory=DeviceDescription)


@dataclass(slots=True)
class LoginBook:
    """Every login so far; the oldest go beyond the limit."""

    logins: History[Login] = field(default_factory=History)
    next_number: int = 1

    def record(  # noqa: PLR0913 - a login's facts, all by name
        self,
        payload: ClientPayload,
        *,
        at: float,
        kind: LoginKind,
        outcome: str = ACCEPTED,
        phone: str | None = None,
        device: int | None = None,
        described: DeviceDescription | None = None,
    ) -> None:
        """Note a login; `at` in Unix seconds."""
        login = Login(
            number=self.next_number,
            at=at,
            phone=phone,
            device=device,
            kind=kind,
            outcome=outcome,
            version=version_text(version_of(payload)),
            platform=_name(_PLATFORMS, payload.user_agent.platform) if payload.HasField("user_agent") else "",
            push_name=payload.push_name,
            passive=payload.passive,
            pull=payload.pull,
            lid_migrated=payload.lid_db_migrated,
            connect_type=_name(_CONNECT_TYPES, payload.connect_type),
            connect_reason=_name(_CONNECT_REASONS, payload.connect_reason),
            described=described or DeviceDescription(),
        )
        self.next_number += 1
        self.logins.append(login)
        if len(self.logins) > KEPT_LOGINS:
            self.logins.forget_oldest()

    def of(self, phone: str) -> list[Login]:
        """Return the logins to one account, by its digits."""
        return [login for login in self.logins if login.phone == phone]


def version_of(payload: ClientPayload) -> Version:
    """Return the client's version; zeros if it names none."""
    version = payload.user_agent.app_version
    return version.primary, version.secondary, version.tertiary


def version_text(version: Version) -> str:
    """Write a version with dots."""
    return ".".join(map(str, version))


def parse_version(text: str) -> Version:
    """Read three numbers with dots; raise RequestError on anything else."""
    match = _VERSION.fullmatch(text)
    if match is None:
        msg = f"{text!r} is no client version; write three numbers with dots, like 2.3000.1023223821"
        raise RequestError(msg)
    return int(match[1]), int(match[2]), int(match[3])


def describe_device(data: bytes) -> DeviceDescription:
    """Read the device properties of a registration; raise ProtocolError if they are malformed."""
    try:
        props = DeviceProps.FromString(data)
    except DecodeError as error:
        msg = "the companion's device properties cannot be parsed"
        raise ProtocolError(msg) from error
    version, history = props.version, props.history_sync_config
    return DeviceDescription(
        os=props.os,
        browser=_name(_BROWSERS, props.platform_type),
        version=version_text((version.primary, version.secondary, version.tertiary)),
        full_history=props.require_full_sync,
        inline_history=history.inline_initial_payload_in_e2ee_msg,
        recent_days=history.recent_sync_days_limit if history.HasField("recent_sync_days_limit") else None,
        full_days=history.full_sync_days_limit if history.HasField("full_sync_days_limit") else None,
        full_megabytes=history.full_sync_size_mb_limit if history.HasField("full_sync_size_mb_limit") else None,
        quota_megabytes=history.storage_quota_mb if history.HasField("storage_quota_mb") else None,
    )


def _name(names: dict[int, str], number: int) -> str:
    return names.get(number, str(number))
