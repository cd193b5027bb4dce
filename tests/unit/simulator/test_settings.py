"""Settings from options and the environment, and what is said about wrong ones."""

from pathlib import Path

import pytest

from oxy_simulator.errors import SetupError
from oxy_simulator.settings import read_settings


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXY_SIMULATOR_PROXY_PORT", "1")
    monkeypatch.setenv("OXY_SIMULATOR_CONTROL_PORT", "2")
    settings = read_settings({"proxy_port": 3, "control_port": None, "state": Path("x"), "act": print})
    assert (settings.proxy_port, settings.control_port, settings.state) == (3, 2, Path("x"))


def test_every_wrong_setting_has_a_line_with_its_option_and_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXY_SIMULATOR_PROXY_PORT", "70000")
    monkeypatch.setenv("OXY_SIMULATOR_LOG_LEVEL", "loud")
    with pytest.raises(SetupError) as caught:
        read_settings({"kept_packets": -1})
    assert str(caught.value).splitlines() == [
        "these settings are wrong:",
        "  --proxy-port (OXY_SIMULATOR_PROXY_PORT) is '70000': must be less than or equal to 65535",
        "  --kept-packets (OXY_SIMULATOR_KEPT_PACKETS) is -1: must be greater than or equal to 0",
        "  --log-level (OXY_SIMULATOR_LOG_LEVEL) is 'loud': must be 'debug', 'info', 'warning' or 'error'",
    ]


@pytest.mark.parametrize("text", ["NaN", "inf", "-Infinity", "1e999"])
def test_a_time_without_end_is_no_setting(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("OXY_SIMULATOR_PAIRING_SECONDS", text)
    with pytest.raises(SetupError) as caught:
        read_settings({})
    assert str(caught.value).endswith(f"(OXY_SIMULATOR_PAIRING_SECONDS) is {text!r}: must be a finite number")


def test_more_proxies_are_given_by_options_or_with_spaces_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXY_SIMULATOR_LISTEN", "http://127.0.0.1:0 socks5://127.0.0.1:1080")
    assert read_settings({}).listen == ("http://127.0.0.1:0", "socks5://127.0.0.1:1080")
    assert read_settings({"listen": ["http://127.0.0.1:1"]}).listen == ("http://127.0.0.1:1",)
