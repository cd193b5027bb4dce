import nkeys
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from oxy_operator.bus.nkeys import PlatformKeys

KEYS = PlatformKeys.generate()
SLUG = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)


def test_keys_survive_serialisation() -> None:
    assert PlatformKeys.model_validate_json(KEYS.model_dump_json()) == KEYS


def test_two_installations_share_no_key() -> None:
    other = PlatformKeys.generate()
    assert other.operator.public != KEYS.operator.public
    assert other.tenant_account("a", "b").public != KEYS.tenant_account("a", "b").public


def test_the_same_names_give_the_same_key() -> None:
    again = PlatformKeys.model_validate(KEYS.model_dump())
    assert again.tenant_account("org", "pet").seed == KEYS.tenant_account("org", "pet").seed
    assert again.tenant_user("org", "pet").seed == KEYS.tenant_user("org", "pet").seed


@settings(deadline=None)
@given(SLUG, SLUG, SLUG, SLUG)
def test_different_names_give_different_keys(org: str, name: str, other_org: str, other_name: str) -> None:
    same_names = (org, name) == (other_org, other_name)
    same_keys = KEYS.tenant_account(org, name).public == KEYS.tenant_account(other_org, other_name).public
    assert same_names == same_keys


def test_an_organization_named_like_a_platform_part_gets_its_own_key() -> None:
    assert KEYS.tenant_account("platform", "platform").public != KEYS.platform_account.public


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        (KEYS.operator, "O"),
        (KEYS.system_account, "A"),
        (KEYS.platform_account, "A"),
        (KEYS.tenant_account("o", "i"), "A"),
        (KEYS.tenant_user("o", "i"), "U"),
        (KEYS.platform_user, "U"),
        (KEYS.system_user, "U"),
    ],
)
def test_a_public_key_shows_its_role(key: object, prefix: str) -> None:
    assert key.public[0] == prefix
    assert key.seed[:2] == f"S{prefix}"


def test_a_signature_verifies() -> None:
    assert nkeys.from_seed(KEYS.operator.seed.encode()).verify(b"data", KEYS.operator.sign(b"data"))


def test_seeds_do_not_show_in_representations() -> None:
    shown = repr(KEYS) + repr(KEYS.operator)
    assert KEYS.operator_seed not in shown
    assert KEYS.root_seed not in shown


@pytest.mark.parametrize("field", ["operator_seed", "root_seed"])
def test_a_damaged_seed_is_refused(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        PlatformKeys.model_validate({**KEYS.model_dump(), field: "damaged"})
