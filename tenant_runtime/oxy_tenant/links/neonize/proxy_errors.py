"""Reads from the library's error why a connection through the proxy failed. Pure.

Go says what it was doing when it failed: ``… Get "https://web.whatsapp.com/ws/chat": `` and then, of an HTTP proxy that
cannot be reached, ``proxyconnect tcp: …``; of a SOCKS proxy always ``socks connect tcp PROXY->SERVER: …``. Of an HTTP
proxy that refuses, it quotes no more than the phrase after the status code, which the proxy chooses; an answer that is
no HTTP it calls ``malformed``. Nothing else that can fail there is said without a colon, but for the few words in
`_WORDS_OF_GO`, or begins with a capital letter.
Sources: Go, net/http/transport.go (dialConn) and golang.org/x/net/internal/socks.
"""

import re
from dataclasses import dataclass
from typing import Final

PROXY_UNREACHABLE: Final = "ProxyUnreachable"
PROXY_REFUSED: Final = "ProxyRefused"
PROXY_TIMED_OUT: Final = "ProxyTimedOut"
"""No error of the library's says so: it waits (`proxy_check`)."""
PROXY_AUTHENTICATION_FAILED: Final = "ProxyAuthenticationFailed"

_REQUEST: Final = re.compile(r'.*\bGet "[^"]*": ', re.DOTALL)
_TO_HTTP_PROXY: Final = "proxyconnect tcp: "
_TO_SOCKS_PROXY: Final = re.compile(r"socks connect tcp \S+->\S+: ")
_SOCKS_REPLY: Final = "unknown error "
"""What the library calls any reply but success; the reply's meaning follows."""

_SOCKS_LOGIN: Final = ("username/password authentication failed", "no acceptable authentication methods")
_LOGIN: Final = re.compile(r"authenti|authori[sz]|credential|log.?in|password", re.IGNORECASE)
"""In the phrase of a refusal. Some proxies word it as they like; 407 is ``Proxy Authentication Required``."""

_WORDS_OF_GO: Final = frozenset({"", "EOF", "unexpected EOF", "context canceled", "context deadline exceeded"})
_NO_HTTP: Final = "malformed "
_LONGEST_PHRASE: Final = 200


@dataclass(frozen=True, slots=True)
class ProxyFailure:
    """Why a proxy did not connect us."""

    reason: str
    """CamelCase, for conditions."""
    detail: str
    """The proxy's words or the system's."""


def proxy_failure(error: str) -> ProxyFailure | None:
    """Return how the proxy failed, from the error of a connection; None if it was not the proxy."""
    request = _REQUEST.match(error)
    if request is None:
        return None
    cause = error[request.end() :]
    if cause.startswith(_TO_HTTP_PROXY):
        return ProxyFailure(PROXY_UNREACHABLE, cause.removeprefix(_TO_HTTP_PROXY))
    socks = _TO_SOCKS_PROXY.match(cause)
    return _http_refusal(cause) if socks is None else _socks_failure(cause[socks.end() :])


def _socks_failure(cause: str) -> ProxyFailure:
    if cause.startswith(_SOCKS_LOGIN):
        return ProxyFailure(PROXY_AUTHENTICATION_FAILED, cause)
    if cause.startswith(_SOCKS_REPLY):
        return ProxyFailure(PROXY_REFUSED, cause.removeprefix(_SOCKS_REPLY))
    return ProxyFailure(PROXY_UNREACHABLE, cause)


def _http_refusal(phrase: str) -> ProxyFailure | None:
    said_by_go = ":" in phrase and not (phrase[0].isupper() or phrase.startswith(_NO_HTTP))
    if phrase in _WORDS_OF_GO or said_by_go or len(phrase) > _LONGEST_PHRASE:
        return None
    return ProxyFailure(PROXY_AUTHENTICATION_FAILED if _LOGIN.search(phrase) else PROXY_REFUSED, phrase)
