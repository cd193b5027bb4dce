import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.errors import FrameError, RequestError
from oxy_simulator.jid import Jid, parse_jid, phone_digits

USERS = st.text("0123456789", min_size=1, max_size=15)
SERVERS = st.sampled_from(["s.whatsapp.net", "lid", "g.us", "broadcast", "hosted.lid"])


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("5511999999999@s.whatsapp.net", Jid("5511999999999", "s.whatsapp.net")),
        ("105404437676098:12@lid", Jid("105404437676098", "lid", 12)),
        ("120363001234567890@g.us", Jid("120363001234567890", "g.us")),
        ("s.whatsapp.net", Jid("", "s.whatsapp.net")),
    ],
)
def test_a_jid_is_read_and_written_in_its_usual_forms(text: str, jid: Jid) -> None:
    assert parse_jid(text) == jid
    assert str(jid) == text


@given(USERS, SERVERS, st.integers(0, 255))
def test_writing_and_reading_a_jid_gives_the_same(user: str, server: str, device: int) -> None:
    jid = Jid(user, server, device)
    assert parse_jid(str(jid)) == jid
    assert parse_jid(str(jid.bare)) == Jid(user, server)


def test_a_device_that_is_no_number_is_refused() -> None:
    with pytest.raises(FrameError, match="not a number"):
        parse_jid("123:x@lid")


@pytest.mark.parametrize("phone", ["+5511987654321", "5511987654321"])
def test_phone_numbers_are_digits_inside(phone: str) -> None:
    assert phone_digits(phone) == "5511987654321"


@pytest.mark.parametrize("phone", ["", "11 98765-4321", "0551199", "+55", "x", "5" * 16])
def test_what_is_no_phone_number_is_refused_with_the_remedy(phone: str) -> None:
    with pytest.raises(RequestError, match=r"E\.164"):
        phone_digits(phone)
