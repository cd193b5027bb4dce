import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.errors import FrameError, RequestError
from oxy_simulator.jid import STATUS_JID, Jid, parse_jid, phone_digits

USERS = st.text("0123456789", min_size=1, max_size=15)
SERVERS = st.sampled_from(
    [
        "s.whatsapp.net",
        "lid",
        "g.us",
        "broadcast",
        "newsletter",
        "hosted",
        "hosted.lid",
        "c.us",
        "bot",
        "msgr",
        "interop",
    ]
)


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("5511999999999@s.whatsapp.net", Jid("5511999999999", "s.whatsapp.net")),
        ("105404437676098:12@lid", Jid("105404437676098", "lid", 12)),
        ("120363001234567890@g.us", Jid("120363001234567890", "g.us")),
        ("s.whatsapp.net", Jid("", "s.whatsapp.net")),
        ("5511999999999.2:12@s.whatsapp.net", Jid("5511999999999", "s.whatsapp.net", 12, 2)),
        ("status@broadcast", STATUS_JID),
        ("120363144038483540@newsletter", Jid("120363144038483540", "newsletter")),
    ],
)
def test_a_jid_is_read_and_written_in_its_usual_forms(text: str, jid: Jid) -> None:
    assert parse_jid(text) == jid
    assert str(jid) == text


@given(USERS, SERVERS, st.integers(0, 65535), st.integers(0, 255))
def test_writing_and_reading_a_jid_gives_the_same(user: str, server: str, device: int, agent: int) -> None:
    jid = Jid(user, server, device, agent)
    assert parse_jid(str(jid)) == jid
    assert parse_jid(str(jid.bare)) == Jid(user, server)


@pytest.mark.parametrize("text", ["123:x@lid", "123.x:1@lid", "123.1:@lid", "123.:1@lid"])
def test_a_device_or_agent_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(FrameError, match="not a number"):
        parse_jid(text)


@pytest.mark.parametrize("phone", ["+5511987654321", "5511987654321"])
def test_phone_numbers_are_digits_inside(phone: str) -> None:
    assert phone_digits(phone) == "5511987654321"


@pytest.mark.parametrize("phone", ["", "11 98765-4321", "0551199", "+55", "x", "5" * 16])
def test_what_is_no_phone_number_is_refused_with_the_remedy(phone: str) -> None:
    with pytest.raises(RequestError, match=r"E\.164"):
        phone_digits(phone)
