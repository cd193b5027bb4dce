"""The URL of an instance's proxy, as its Secret has it: what both operator and runtime make of it. Pure.

A URL that is not certainly understood is refused: the library would take some of them for none at all, and connect
directly. No message quotes a URL, because it may contain a password.
"""

import re
from dataclasses import dataclass, field
from typing import Final, NoReturn, Self
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit

from oxy_core.errors import SettingsError

PROXY_KEY: Final = "url"
"""Key of the URL in the Secret that ``spec.network.proxySecretRef`` names."""

PORTS: Final = {"http": 80, "https": 443, "socks5": 1080}
"""Schemes, each with its default port: HTTP CONNECT (RFC 9110), also over TLS, and SOCKS5 (RFC 1928)."""

MAX_URL: Final = 2_048
"""Longest URL, in characters."""

_SCHEMES: Final = {scheme: scheme for scheme in PORTS} | {"socks5h": "socks5"}
"""Names are always resolved by the proxy, which is what socks5h asks for."""

_LONGEST_LOGIN: Final = 255
"""Of a user or a password for SOCKS5, in bytes. Source: RFC 1929."""

_FORM: Final = "scheme://user:password@host:port, or without user and password; the scheme is http, https or socks5"
_ENCODE: Final = "write special characters in user and password as %XX, for example %2F for /"
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9a-fA-F:.]{2,45}")
_PLAIN: Final = re.compile(r"[\x21-\x7e]+")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")
_NAMED_PORT: Final = re.compile(r":([0-9]{1,10})$")
_LAST_PORT: Final = 65_535
_HIDDEN: Final = "***"
_SHORTEST_HIDDEN: Final = 3
"""Anything shorter is part of too many words to be hidden, and of too few passwords."""


@dataclass(frozen=True, slots=True)
class ProxyUrl:
    """A proxy; its repr hides the password."""

    scheme: str
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    """As in a URL: percent-encoded, whatever is not a letter, a digit or one of ``_.-~``."""
    password: str = field(default="", repr=False)
    """Encoded as `user` is."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL; spaces and line breaks around it do not count. Raises SettingsError, which says what to write."""
        text = text.strip()
        if not text:
            _refuse("is empty", _FORM)
        if len(text) > MAX_URL or not _PLAIN.fullmatch(text):
            _refuse(f"is no URL of at most {MAX_URL} ASCII characters without spaces", _ENCODE)
        # As Go, curl and most others read it.
        url = text if "://" in text else f"http://{text}"
        try:
            parts = urlsplit(url)
        except ValueError:
            _refuse("cannot be read", f"{_FORM}; {_ENCODE}")
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None:
            _refuse("does not begin with http://, https:// or socks5://", _FORM)
        if parts.path not in {"", "/"} or "?" in text or "#" in text:
            _refuse("goes on after host and port", f"{_FORM}; {_ENCODE}")
        port = _port(parts)
        if not _HOST.fullmatch(parts.hostname or ""):
            _refuse("names no host", f"{_FORM}; {_ENCODE}")
        return cls(scheme, parts.hostname or "", port or PORTS[scheme], *_login(parts, scheme))

    @property
    def text(self) -> str:
        """The URL in full, with its password."""
        login = "" if self.user is None else f"{self.user}:{self.password}@"
        return f"{self.scheme}://{login}{self.address}"

    @property
    def address(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def hide(self, text: str) -> str:
        """Return a text without this URL's user and password, as they are and as they are encoded."""
        for encoded in (self.password, self.user or ""):
            for secret in (encoded, _plain(encoded)):
                if len(secret) >= _SHORTEST_HIDDEN:
                    text = text.replace(secret, _HIDDEN)
        return text


def _port(parts: SplitResult) -> int | None:
    """Return the port, if the URL names one. Nothing follows it, so that digits alone are certainly no password."""
    named = _NAMED_PORT.search(parts.netloc.rpartition("@")[2])
    if named and not 0 < int(named[1]) <= _LAST_PORT:
        _refuse(f"names port {named[1]}", f"ports are 1 to {_LAST_PORT}")
    try:
        return parts.port
    except ValueError:
        _refuse("cannot be read", f"{_FORM}; {_ENCODE}")


def _login(parts: SplitResult, scheme: str) -> tuple[str | None, str]:
    """Return user and password, encoded; user None: there is none."""
    login, found, _ = parts.netloc.rpartition("@")
    if not found:
        return None, ""
    if _BAD_ESCAPE.search(login):
        _refuse("has a user or a password with a % that is not followed by two hexadecimal digits", _ENCODE)
    user, _, password = (unquote_to_bytes(part) for part in login.partition(":"))
    if not user:
        _refuse("has a password, but no user", _FORM)
    if scheme == "socks5" and max(len(user), len(password)) > _LONGEST_LOGIN:
        _refuse(f"has a user or a password of more than {_LONGEST_LOGIN} bytes", "SOCKS5 knows no longer ones")
    if scheme != "socks5" and b":" in user:
        _refuse("has a user with a colon", "HTTP knows no such users (RFC 7617)")
    return quote(user, safe=""), quote(password, safe="")


def _plain(encoded: str) -> str:
    return unquote_to_bytes(encoded).decode(errors="replace")


def _refuse(what: str, remedy: str) -> NoReturn:
    message = f"the proxy's URL {what}: {remedy}"
    raise SettingsError(message) from None
