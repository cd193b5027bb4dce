from base64 import b64encode
from dataclasses import replace

import pytest
from unit.wai_operator.making import Json, instance

from oxy_operator.decide.proxy import NO_PROXY, ProxyWanted, proxy_wanted

KEY = bytes(range(32))
PROXIED = instance(network={"proxySecretRef": {"name": "proxy"}})


def wanted(url: bytes, made: Json = PROXIED, key: bytes = KEY) -> ProxyWanted:
    return proxy_wanted(made, {"url": b64encode(url).decode()}, key)


def test_an_instance_without_a_secret_has_no_proxy() -> None:
    assert proxy_wanted(instance(), {"url": "eA=="}, KEY) == NO_PROXY


def test_the_digest_changes_with_the_url_alone() -> None:
    first = wanted(b"http://shop:one@proxy:3128")
    assert first.problem is None
    assert first.digest
    assert wanted(b"http://shop:one@proxy:3128/\n") == first
    assert wanted(b"http://shop:two@proxy:3128").digest != first.digest
    assert wanted(b"http://shop:one@proxy:3128", key=KEY[::-1]).digest != first.digest
    assert replace(first, secret=None, digest=None) == NO_PROXY


@pytest.mark.parametrize(
    ("data", "reason", "remedy"),
    [
        (None, "ProxySecretMissing", "kubectl create secret generic proxy -n shops --from-literal=url="),
        ({}, "ProxyUrlMissing", "no key url"),
        ({"URL": "eA=="}, "ProxyUrlMissing", "Add the proxy's URL under that key"),
        ({"url": ""}, "ProxyUrlUnusable", "is empty"),
        ({"url": "***"}, "ProxyUrlUnusable", "is empty"),
        ({"url": b64encode(b"\xff\xfe").decode()}, "ProxyUrlUnusable", "ASCII"),
        ({"url": b64encode(b"socks4://loja:hush@proxy:1").decode()}, "ProxyUrlUnusable", "http, https or socks5"),
    ],
)
def test_what_is_wrong_with_a_secret_is_said_with_the_remedy(data: Json, reason: str, remedy: str) -> None:
    found = proxy_wanted(PROXIED, data, KEY)
    assert found.digest is None
    assert found.problem is not None
    assert found.problem.reason == reason
    assert found.problem.message.startswith("spec.network.proxySecretRef: Secret proxy in namespace shops")
    assert remedy in found.problem.message
    assert "hush" not in found.problem.message
