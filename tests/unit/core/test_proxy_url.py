import pytest

from oxy_core.errors import SettingsError
from oxy_core.instance.proxy_url import ProxyUrl


@pytest.mark.parametrize(
    ("text", "full", "address"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128", "proxy.example:3128"),
        ("https://proxy.example/", "https://proxy.example:443", "proxy.example:443"),
        ("HTTP://Proxy.Example", "http://proxy.example:80", "proxy.example:80"),
        ("socks5h://10.0.0.1\n", "socks5://10.0.0.1:1080", "10.0.0.1:1080"),
        ("socks5://[2001:db8::1]:1080", "socks5://[2001:db8::1]:1080", "[2001:db8::1]:1080"),
        ("proxy:8080", "http://proxy:8080", "proxy:8080"),
        ("http://70000", "http://70000:80", "70000:80"),
        ("shop:secret@proxy:8080", "http://shop:secret@proxy:8080", "proxy:8080"),
        ("socks5://shop@proxy:1", "socks5://shop:@proxy:1", "proxy:1"),
        ("http://sh%6fp:a%40b%2F%25@proxy", "http://shop:a%40b%2F%25@proxy:80", "proxy:80"),
        ("http://shop:p@ss:w|rd@proxy", "http://shop:p%40ss%3Aw%7Crd@proxy:80", "proxy:80"),
        ("http://shop:%C3%A7%FF@proxy", "http://shop:%C3%A7%FF@proxy:80", "proxy:80"),
    ],
)
def test_a_url_is_read_as_it_will_be_used(text: str, full: str, address: str) -> None:
    proxy = ProxyUrl.parse(text)
    assert (proxy.text, proxy.address) == (full, address)
    assert ProxyUrl.parse(proxy.text) == proxy


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("ftp://hush@proxy:21", "does not begin with"),
        ("socks4://proxy:1080", "does not begin with"),
        ("http://shop:hush/hush@proxy:8080", "goes on after|cannot be read|names no host"),
        ("http://shop:hush#hush@proxy:8080", "goes on after|cannot be read|names no host"),
        ("http://shop:hush?hush@proxy:8080", "goes on after|cannot be read|names no host"),
        ("http://shop:hu sh@proxy:8080", "without spaces"),
        ("http://shop:hu\nsh@proxy:8080", "without spaces"),
        ("http://shop:hush\x00@proxy:8080", "without spaces"),
        ("http://shop:hushç@proxy:8080", "without spaces"),
        ("http://shop:hush%zz@proxy:8080", "hexadecimal"),
        ("http://shop:hush%2@proxy:8080", "hexadecimal"),
        ("http://:hush@proxy:8080", "no user"),
        ("http://sh%3Aop:hush@proxy:8080", "colon"),
        (f"socks5://shop:{'hush' * 64}@proxy:8080", "255 bytes"),
        ("http://proxy:99999", "names port 99999: ports are 1 to 65535"),
        ("http://hush:hush@[2001:db8::1]:65536/", "names port 65536: ports are 1 to 65535"),
        ("http://proxy:0", "names port 0: ports are 1 to 65535"),
        ("http://shop:99999/hush@proxy:8080", "goes on after"),  # it is the beginning of a password
        ("http://proxy:hush", "cannot be read"),
        ("http://", "names no host"),
        ("http://pro[xy:80", "cannot be read"),
        ("http://pro%20xy:80", "names no host"),
        ("http://proxy" + "x" * 2048, "at most 2048"),
    ],
)
def test_a_url_that_is_not_understood_is_refused_without_being_quoted(text: str, what: str) -> None:
    with pytest.raises(SettingsError, match=what) as refused:
        ProxyUrl.parse(text)
    assert "hush" not in str(refused.value)


def test_a_password_is_neither_shown_nor_kept_in_what_others_say() -> None:
    proxy = ProxyUrl.parse("http://shopkeeper:a%2Fb%2Fc@proxy:8080")
    assert "a/b" not in repr(proxy)
    assert "shopkeeper" not in repr(proxy)
    assert proxy.hide("407 no a/b/c, a%2Fb%2Fc of shopkeeper at proxy") == "407 no ***, *** of *** at proxy"
    assert ProxyUrl.parse("http://a:b@proxy:8080").hide("a bad proxy") == "a bad proxy"
