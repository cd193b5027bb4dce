import pytest

from oxy_core.errors import SettingsError
from oxy_core.settings import ProcessSettings


class Settings(ProcessSettings):
    nats_url: str


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXY_NATS_URL", "nats://bus")
    monkeypatch.setenv("OXY_PROBE_PORT", "0")
    settings = Settings.read()
    assert (settings.nats_url, settings.probe_port) == ("nats://bus", 0)


def test_what_the_environment_does_not_say_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXY_NATS_URL", "nats://bus")
    monkeypatch.setenv("OXY_LOG_LEVEL", "debug")
    monkeypatch.setenv("PROBE_HOST", "of another program")
    monkeypatch.setenv("OXY_UNKNOWN", "of a newer version")
    settings = Settings.read()
    assert settings == Settings(nats_url="nats://bus", log_level="debug")


def test_each_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXY_PROBE_PORT", "high")
    with pytest.raises(SettingsError, match=r"(?s)OXY_PROBE_PORT.*OXY_NATS_URL|OXY_NATS_URL.*OXY_PROBE_PORT"):
        Settings.read()
