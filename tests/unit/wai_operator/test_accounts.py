import base64
import hashlib
import json

import nkeys
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_operator.bus.accounts import (
    CLAIMS_REVISION,
    nats_configuration,
    operator_token,
    platform_credentials,
    platform_token,
    system_credentials,
    system_token,
    tenancy,
)
from oxy_operator.bus.jwt import decoded, same_claims
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.tenancy import ROTATION_SECONDS, Validity

KEYS = PlatformKeys(operator_seed=PlatformKeys.generate().operator_seed, root_seed="11" * 32)
NOW = 1_800_000_000.0


def test_a_token_is_signed_by_its_issuer() -> None:
    header, payload, signature = platform_token(KEYS).split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    assert nkeys.from_seed(KEYS.operator_seed.encode()).verify(f"{header}.{payload}".encode(), raw)
    assert decoded(platform_token(KEYS))["iss"] == KEYS.operator.public


def test_the_operator_trusts_the_system_account() -> None:
    claims = decoded(operator_token(KEYS))
    assert (claims["iss"], claims["sub"]) == (KEYS.operator.public, KEYS.operator.public)
    assert claims["nats"]["system_account"] == decoded(system_token(KEYS))["sub"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("in", "service"),
        ("state", "service"),
        ("accepted", "service"),
        ("media", "service"),
        ("file", "service"),
        ("backup", "service"),
        ("restore", "service"),
        ("out", "stream"),
    ],
)
def test_the_platform_offers_each_subject_bound_to_the_importing_account(name: str, kind: str) -> None:
    exports = {export["name"]: export for export in decoded(platform_token(KEYS))["nats"]["exports"]}
    assert exports[name]["subject"] == (f"oxy.{name}.*.*.*.*" if name in {"media", "backup"} else f"oxy.{name}.*.*")
    assert exports[name]["type"] == kind
    assert exports[name]["account_token_position"] == 3
    assert exports[name].get("response_type") == ("Singleton" if kind == "service" else None)


def test_an_instance_imports_its_own_subjects_and_nothing_else() -> None:
    made = tenancy(KEYS, "paws", "petshop", now=NOW)
    imports = decoded(made.account_token)["nats"]["imports"]
    assert {(item["subject"], item["type"]) for item in imports} == {
        (f"oxy.in.{made.account}.petshop", "service"),
        (f"oxy.state.{made.account}.petshop", "service"),
        (f"oxy.accepted.{made.account}.petshop", "service"),
        (f"oxy.media.{made.account}.petshop.*.*", "service"),
        (f"oxy.file.{made.account}.petshop", "service"),
        (f"oxy.backup.{made.account}.petshop.*.*", "service"),
        (f"oxy.restore.{made.account}.petshop", "service"),
        (f"oxy.out.{made.account}.petshop", "stream"),
    }
    assert {item["account"] for item in imports} == {KEYS.platform_account.public}


def test_an_instance_has_no_jetstream_and_exports_nothing() -> None:
    limits = decoded(tenancy(KEYS, "paws", "petshop", now=NOW).account_token)["nats"]["limits"]
    assert "streams" not in limits
    assert "disk_storage" not in limits
    assert limits["exports"] == 0


def test_a_tenancy_is_the_same_throughout_a_rotation_period() -> None:
    validity = tenancy(KEYS, "paws", "petshop", now=NOW).validity
    first = tenancy(KEYS, "paws", "petshop", now=validity.issued_at)
    last = tenancy(KEYS, "paws", "petshop", now=validity.renewed_at - 1)
    assert first == last
    after = tenancy(KEYS, "paws", "petshop", now=validity.renewed_at)
    assert after.credentials != first.credentials
    assert after.account_token == first.account_token


def test_another_incarnation_has_another_token_of_the_same_account() -> None:
    first, second = (tenancy(KEYS, "paws", "petshop", now=NOW, incarnation=uid) for uid in ("1", "2"))
    assert first.account == second.account
    assert not same_claims(first.account_token, second.account_token)


@given(st.floats(min_value=1e9, max_value=4e9), st.text(min_size=1, max_size=20))
def test_credentials_in_use_are_valid_for_at_least_half_their_lifetime(now: float, owner: str) -> None:
    validity = Validity.at(now, owner)
    assert validity.issued_at <= now < validity.renewed_at
    assert validity.expires_at - now >= ROTATION_SECONDS
    assert validity.expires_at - validity.issued_at == 2 * ROTATION_SECONDS


def test_instances_rotate_at_different_moments() -> None:
    assert len({Validity.at(NOW, f"org.{number}").issued_at for number in range(100)}) > 90


def test_a_credentials_file_holds_the_users_token_and_seed() -> None:
    made = tenancy(KEYS, "paws", "petshop", now=NOW)
    lines = made.credentials.splitlines()
    claims = decoded(lines[lines.index("-----BEGIN NATS USER JWT-----") + 1])
    assert claims["iss"] == made.account
    assert claims["sub"] == KEYS.tenant_user("paws", "petshop").public
    assert (claims["iat"], claims["exp"]) == (made.validity.issued_at, made.validity.expires_at)
    assert lines[lines.index("-----BEGIN USER NKEY SEED-----") + 1] == KEYS.tenant_user("paws", "petshop").seed


def test_platform_and_system_credentials_never_expire() -> None:
    for credentials in (platform_credentials(KEYS), system_credentials(KEYS)):
        assert "exp" not in decoded(credentials.splitlines()[1])


def test_the_server_configuration_holds_no_seed_and_no_tenant() -> None:
    text = nats_configuration(KEYS, "/data/accounts")
    assert KEYS.operator_seed not in text
    assert KEYS.platform_account.seed not in text
    assert 'dir: "/data/accounts"' in text
    assert text.count("eyJ") >= 3


def test_tokens_that_differ_only_in_time_carry_the_same_claims() -> None:
    assert same_claims(platform_token(KEYS, 1), platform_token(KEYS, 2))
    assert platform_token(KEYS, 1) != platform_token(KEYS, 2)
    assert not same_claims(platform_token(KEYS), system_token(KEYS))


def test_of_two_tokens_of_an_account_the_one_with_the_newer_content_was_issued_later() -> None:
    """Servers of a cluster that have different ones keep the newer, and of two of one time they keep either."""
    before, again = (
        decoded(tenancy(KEYS, "paws", "petshop", now=NOW, incarnation=uid, created_at=at).account_token)["iat"]
        for uid, at in (("1", NOW), ("2", NOW + 1))
    )
    assert before < again
    assert before == decoded(tenancy(KEYS, "paws", "petshop", now=NOW + 9, created_at=NOW).account_token)["iat"]
    claims = decoded(tenancy(KEYS, "paws", "petshop", now=NOW).account_token)["nats"]
    digest = hashlib.sha256(json.dumps(claims, sort_keys=True).encode()).hexdigest()[:16]
    assert (CLAIMS_REVISION, digest) == (1, "1a23359ca41d0fab"), "the claims have changed: raise CLAIMS_REVISION"
