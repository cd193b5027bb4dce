import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from oxy_core.identity import Jid, OrganizationName, Phone, mask, new_id, phone_key, same_phone

users = st.from_regex(r"[0-9]{5,20}", fullmatch=True)
servers = st.sampled_from(["s.whatsapp.net", "lid", "g.us", "broadcast", "newsletter"])


@given(users, servers, st.integers(0, 99))
def test_a_jid_reads_back_what_it_writes(user: str, server: str, device: int) -> None:
    jid = Jid(user=user, server=server, device=device)
    assert Jid.parse(str(jid)) == jid


@pytest.mark.parametrize("text", ["", "@", "5511", "5511@", "@lid", "a b@", "5511:x@lid", "5511@LID", "1@lid\n"])
def test_anything_but_a_jid_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="not a JID"):
        Jid.parse(text)


def test_a_phone_and_its_jid_name_each_other() -> None:
    assert Jid.of_phone("+5511999990000").phone == "+5511999990000"
    assert Jid.parse("123456789012345@lid").phone is None


def test_bare_drops_the_device_only() -> None:
    assert str(Jid.parse("5511:7@s.whatsapp.net").bare) == "5511@s.whatsapp.net"


@pytest.mark.parametrize(
    ("text", "shown"), [("+5511999991234", "…1234"), ("5511999991234@lid", "…1234@lid"), ("", "…")]
)
def test_masked_addresses_show_four_digits(text: str, shown: str) -> None:
    assert mask(text) == shown


@pytest.mark.parametrize("name", ["a", "pet-shop", "a" * 40, "0x"])
def test_good_names(name: str) -> None:
    assert TypeAdapter(OrganizationName).validate_python(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a.b", "a" * 41, "a*", "a>", "a\n"])
def test_names_that_would_break_subjects_or_labels_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(OrganizationName).validate_python(name)


@pytest.mark.parametrize(
    "number", ["5511999990000", "+0511999990000", "+55 11 99999", "+551199999000000000", "+55119x"]
)
def test_phones_that_are_not_e164_are_refused(number: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Phone).validate_python(number)


def test_ids_come_in_order() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {7}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+5511987651111", "+5511987651111", True),
        ("+5511987651111", "+551187651111", True),
        ("+551187651111", "+5511987651111", True),
        ("+5511987651111", "+5511887651111", False),
        ("+5521987651111", "+551187651111", False),
        ("+351912345678", "+35112345678", False),
        # A landline is not the mobile that shares its last eight digits.
        ("+5511932221111", "+551132221111", False),
        ("+14155550100", "+14155550100", True),
    ],
)
def test_brazilian_mobiles_are_the_same_with_and_without_the_ninth_digit(one: str, other: str, same: bool) -> None:  # noqa: FBT001 a parametrized value
    assert same_phone(one, other) is same


@pytest.mark.parametrize(
    ("phone", "key"),
    [
        ("+5511987651111", "+551187651111"),
        ("+551187651111", "+551187651111"),
        ("+5511612340001", "+5511612340001"),
        ("+5511912340001", "+5511912340001"),
        ("+5511932221111", "+5511932221111"),
        ("+5511887651111", "+5511887651111"),
        ("+351912345678", "+351912345678"),
        ("+14155550100", "+14155550100"),
    ],
)
def test_numbers_of_one_account_have_one_key(phone: str, key: str) -> None:
    assert phone_key(phone) == key
