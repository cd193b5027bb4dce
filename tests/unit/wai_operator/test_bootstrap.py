from base64 import b64decode, b64encode
from urllib.parse import unquote, urlsplit

import pytest

from oxy_core.errors import OxyError, SettingsError
from oxy_operator.bootstrap import BootstrapSettings, database_secret, keys_of, keys_secret, platform_secret
from oxy_operator.bus.accounts import nats_configuration
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.postgres import Database

KEYS = PlatformKeys.generate()
PLACE = {"namespace": "oxy-system", "prefix": "prod"}


def content(secret: dict[str, object]) -> dict[str, str]:
    return {name: b64decode(value).decode() for name, value in secret["data"].items()}


def test_keys_are_read_back_from_their_secret() -> None:
    secret = keys_secret(KEYS, resolver_dir="/data/accounts", **PLACE)
    assert secret["metadata"]["name"] == "prod-nats-keys"
    assert keys_of(secret) == KEYS
    assert content(secret)["auth.conf"] == nats_configuration(KEYS, "/data/accounts")


@pytest.mark.parametrize("key", ["operator.seed", "root.seed"])
@pytest.mark.parametrize("damage", [None, "nonsense"])
def test_a_damaged_secret_is_refused_and_named(key: str, damage: str | None) -> None:
    secret = keys_secret(KEYS, resolver_dir="/x", **PLACE)
    if damage is None:
        del secret["data"][key]
    else:
        secret["data"][key] = b64encode(damage.encode()).decode()
    with pytest.raises(OxyError, match="Secret prod-nats-keys exists but"):
        keys_of(secret)


def test_the_platform_secret_holds_both_credentials() -> None:
    secret = platform_secret(KEYS, **PLACE)
    assert secret["metadata"]["name"] == "prod-platform-nats"
    assert set(content(secret)) == {"platform.creds", "system.creds"}


def test_the_connection_strings_hold_the_passwords() -> None:
    data = content(database_secret(Database("db.example", 6432, "shop", "owner"), **PLACE))
    admin, app = urlsplit(data["admin-url"]), urlsplit(data["app-url"])
    assert (admin.username, unquote(admin.password or "")) == ("owner", data["admin-password"])
    assert (app.username, unquote(app.password or "")) == ("oxy_app", data["app-password"])
    assert (app.hostname, app.port, app.path) == ("db.example", 6432, "/shop")
    assert data["admin-password"] != data["app-password"]


def test_no_secret_is_owned_by_anything_that_an_uninstall_removes() -> None:
    for secret in (keys_secret(KEYS, resolver_dir="/x", **PLACE), platform_secret(KEYS, **PLACE)):
        assert "ownerReferences" not in secret["metadata"]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXY_NAMESPACE", "oxy-system")
    assert BootstrapSettings.read().database is None
    monkeypatch.setenv("OXY_POSTGRES_HOST", "db.example")
    assert BootstrapSettings.read().database == Database("db.example")


def test_a_missing_namespace_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OXY_NAMESPACE", raising=False)
    with pytest.raises(SettingsError, match="OXY_NAMESPACE"):
        BootstrapSettings.read()
