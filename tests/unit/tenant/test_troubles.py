import ctypes
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_core.identity import Jid
from oxy_core.instance.connection_causes import CONNECTION_CAUSES, MAX_DETAIL
from oxy_core.instance.proxy_url import ProxyUrl
from oxy_tenant.links.events import Banned, DeviceRefused, LinkEvent, LoggedOut, LoginRefused, Outdated, TroubleNoticed
from oxy_tenant.links.neonize.chain_watch import ChainWatch
from oxy_tenant.links.neonize.dial_errors import detail_of, failure_of
from oxy_tenant.links.neonize.events import CopyRefused
from oxy_tenant.links.neonize.library import Library, load_messages
from oxy_tenant.links.neonize.session import NeonizeSession, Sinks
from oxy_tenant.links.neonize.troubles import is_trouble_entry, trouble_in_node, trouble_in_warning
from oxy_tenant.own_account import OwnAccount

ENVELOPES, _ = load_messages()
DIALLED = (
    "failed to dial whatsapp web websocket: failed to WebSocket dial: failed to send handshake request: "
    'Get "https://web.whatsapp.com/ws/chat": '
)


@pytest.mark.parametrize(
    ("node", "event"),
    [
        ('<failure location="lla" reason="409"/>', LoginRefused("ClientRejected", "code 409")),
        ('<failure location="lla" reason="415"/>', LoginRefused("LoginNotFound", "code 415")),
        ('<failure location="lla" reason="414"/>', LoginRefused("ConnectFailure", "code 414", fatal=True)),
        ('<failure location="lla" reason="429"/>', LoginRefused("LoginRateLimited", "code 429")),
        ('<failure location="lla" reason="500"/>', LoginRefused("LoginServerError", "code 500")),
        ('<failure message="later" reason="503"/>', LoginRefused("LoginUnavailable", "code 503, later")),
        ('<failure location="lla" reason="777"/>', LoginRefused("ConnectFailure", "code 777")),
        ('<failure reason="401"><x/></failure>', DeviceRefused("LoggedOut", "code 401")),
        ('<failure reason="403"/>', DeviceRefused("AccountLocked", "code 403")),
        ('<failure reason="406"/>', DeviceRefused("AccountBanned", "code 406")),
        ('<failure location="lla" reason="405"/>', Outdated()),  # no event does while no phone is linked
        ('<failure code="101" expire="0" reason="402"/>', Banned(None, "too many messages to people who do not have")),
        ('<failure code="999" expire="x" reason="402"/>', Banned(None)),
        ('<stream:error code="515"/>', TroubleNoticed("RestartRequired")),
        ('<stream:error code="503"/>', TroubleNoticed("ServerRestarting")),
        ('<stream:error code="500"/>', TroubleNoticed("StreamError", "code 500")),
        ('<stream:error><conflict type="replaced"/></stream:error>', None),
        (
            '<stream:error code="401"><conflict type="device_removed"/></stream:error>',
            DeviceRefused("LoggedOut", "code 401"),
        ),
        (
            '<stream:error><conflict id="1" type="mystery"/></stream:error>',
            TroubleNoticed("StreamError", "conflict mystery"),
        ),
        ("<stream:error><xml-not-well-formed/></stream:error>", TroubleNoticed("StreamError", "xml-not-well-formed")),
        (
            '<stream:error code="516"><ack id="1" type="x"/></stream:error>',
            TroubleNoticed("StreamError", "code 516 ack x"),
        ),
        ("<stream:error/>", TroubleNoticed("StreamError")),
        ("<xmlstreamend/>", TroubleNoticed("StreamEnded")),
        (
            '<iq from="s.whatsapp.net" id="1-2" type="error"><error code="429" text="rate-overlimit"/></iq>',
            TroubleNoticed("RequestsRateLimited"),
        ),
        ('<iq from="s.whatsapp.net" id="1-2" type="error"><error code="404" text="item-not-found"/></iq>', None),
        ('<iq id="1" type="result"><group subject="&lt;error code=429"/></iq>', None),
    ],
)
def test_what_a_node_of_the_server_means_for_the_connection(node: str, event: LinkEvent | None) -> None:
    read = trouble_in_node(node)
    if isinstance(event, Banned):
        assert isinstance(read, Banned)
        assert (read.expires_at, read.detail.startswith(event.detail)) == (event.expires_at, True)
    else:
        assert read == event


