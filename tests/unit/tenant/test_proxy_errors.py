import pytest

from oxy_core.instance.connection_causes import connection_cause
from oxy_tenant.links.neonize.proxy_errors import (
    PROXY_AUTHENTICATION_FAILED,
    PROXY_REFUSED,
    PROXY_UNREACHABLE,
    ProxyFailure,
    proxy_failure,
)

DIALLED = (
    "failed to dial whatsapp web websocket: failed to WebSocket dial: failed to send handshake request: "
    'Get "https://web.whatsapp.com/ws/chat": '
)
SOCKS = "socks connect tcp 10.0.0.1:1080->web.whatsapp.com:443: "
DIAL = "dial tcp 10.0.0.1:1080: connect: connection refused"


@pytest.mark.parametrize(
    ("cause", "reason", "detail"),
    [
        (f"proxyconnect tcp: {DIAL}", PROXY_UNREACHABLE, DIAL),
        ("proxyconnect tcp: tls: failed to verify", PROXY_UNREACHABLE, "tls: failed to verify"),
        (f"{SOCKS}{DIAL}", PROXY_UNREACHABLE, DIAL),
        (f"{SOCKS}EOF", PROXY_UNREACHABLE, "EOF"),
        (f"{SOCKS}unknown error host unreachable", PROXY_REFUSED, "host unreachable"),
        (
            f"{SOCKS}username/password authentication failed",
            PROXY_AUTHENTICATION_FAILED,
            "username/password authentication failed",
        ),
        (
            f"{SOCKS}no acceptable authentication methods",
            PROXY_AUTHENTICATION_FAILED,
            "no acceptable authentication methods",
        ),
        ("Proxy Authentication Required", PROXY_AUTHENTICATION_FAILED, "Proxy Authentication Required"),
        ("Not authorised here", PROXY_AUTHENTICATION_FAILED, "Not authorised here"),
        ("Forbidden", PROXY_REFUSED, "Forbidden"),
        ("Bad Gateway", PROXY_REFUSED, "Bad Gateway"),
        ("Blocked: ask the help desk", PROXY_REFUSED, "Blocked: ask the help desk"),
        ("Erro: senha (password) inválida", PROXY_AUTHENTICATION_FAILED, "Erro: senha (password) inválida"),
        ("unknown status code", PROXY_REFUSED, "unknown status code"),
        ('malformed HTTP status code "mail:"', PROXY_REFUSED, 'malformed HTTP status code "mail:"'),
        ('malformed MIME header: missing colon: "x"', PROXY_REFUSED, 'malformed MIME header: missing colon: "x"'),
    ],
)
def test_what_a_proxy_did_is_read_from_the_librarys_error(cause: str, reason: str, detail: str) -> None:
    assert proxy_failure(DIALLED + cause) == ProxyFailure(reason, detail)
    known = connection_cause(reason)
    assert known is not None
    assert known.reconnects


@pytest.mark.parametrize(
    "error",
    [
        "",
        "Forbidden",
        "the link stopped",
        f"{DIALLED}",
        f"{DIALLED}EOF",
        f"{DIALLED}unexpected EOF",
        f"{DIALLED}context deadline exceeded",
        f'{DIALLED}net/http: HTTP/1.x transport connection broken: malformed HTTP response "x"',
        f"{DIALLED}remote error: tls: handshake failure",
        f"{DIALLED}tls: failed to verify certificate: x509: certificate signed by unknown authority",
        f"{DIALLED}dial tcp: lookup web.whatsapp.com: no such host",
        f"{DIALLED}read tcp 10.0.0.2:1->10.0.0.1:2: read: connection reset by peer",
        f"{DIALLED}{'x' * 300}",
        "failed to dial whatsapp web websocket: expected handshake response status code 101 but got 503",
    ],
)
def test_what_no_proxy_did_is_not_called_so(error: str) -> None:
    assert proxy_failure(error) is None
