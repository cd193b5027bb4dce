"""What the proxies say, by bytes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.errors import RequestError
from oxy_simulator.proxy_protocol import HttpConnect, ProxyPolicy, Socks5, Step, Verdict, open_talk, parse_listener

NAME = b"web.whatsapp.com"
CONNECT = b"CONNECT web.whatsapp.com:443 HTTP/1.1\r\nHost: web.whatsapp.com:443\r\n"
OPEN, LOCKED = ProxyPolicy(), ProxyPolicy(username="ana", password="s3gr:edo")
SOCKS, SOCKS_LOCKED = ProxyPolicy("socks5"), ProxyPolicy("socks5", username="ana", password="s3gr:edo")
REQUEST = b"\x05\x01\x00\x03" + bytes((len(NAME),)) + NAME + (443).to_bytes(2, "big")


def basic(login: str) -> bytes:
    return b"Proxy-Authorization: Basic " + base64.b64encode(login.encode()) + b"\r\n"


@pytest.mark.parametrize(
    ("policy", "request_", "verdict", "status"),
    [
        (OPEN, CONNECT, Verdict.SERVE, b"200"),
        (OPEN, CONNECT.replace(b"web.whatsapp.com", b"example.com"), Verdict.CLOSE, b"403"),
        (OPEN, b"GET / HTTP/1.1\r\n", Verdict.CLOSE, b"403"),
        (LOCKED, CONNECT, Verdict.CLOSE, b"407"),
        (LOCKED, CONNECT + basic("ana:errado"), Verdict.CLOSE, b"407"),
        (LOCKED, CONNECT + basic("ana:s3gr:edo"), Verdict.SERVE, b"200"),
        (ProxyPolicy(answer="refuse"), CONNECT, Verdict.CLOSE, b"502"),
        (ProxyPolicy(answer="refuse", code=403), CONNECT, Verdict.CLOSE, b"403"),
        (ProxyPolicy(answer="refuse", code=407), CONNECT, Verdict.CLOSE, b"407"),
        (ProxyPolicy(answer="hang"), CONNECT, Verdict.HANG, b""),
    ],
)
def test_an_http_proxy_answers(policy: ProxyPolicy, request_: bytes, verdict: Verdict, status: bytes) -> None:
    step = HttpConnect(policy).feed(request_ + b"\r\n")
    assert step.verdict is verdict
    assert step.reply.startswith(b"HTTP/1.1 " + status if status else b"")
    assert (b"Proxy-Authenticate: Basic" in step.reply) == (status == b"407")
    assert bool(step.reason) == (verdict is Verdict.CLOSE)
    head, _, body = step.reply.partition(b"\r\n\r\n")
    explained = verdict is Verdict.CLOSE and policy.answer == "serve"
    assert (b"control API is on the port" in body) == explained
    assert verdict is not Verdict.CLOSE or f"Content-Length: {len(body)}\r\n".encode() in head


@pytest.mark.parametrize(
    ("policy", "sent", "replies", "verdict"),
    [
        (SOCKS, [b"\x05\x01\x00", REQUEST], [b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6)], Verdict.SERVE),
        (SOCKS, [b"\x05\x01\x02"], [b"\x05\xff"], Verdict.CLOSE),
        (SOCKS, [b"\x04"], [b""], Verdict.CLOSE),
        (SOCKS, [b"\x05\x01\x00", b"\x05\x02" + REQUEST[2:]], [b"\x05\x00", b"\x05\x07"], Verdict.CLOSE),
        (SOCKS, [b"\x05\x01\x00", b"\x05\x01\x00\x01\x7f\0\0\x01\x01\xbb"], [b"\x05\x00", b"\x05\x02"], Verdict.CLOSE),
        (SOCKS_LOCKED, [b"\x05\x01\x00"], [b"\x05\xff"], Verdict.CLOSE),
        (SOCKS_LOCKED, [b"\x05\x02\x00\x02", b"\x01\x03ana\x05outro"], [b"\x05\x02", b"\x01\x01"], Verdict.CLOSE),
        (
            SOCKS_LOCKED,
            [b"\x05\x02\x00\x02", b"\x01\x03ana\x08s3gr:edo", REQUEST],
            [b"\x05\x02", b"\x01\x00", b"\x05\x00"],
            Verdict.SERVE,
        ),
        (
            ProxyPolicy("socks5", answer="refuse"),
            [b"\x05\x01\x00", REQUEST],
            [b"\x05\x00", b"\x05\x02"],
            Verdict.CLOSE,
        ),
        (
            ProxyPolicy("socks5", answer="refuse", code=5),
            [b"\x05\x01\x00" + REQUEST],
            [b"\x05\x00\x05\x05"],
            Verdict.CLOSE,
        ),
        (ProxyPolicy("socks5", answer="hang"), [b"\x05\x01\x00", REQUEST], [b"\x05\x00", b""], Verdict.HANG),
    ],
)
def test_a_socks_proxy_answers(policy: ProxyPolicy, sent: list[bytes], replies: list[bytes], verdict: Verdict) -> None:
    talk = Socks5(policy)
    steps = [talk.feed(data) for data in sent]
    for step, reply in zip(steps, replies, strict=True):
        assert step.reply.startswith(reply) or step.reply == reply
    assert [step.verdict for step in steps] == [Verdict.WAIT] * (len(sent) - 1) + [verdict]


@pytest.mark.parametrize(
    ("policy", "conversation"),
    [
        (LOCKED, CONNECT + basic("ana:s3gr:edo") + b"\r\n"),
        (SOCKS_LOCKED, b"\x05\x01\x02" + b"\x01\x03ana\x08s3gr:edo" + REQUEST),
    ],
)
def test_it_does_not_matter_how_the_bytes_are_cut(policy: ProxyPolicy, conversation: bytes) -> None:
    talk = open_talk(policy)
    steps = [talk.feed(bytes((byte,))) for byte in conversation]
    assert {step.verdict for step in steps[:-1]} == {Verdict.WAIT}
    assert steps[-1].verdict is Verdict.SERVE


@pytest.mark.parametrize("policy", [OPEN, SOCKS])
def test_bytes_that_come_too_early_are_refused(policy: ProxyPolicy) -> None:
    start = CONNECT + b"\r\n" if policy is OPEN else b"\x05\x01\x00" + REQUEST
    assert open_talk(policy).feed(start + b"\x16\x03\x01").verdict is Verdict.CLOSE


@given(st.sampled_from([OPEN, LOCKED, SOCKS, SOCKS_LOCKED]), st.lists(st.binary(max_size=300), max_size=20))
def test_no_bytes_break_a_proxy(policy: ProxyPolicy, chunks: list[bytes]) -> None:
    talk, step = open_talk(policy), Step(Verdict.WAIT)
    for chunk in chunks:
        if step.verdict is Verdict.WAIT:
            step = talk.feed(chunk)
    assert step.verdict in {Verdict.WAIT, Verdict.CLOSE}


def test_a_head_without_end_is_cut() -> None:
    talk = HttpConnect(OPEN)
    steps = [talk.feed(b"X-Slow: loris\r\n") for _ in range(600)]
    assert Verdict.CLOSE in {step.verdict for step in steps}


@pytest.mark.parametrize(
    ("url", "policy", "host", "port"),
    [
        ("http://127.0.0.1:0", ProxyPolicy(), "127.0.0.1", 0),
        ("socks5://a%20b:c%40d@0.0.0.0:1080/", ProxyPolicy("socks5", "a b", "c@d"), "0.0.0.0", 1080),  # noqa: S104
        ("http://[::1]:3128?answer=refuse&code=407", ProxyPolicy(answer="refuse", code=407), "::1", 3128),
        ("socks5://localhost:1?answer=hang", ProxyPolicy("socks5", answer="hang"), "localhost", 1),
        ("http://127.0.0.1:0?tls=wrong-name", ProxyPolicy(tls="wrong-name"), "127.0.0.1", 0),
    ],
)
def test_a_listener_is_written_as_a_url(url: str, policy: ProxyPolicy, host: str, port: int) -> None:
    assert parse_listener(url) == (policy, host, port)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://h:1",
        "http://h",
        "http://:1",
        "http://h:x",
        "http://h:99999",
        "http://h:1?answer=refuse&code=0",
        "http://h:1?tls=good",
        "http://h:1?answer=refuse&code=1000",
        "http://h:1/p",
        "http://h:1?code=x",
        "http://h:1?answer=maybe",
        "http://h:1?colour=red",
        "http://h:1?code",
    ],
)
def test_a_listener_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(RequestError, match=r"is no listener \(.*or http://127"):
        parse_listener(url)
