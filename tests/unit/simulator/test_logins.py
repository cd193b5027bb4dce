"""What the simulator keeps of each login, and which logins it refuses."""

import pytest
from unit.simulator.memory import BOT, World

from oxy_simulator import linking
from oxy_simulator.curve import KeyPair
from oxy_simulator.errors import ProtocolError, RequestError
from oxy_simulator.logins import KEPT_LOGINS, LoginBook, describe_device, parse_version
from oxy_simulator.proto.handshake_pb2 import ClientPayload
from oxy_simulator.proto.pairing_pb2 import DeviceProps


def outcomes(world: World) -> list[str]:
    return [login.outcome for login in world.network.state.logins.of(BOT)]


def test_linking_and_logging_in_are_recorded_with_what_the_client_said(world: World) -> None:
    client = world.linked()
    client.log_in()
    link, login = world.network.state.logins.of(BOT)
    assert (link.kind, link.outcome, link.device) == ("link", "accepted", 1)
    assert (login.kind, login.outcome, login.device, login.at) == ("login", "accepted", 1, world.clock.now)
    assert (login.version, login.platform, login.passive) == ("2.3000.1023223821", "WEB", True)
    assert login.connect_reason == "USER_ACTIVATED"


@pytest.mark.parametrize(("version", "passes"), [((2, 3000, 5), True), ((2, 3000, 4), False), ((2, 2412, 9), False)])
def test_a_version_below_the_floor_is_outdated(world: World, version: tuple[int, int, int], passes: bool) -> None:  # noqa: FBT001 - a table's column
    client = world.linked()
    world.network.state.version_floor = (2, 3000, 5)
    client.version = version
    (answer,) = client.log_in()
    assert (answer.tag, answer.attrs.get("reason")) == (("success", None) if passes else ("failure", "405"))
    assert outcomes(world)[-1].startswith("accepted" if passes else "405 version 2.")


def test_an_outdated_client_gets_no_qr_codes(world: World) -> None:
    client = world.client()
    client.version = (2, 2412, 54)
    client.register()
    (failure,) = client.received()
    assert failure.text("reason") == "405"
    assert client.outbox.ended == "closed after a pause"
    assert not world.network.refs


def test_each_wrong_login_says_in_the_book_what_was_wrong(world: World) -> None:
    client = world.linked()
    device, number = client.jid.device, client.jid.user
    client.jid = client.jid._replace(device=device + 1)
    assert client.log_in()[0].text("reason") == "401"
    client.jid = client.jid._replace(device=device, user="5511999999999")
    assert client.log_in()[0].text("reason") == "401"
    client.jid = client.jid._replace(user=number)
    client.noise_key = KeyPair.generate()
    assert client.log_in()[0].text("reason") == "401"
    assert outcomes(world) == ["accepted", "401 the device is not linked", "401 the device has another Noise key"]
    (unknown,) = world.network.state.logins.of("5511999999999")
    assert unknown.outcome == "401 the account is unknown"
    linking.forget_device(world.network, world.bot, device)
    assert client.log_in()[0].text("reason") == "401"


def test_the_device_description_names_browser_and_history() -> None:
    history = DeviceProps.HistorySyncConfig(full_sync_days_limit=30, inline_initial_payload_in_e2ee_msg=True)
    props = DeviceProps(os="Ubuntu", platform_type=1, require_full_sync=True, history_sync_config=history)
    described = describe_device(props.SerializeToString())
    assert (described.os, described.browser, described.version) == ("Ubuntu", "CHROME", "0.0.0")
    assert (described.full_history, described.full_days, described.recent_days) == (True, 30, None)
    assert described.inline_history
    with pytest.raises(ProtocolError, match="device properties"):
        describe_device(b"\xff\xff")


def test_a_version_is_three_numbers() -> None:
    assert parse_version("2.3000.17") == (2, 3000, 17)
    for text in ("", "2.3000", "2.3000.x", "2.3000.1.1"):
        with pytest.raises(RequestError, match=r"2\.3000\.1023223821"):
            parse_version(text)


def test_the_book_forgets_the_oldest() -> None:
    book = LoginBook()
    for _ in range(KEPT_LOGINS + 2):
        book.record(ClientPayload(), at=0.0, kind="login", phone=BOT)
    assert [book.logins[0].number, len(book.logins)] == [3, KEPT_LOGINS]
