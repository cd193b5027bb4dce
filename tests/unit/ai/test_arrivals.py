"""Reports from the bus: decoded, checked, sorted."""

from datetime import UTC, datetime, timedelta

import pytest
from nats.aio.msg import Msg

from oxy_ai.engine.arrivals import in_journal_order, read_arrival
from oxy_ai.ids import instance_id, organization_id
from oxy_core.envelopes import (
    PUBLISHED_AGAIN_HEADER,
    REPLAYED_HEADER,
    WAITED_HEADER,
    ConnectionChanged,
    ConnectionState,
    MessageSeen,
    Report,
    ReportBody,
    Settled,
)
from oxy_core.errors import ContractError
from oxy_core.identity import Jid, new_id
from oxy_core.message_kinds import MessageKind
from oxy_core.trace import new_trace

NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
"""When the bus got all these messages."""

EPOCHS = [new_id() for _ in range(2)]


def calm(_: str) -> bool:
    """Nothing is an emergency."""
    return False


CONNECTED = ConnectionChanged(state=ConnectionState.CONNECTED)


def message(  # noqa: PLR0913 all but the numbers have defaults
    number: int,
    sequence: int,
    *,
    account: str = "A",
    epoch: int = 0,
    instance: str = "main",
    body: ReportBody = CONNECTED,
) -> Msg:
    report = Report(
        id=new_id(),
        organization="petshop",
        instance="main",
        journal_epoch=EPOCHS[epoch],
        journal_sequence=sequence,
        occurred_at="2026-11-22T10:00:00Z",
        trace=new_trace(),
        body=body,
    )
    reply = f"$JS.ACK.OXY_INBOUND.ingest.1.{number}.{number}.1700000000000000000.0"
    return Msg(_client=None, subject=f"oxy.in.{account}.{instance}", reply=reply, data=report.encode())  # type: ignore[arg-type]  # never sent


def seen(chat: str, **changes: object) -> MessageSeen:
    """A message in this chat."""
    values: dict[str, object] = {
        "whatsapp_id": "A",
        "chat": Jid.parse(chat),
        "sender": Jid.parse(chat),
        "from_me": False,
        "kind": MessageKind.TEXT,
        "text": "Oi",
        "sent_at": "2026-11-22T10:00:00Z",
        "chat_sequence": 1,
    }
    return MessageSeen.model_validate(values | changes)


def test_a_batch_is_sorted_by_journal_and_journals_by_their_first_appearance() -> None:
    arrivals = [
        read_arrival(message(5, 1, epoch=1)),
        read_arrival(message(4, 3)),
        read_arrival(message(1, 2)),
        read_arrival(message(6, 2, epoch=1)),
        read_arrival(message(9, 1, account="B")),
    ]
    ordered = in_journal_order(arrivals)
    assert [arrival.message.metadata.sequence.stream for arrival in ordered] == [1, 4, 5, 6, 9]


