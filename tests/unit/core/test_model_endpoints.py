import ipaddress

import pytest

from oxy_core.errors import SettingsError
from oxy_core.model_endpoints import AllowedEndpoints, is_public

NOTHING = AllowedEndpoints()
LISTED = AllowedEndpoints.parse(
    "vllm.models.svc, Gateway.example:8443 10.1.0.0/16\n192.168.7.7 [fd00::5]:9000 fd12::/16"
)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 an address to refuse
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "192.0.0.192",
        "192.88.99.1",
        "168.63.129.16",
        "100.100.100.200",
        "::ffff:168.63.129.16",
        "64:ff9b::7f00:1",
        "64:ff9b:1::808:808",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "2001:0:7f00:1::1",
        "fd00:ec2::254",
        "3fff::1",
        "5f00::1",
        "100::1",
    ],
)
def test_an_address_inside_is_refused_however_it_is_written(address: str) -> None:
    assert not NOTHING.permits("model.example", 443, address)
    assert not NOTHING.names(address, 443)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    assert NOTHING.permits("model.example", 443, address)


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("vllm.models.svc", 80, "10.96.0.1"),
        ("VLLM.models.svc.", 8000, "10.96.0.1"),
        ("gateway.example", 8443, "172.16.0.9"),
        ("anything.example", 443, "10.1.2.3"),
        ("10.1.2.3", 80, "10.1.2.3"),
        ("anything.example", 443, "::ffff:10.1.2.3"),
        ("192.168.7.7", 1, "192.168.7.7"),
        ("[fd00::5]", 9000, "fd00::5"),
        ("anything.example", 443, "fd12:0::0001"),
    ],
)
def test_what_the_admin_lists_is_allowed(host: str, port: int, address: str) -> None:
    assert LISTED.permits(host, port, address)


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("gateway.example", 443, "172.16.0.9"),
        ("evil.vllm.models.svc", 80, "10.96.0.1"),
        ("models.svc", 80, "10.96.0.1"),
        ("anything.example", 443, "10.2.0.1"),
        ("[fd00::5]", 80, "fd00::5"),
        ("model.example", 443, "no address"),
    ],
)
def test_what_the_admin_does_not_list_is_refused(host: str, port: int, address: str) -> None:
    assert not LISTED.permits(host, port, address)


@pytest.mark.parametrize("text", ["", " , \n"])
def test_an_empty_list_allows_public_addresses_alone(text: str) -> None:
    assert AllowedEndpoints.parse(text) == NOTHING


@pytest.mark.parametrize(
    "text", ["http://model.example", "10.0.0.1/8", "a b c:port", "10.0.0.0/33", "host:123456", "*"]
)
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"OXY_ALLOWED_ENDPOINTS: .*for example"):
        AllowedEndpoints.parse(text)