@pytest.mark.parametrize(("seconds", "days"), [("86400", 1), ("9" * 19, 3650)])
def test_a_ban_ends_when_the_server_says_or_after_ten_years(seconds: str, days: int) -> None:
    ban = trouble_in_node(f'<failure code="101" expire="{seconds}" reason="402"/>')
    assert isinstance(ban, Banned)
    assert ban.expires_at is not None
    assert abs(ban.expires_at - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (
            "Error reading from websocket: failed to get reader: failed to read frame header: EOF",
            TroubleNoticed("ConnectionLost", "failed to get reader: failed to read frame header: EOF"),
        ),
        (
            'Error reading from websocket: failed to get reader: received close frame: status = 1000 and reason = ""',
            TroubleNoticed("ConnectionClosed"),
        ),
        (
            "Error reading from websocket: failed to read: read limited at 16777217 bytes",
            TroubleNoticed("FrameTooLarge"),
        ),
        (
            "Failed to decrypt frame: cipher: message authentication failed",
            TroubleNoticed("FrameUnreadable", "cipher: message authentication failed"),
        ),
        (
            "Failed to decompress frame: failed to create zlib reader: zlib: invalid header",
            TroubleNoticed("FrameUnreadable", "failed to create zlib reader: zlib: invalid header"),
        ),
        (
            f"Error reconnecting after autoreconnect sleep: {DIALLED}dial tcp 1.2.3.4:443: connect: connection refused",
            TroubleNoticed("ServerUnreachable", "dial tcp 1.2.3.4:443: connect: connection refused"),
        ),
        ("Failed to send receipt for 3A18: websocket not connected", None),
        ('Closing handler queue loop in the middle of handling <failure reason="500"/>', None),
    ],
)
def test_what_a_warning_of_the_library_means_for_the_connection(text: str, event: LinkEvent | None) -> None:
    assert trouble_in_warning(text) == event


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (f"{DIALLED}tls: failed to verify certificate: x509: certificate signed by unknown authority",
         "CertificateUntrusted"),
        (f"{DIALLED}tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time",
         "CertificateExpired"),
        (f"{DIALLED}tls: failed to verify certificate: x509: certificate is valid for a.example, not web.whatsapp.com",
         "CertificateWrongName"),
        (f"{DIALLED}net/http: TLS handshake timeout", "TlsFailed"),
        (f"{DIALLED}tls: first record does not look like a TLS handshake", "TlsFailed"),
        (f"{DIALLED}http: server gave HTTP response to HTTPS client", "TlsFailed"),
        (f"{DIALLED}dial tcp: lookup web.whatsapp.com on 10.0.0.1:53: no such host", "NameNotResolved"),
        (f"{DIALLED}dial tcp: lookup web.whatsapp.com on 10.0.0.1:53: read udp 10.0.0.9:5->10.0.0.1:53: i/o timeout",
         "NameNotResolved"),
        (f"{DIALLED}proxyconnect tcp: dial tcp: lookup proxy.example on 10.0.0.1:53: no such host", "ProxyUnreachable"),
        ("noise handshake failed: failed to decrypt static ciphertext", "HandshakeFailed"),
        (f"{DIALLED}dial tcp 1.2.3.4:443: i/o timeout", "ServerUnreachable"),
        (f"{DIALLED}proxyconnect tcp: dial tcp 1.2.3.4:3128: connect: connection refused", "ProxyUnreachable"),
        (f"{DIALLED}Forbidden", "ProxyRefused"),
        ("", "ServerUnreachable"),
    ],
)  # fmt: skip
def test_why_no_connection_could_be_made(error: str, reason: str) -> None:
    found, detail = failure_of(error)
    assert found == reason
    assert not detail.startswith(("failed to dial", "Get "))


def test_a_detail_is_one_short_line_without_credentials_and_numbers() -> None:
    detail = detail_of('proxy "http://user:pa%40ss@10.0.0.1:8080"\r\n\x1b[2J refused +5511987654321 \udcff' + "x" * 999)
    assert detail.startswith('proxy "http://10.0.0.1:8080"')
    assert "…4321" in detail
    assert detail.isprintable()
    assert not {"pa%40ss", "user", "5511987654321"} & set(detail.split())
    assert len(detail) == MAX_DETAIL


@pytest.mark.parametrize("word", ["proxy", "socks", "Error", "Failed", "reading", "web", "tcp", "dial", "after", "401"])
def test_a_user_of_the_proxy_may_be_called_as_a_word_of_the_library(word: str) -> None:
    hide = ProxyUrl.parse(f"http://{word}:{word}-9@10.0.0.1:3128").hide
    refused = f"{DIALLED}proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused"
    assert failure_of(refused, hide)[0] == "ProxyUnreachable"
    for text, reason in (
        (f"Error reconnecting after autoreconnect sleep: {refused}", "ProxyUnreachable"),
        ("Error reading from websocket: failed to read: read limited at 16777217 bytes", "FrameTooLarge"),
        ("Failed to decrypt frame: cipher: message authentication failed", "FrameUnreadable"),
    ):
        read = trouble_in_warning(text, hide)
        assert isinstance(read, TroubleNoticed)
        assert (read.reason, word in read.detail) == (reason, False)