def test_a_report_from_another_instances_subject_is_refused() -> None:
    with pytest.raises(ContractError, match="another instance"):
        read_arrival(message(1, 1, instance="other"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\x00b", "ab"), ("\x00\x00", ""), ("\\u0000", "\\u0000"), ("\\\x00", "\\"), ("\\\\\x00x", "\\\\x")],
)
def test_only_the_character_that_postgresql_refuses_is_removed(text: str, expected: str) -> None:
    body = ConnectionChanged(state=ConnectionState.CONNECTED, reason=text)
    assert read_arrival(message(1, 1, body=body)).report.body == body.model_copy(update={"reason": expected})


def test_an_item_names_the_identities_that_its_envelope_claims() -> None:
    item = read_arrival(message(1, 1)).item(NOW, calm)
    assert item.account == "A"
    assert item.organization == organization_id("petshop")
    assert item.instance == instance_id("petshop", "main")
    assert item.report.journal_sequence == 1
    assert item.published_at == NOW


@pytest.mark.parametrize(
    ("chat", "alias", "phone", "key"),
    [
        ("5511987651111@s.whatsapp.net", None, "+5511987651111", "+551187651111"),
        ("98765@lid", "551187651111@s.whatsapp.net", "+551187651111", "+551187651111"),
        ("98765@lid", None, None, None),
        ("123-456@g.us", None, None, None),
    ],
    ids=["number", "hidden address with its number", "hidden address", "group"],
)
def test_an_item_has_the_number_that_an_address_of_the_chat_shows(
    chat: str, alias: str | None, phone: str | None, key: str | None
) -> None:
    body = seen(chat, chat_alias=None if alias is None else Jid.parse(alias))
    item = read_arrival(message(1, 1, body=body)).item(NOW, calm)
    assert (item.phone, item.phone_key) == (phone, key)


@pytest.mark.parametrize(
    ("delay", "header", "on_bus", "age"),
    [
        (None, None, 0, 60),  # an older pod: the difference of its clock and WhatsApp's
        (5.0, None, 0, 5),
        (5.0, "20.5", 7, 32.5),
        (5.0, None, -3, 5),  # the bus's clock was put back
        (0.0, "x", 0, 0),
        (0.0, "nan", 0, 0),
        (0.0, "-7", 0, 0),
        (0.0, "1e300", 0, 1e9),
    ],
)
def test_the_age_of_a_message_adds_up_durations_of_one_clock_each(
    delay: float | None, header: str | None, on_bus: float, age: float
) -> None:
    body = seen("123-456@g.us", sent_at="2026-11-22T09:59:00Z", delay_seconds=delay)
    carried = message(1, 1, body=body)
    carried.headers = None if header is None else {WAITED_HEADER: header}
    assert read_arrival(carried).item(NOW + timedelta(seconds=on_bus), calm).age_seconds == age


@pytest.mark.parametrize(("from_me", "age"), [(False, 0), (True, 86_400)])
def test_what_a_person_replays_is_answered_however_old_it_is(from_me: bool, age: float) -> None:  # noqa: FBT001 a case of the table
    carried = message(1, 1, body=seen("98765@lid", from_me=from_me, sent_at="2026-11-21T10:00:00Z"))
    carried.headers = {REPLAYED_HEADER: "1"}
    assert read_arrival(carried).item(NOW, calm).age_seconds == age


@pytest.mark.parametrize(
    ("headers", "settled"),
    [
        (None, None),
        ({PUBLISHED_AGAIN_HEADER: "answered"}, Settled.ANSWERED),
        ({PUBLISHED_AGAIN_HEADER: "of a newer version"}, Settled.UNKNOWN),
        ({PUBLISHED_AGAIN_HEADER: "answered", REPLAYED_HEADER: "1"}, None),
    ],
)
def test_what_a_pod_says_of_a_report_that_it_publishes_again(
    headers: dict[str, str] | None, settled: Settled | None
) -> None:
    carried = message(1, 1)
    carried.headers = headers
    assert read_arrival(carried).item(NOW, calm).settled is settled


@pytest.mark.parametrize(
    ("text", "changes", "urgent"),
    [
        ("veneno", {}, True),
        ("oi", {}, None),
        ("veneno", {"from_me": True}, None),
        ("veneno", {"forwarded": True}, None),
        ("veneno", {"kind": MessageKind.IMAGE}, True),
        (None, {}, None),
        ("x" * 65_000 + "veneno", {}, None),
    ],
)
def test_what_a_customer_writes_himself_is_looked_at_for_an_emergency(
    text: str | None,
    changes: dict[str, object],
    urgent: bool | None,  # noqa: FBT001 a column of the table
) -> None:
    body = seen("98765@lid", text=text, **changes)
    item = read_arrival(message(1, 1, body=body)).item(NOW, lambda said: said.endswith("veneno"))
    assert item.urgent is urgent
