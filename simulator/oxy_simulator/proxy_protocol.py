"""What proxies say: HTTP CONNECT and SOCKS5 with or without a password, without any I/O.

Sources: RFC 9110 (CONNECT, Proxy-Authorization), RFC 7617 (Basic), RFC 1928 (SOCKS5), RFC 1929
(user and password for SOCKS5).
"""

import base64
import hmac
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Final, Literal, Protocol, TypeAlias, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from oxy_simulator.errors import RequestError
from oxy_simulator.faultkind import TlsTrouble

Scheme: TypeAlias = Literal["http", "socks5"]
Answer: TypeAlias = Literal["serve", "refuse", "hang"]

MAX_CODE: Final = 999
CLIENT_HOSTS: Final = (".whatsapp.com", ".whatsapp.net")

_WHERE: Final = (
    "This is oxy-simulator's proxy for WhatsApp clients; its control API is on the port that `oxy-simulator serve`"
    " prints as 'control'."
)
_MAX_HEAD: Final = 8192  # bytes; the simulator's own, as most servers have it
_HTTP_REFUSAL: Final = 502
_SOCKS: Final = 5
_SOCKS_NO_PASSWORD: Final = 0
_SOCKS_PASSWORD: Final = 2
_SOCKS_NO_METHOD: Final = b"\x05\xff"
_SOCKS_LOGIN_VERSION: Final = 1
_SOCKS_CONNECT: Final = 1
_SOCKS_IPV4, _SOCKS_NAME, _SOCKS_IPV6 = 1, 3, 4
_SOCKS_SUCCEEDED: Final = 0
_SOCKS_FAILED: Final = 1
_SOCKS_FORBIDDEN: Final = 2
_SOCKS_BAD_COMMAND: Final = 7
_SOCKS_CODES: Final = 256


@dataclass(frozen=True, slots=True)
class ProxyPolicy:
    """How a proxy treats its clients: whom it asks for a password, and whether it serves at all.

    `code` is the refusal: an HTTP status (502), or a reply of RFC 1928 section 6 (2, not allowed).
    """

    scheme: Scheme = "http"
    username: str | None = None
    password: str = ""
    answer: Answer = "serve"
    code: int | None = None
    tls: TlsTrouble | None = None
    """How TLS fails behind a proxy that serves; None: it does not."""


def parse_listener(url: str) -> tuple[ProxyPolicy, str, int]:
    """Read a listener's policy, host and port from `scheme://[user:password@]host:port[?answer=…&code=…&tls=…]`.

    Raise RequestError if that is not what it says.
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        code = int(options.pop("code")) if "code" in options else None
        answer, tls = options.pop("answer", "serve"), options.pop("tls", None)
        port = parts.port
    except ValueError as error:
        raise _bad_listener(url, str(error)) from error
    if code is not None and not 1 <= code <= MAX_CODE:
        raise _bad_listener(url, f"code must be from 1 to {MAX_CODE}")
    known = answer in get_args(Answer) and tls in {None, *get_args(TlsTrouble)}
    if parts.scheme not in get_args(Scheme) or not known or options:
        raise _bad_listener(url, "unknown scheme, answer or option")
    if parts.hostname is None or port is None or parts.path not in {"", "/"}:
        raise _bad_listener(url, "host and port are needed, and no path")
    user = None if parts.username is None else unquote(parts.username)
    password = unquote(parts.password or "")
    policy = ProxyPolicy(parts.scheme, user, password, answer, code, tls)  # type: ignore[arg-type]
    return policy, parts.hostname, port


def _bad_listener(url: str, why: str) -> RequestError:
    return RequestError(
        f"{url!r} is no listener ({why}); write http://… or socks5://…, like"
        " socks5://user:password@127.0.0.1:1080 or http://127.0.0.1:0?answer=refuse&code=403"
    )


class Verdict(Enum):
    """What is to be done with the connection after the bytes in a `Step` are written."""

    WAIT = auto()
    SERVE = auto()
    CLOSE = auto()
    HANG = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """What to write and do next; `reason` says why a client was turned away."""

    verdict: Verdict
    reply: bytes = b""
    reason: str = ""


class ProxyTalk(Protocol):
    """The server's half of one client's talk with a proxy."""

    def feed(self, data: bytes) -> Step:
        """Take bytes and say what to do; not called again after anything but WAIT."""


def open_talk(policy: ProxyPolicy) -> ProxyTalk:
    """Start talking to a client."""
    return HttpConnect(policy) if policy.scheme == "http" else Socks5(policy)


class HttpConnect:
    """Reads one CONNECT request."""

    def __init__(self, policy: ProxyPolicy) -> None:
        self._policy = policy
        self._received = b""

    def feed(self, data: bytes) -> Step:
        """Collect the request's head and judge it."""
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if len(head) > _MAX_HEAD:
            return _turn_away(431, "the request's head is too long")
        if not end:
            return Step(Verdict.WAIT)
        if rest:
            return _turn_away(400, "bytes came before the proxy had answered")
        request, *headers = head.decode("latin-1").split("\r\n")
        return self._judge(request, headers)

    def _judge(self, request: str, headers: list[str]) -> Step:
        policy = self._policy
        if policy.answer == "hang":
            return Step(Verdict.HANG)
        if policy.answer == "refuse":
            code = policy.code or _HTTP_REFUSAL
            return Step(Verdict.CLOSE, _http(code), f"this proxy answers {code}")
        method, _, rest = request.partition(" ")
        host = rest.partition(" ")[0].rpartition(":")[0]
        if method != "CONNECT" or not host.endswith(CLIENT_HOSTS):
            return _turn_away(403, f"only CONNECT to WhatsApp is served here, not {request[:80]!r}")
        if policy.username is not None and not self._knows_password(headers):
            return _turn_away(407, "no or wrong Proxy-Authorization")
        return Step(Verdict.SERVE, b"HTTP/1.1 200 Connection established\r\n\r\n")

    def _knows_password(self, headers: list[str]) -> bool:
        wanted = base64.b64encode(f"{self._policy.username}:{self._policy.password}".encode()).decode()
        for header in headers:
            name, _, value = header.partition(":")
            if name.strip().lower() == "proxy-authorization":
                return hmac.compare_digest(value.strip().encode(), f"Basic {wanted}".encode())
        return False