def test_what_a_proxy_quotes_of_the_login_is_hidden_before_the_detail_is_cut() -> None:
    hide = ProxyUrl.parse("http://shopkeeper:opensesame@10.0.0.1:3128").hide
    for length in range(MAX_DETAIL - 10, MAX_DETAIL):
        assert "open" not in detail_of("x" * length + "opensesame", hide)


def test_a_refused_copy_is_noted_whatever_the_user_of_the_proxy_is_called() -> None:
    noted: list[CopyRefused] = []
    session = NeonizeSession(
        b"oxy-1",
        Library(binder=None, envelopes=ENVELOPES, messages=None, companion=None),
        Sinks(lambda _: None, lambda _: None, noted.append, lambda _: None, lambda _: None),
        ChainWatch(OwnAccount(), {}, lambda _: None),
        OwnAccount(),
        proxy=ProxyUrl.parse("http://message:3EB@10.0.0.1:3128"),
    )
    warning = "Ignoring message 3EB0AA from 111@lid: failed to decrypt normal message: old counter"
    data = ENVELOPES.LogEntry(Message=warning, Level="WARN", Name="Client").SerializeToString()
    buffer = ctypes.create_string_buffer(data, len(data))
    session._log_entry(ctypes.addressof(buffer), len(data))  # noqa: SLF001 as the library calls it
    assert noted == [CopyRefused("3EB0AA", Jid.parse("111@lid"))]


def test_that_a_device_is_refused_is_told_before_the_library_deletes_it() -> None:
    told: list[LinkEvent] = []
    session = NeonizeSession(
        b"oxy-1",
        Library(binder=None, envelopes=ENVELOPES, messages=None, companion=None),
        Sinks(lambda _: None, told.append, lambda _: None, lambda _: None, lambda _: told.append(LoggedOut())),
        ChainWatch(OwnAccount(), {}, lambda _: None),
        OwnAccount(),
        proxy=None,
    )
    data = entry('<failure reason="401"/>')
    buffer = ctypes.create_string_buffer(data, len(data))
    session._log_entry(ctypes.addressof(buffer), len(data))  # noqa: SLF001 as the library calls it
    assert told == [LoggedOut(), DeviceRefused("LoggedOut", "code 401")]


def test_a_detail_is_the_same_for_each_connection() -> None:
    error = "failed to get reader: read tcp 10.1.2.3:{}->157.240.1.1:443: read: connection reset by peer"
    assert detail_of(error.format(40_001)) == detail_of(error.format(50_002))
    assert "157.240.1.1:443: read: connection reset by peer" in detail_of(error.format(1))


def test_every_reason_has_a_row() -> None:
    codes = range(300, 800)
    events = itertools.chain(
        (trouble_in_node(f'<failure reason="{code}"/>') for code in codes),
        (trouble_in_node(f'<stream:error code="{code}"/>') for code in codes),
    )
    reasons = {event.reason for event in events if isinstance(event, LoginRefused | TroubleNoticed)}
    assert len(reasons) == 9
    assert reasons <= set(CONNECTION_CAUSES)


@given(st.text(max_size=300))
def test_nothing_in_a_node_or_a_warning_raises(text: str) -> None:
    for beginning in ("", "<failure ", '<failure reason="402" expire="', "<stream:error ", "<xmlstreamend"):
        trouble_in_node(beginning + text)
    for beginning in ("", "Error reading from websocket: ", "Failed to decrypt frame: "):
        trouble_in_warning(beginning + text)


def entry(message: str) -> bytes:
    data: bytes = ENVELOPES.LogEntry(Message=message, Level="DEBUG", Name="Client/Recv").SerializeToString()
    return data


def test_troubles_are_found_among_the_entries_of_the_log() -> None:
    for node in (
        '<failure location="lla" reason="409"/>',
        f'<failure location="{"x" * 200}" reason="409"/>',
        '<stream:error code="515"/>',
        "<xmlstreamend/>",
        '<iq id="1" type="error"><error code="429"/></iq>',
    ):
        assert is_trouble_entry(entry(node))
    for other in ('<message id="1"/>', '<iq id="1" type="result"/>', "", 'quoted <failure reason="500"/>'):
        assert not is_trouble_entry(entry(other))