class Socks5:
    """Reads a greeting, a login if the policy wants one, and one CONNECT request."""

    def __init__(self, policy: ProxyPolicy) -> None:
        self._policy = policy
        self._received = b""
        self._stage = self._greeting

    def feed(self, data: bytes) -> Step:
        """Take bytes through as many stages as they complete."""
        self._received += data
        reply = b""
        while True:
            before = len(self._received)
            step = self._stage()
            reply += step.reply
            if step.verdict is not Verdict.WAIT or len(self._received) == before:
                return Step(step.verdict, reply, step.reason)

    def _take(self, size: int) -> bytes:
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _greeting(self) -> Step:
        data = self._received
        if data[:1] not in {b"", b"\x05"}:
            return Step(Verdict.CLOSE, b"", f"SOCKS version {data[0]} is not 5")
        if len(data) < 2 or len(data) < 2 + data[1]:  # noqa: PLR2004 - version and number of methods
            return Step(Verdict.WAIT)
        methods = self._take(2 + data[1])[2:]
        wanted = _SOCKS_NO_PASSWORD if self._policy.username is None else _SOCKS_PASSWORD
        if wanted not in methods:
            return Step(Verdict.CLOSE, _SOCKS_NO_METHOD, "no password offered" if wanted else "a password is not taken")
        self._stage = self._login if wanted else self._request
        return Step(Verdict.WAIT, bytes((_SOCKS, wanted)))

    def _login(self) -> Step:
        data = self._received
        user_end = 2 + data[1] if len(data) > 1 else 2
        if len(data) <= user_end or len(data) < user_end + 1 + data[user_end]:
            return Step(Verdict.WAIT)
        login = self._take(user_end + 1 + data[user_end])
        given = (login[2:user_end], login[user_end + 1 :])
        known = ((self._policy.username or "").encode(), self._policy.password.encode())
        if login[0] != _SOCKS_LOGIN_VERSION or given != known:
            return Step(Verdict.CLOSE, b"\x01\x01", "wrong user or password")
        self._stage = self._request
        return Step(Verdict.WAIT, b"\x01\x00")

    def _request(self) -> Step:
        data = self._received
        header = 4
        if len(data) <= header:
            return Step(Verdict.WAIT)
        sizes = {_SOCKS_IPV4: 4, _SOCKS_IPV6: 16, _SOCKS_NAME: 1 + data[header]}
        if data[0] != _SOCKS or data[1] != _SOCKS_CONNECT or data[3] not in sizes:
            return Step(Verdict.CLOSE, _socks(_SOCKS_BAD_COMMAND), "not a SOCKS5 CONNECT")
        end = header + sizes[data[3]] + 2
        if len(data) < end:
            return Step(Verdict.WAIT)
        if len(data) > end:
            return Step(Verdict.CLOSE, _socks(_SOCKS_FAILED), "bytes came before the proxy had answered")
        host = data[header + 1 : end - 2].decode("latin-1") if data[3] == _SOCKS_NAME else ""
        return self._judge(host)

    def _judge(self, host: str) -> Step:
        policy = self._policy
        if policy.answer == "hang":
            return Step(Verdict.HANG)
        if policy.answer == "refuse":
            code = _SOCKS_FORBIDDEN if policy.code is None else policy.code
            code = code if 0 < code < _SOCKS_CODES else _SOCKS_FAILED
            return Step(Verdict.CLOSE, _socks(code), f"this proxy answers {code}")
        if not host.endswith(CLIENT_HOSTS):
            return Step(
                Verdict.CLOSE, _socks(_SOCKS_FORBIDDEN), f"only names of WhatsApp are served here, not {host!r}"
            )
        return Step(Verdict.SERVE, _socks(_SOCKS_SUCCEEDED))


def _turn_away(code: int, reason: str) -> Step:
    """Close with an answer that tells people where they are."""
    return Step(Verdict.CLOSE, _http(code, f"{reason}. {_WHERE}\n".encode()), reason)


def _http(code: int, body: bytes = b"") -> bytes:
    phrase = HTTPStatus(code).phrase if code in HTTPStatus.__members__.values() else "Refused"
    ask = (
        'Proxy-Authenticate: Basic realm="oxy-simulator"\r\n'
        if code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
        else ""
    )
    kind = "Content-Type: text/plain; charset=utf-8\r\n" if body else ""
    head = f"HTTP/1.1 {code} {phrase}\r\n{ask}{kind}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def _socks(code: int) -> bytes:
    return bytes((_SOCKS, code, 0, _SOCKS_IPV4)) + bytes(6)
