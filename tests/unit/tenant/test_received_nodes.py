"""Receipts and changed numbers, as they stand in the library's log."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.tenant.wire import ENVELOPES

from oxy_core.identity import Jid
from oxy_core.report_bodies import ReceiptKind
from oxy_tenant.links.events import ChangedNumber, Receipts
from oxy_tenant.links.neonize.received_nodes import (
    LONGEST_NODE,
    event_of,
    is_node_entry,
    is_received_entry,
    is_unimportant_entry,
)
from oxy_tenant.own_account import OwnAccount

ACCOUNT = OwnAccount(frozenset({"999", "5511900000001"}))
ANA = Jid.parse("111@lid")
MOMENT = 1_772_366_400
AT = datetime.fromtimestamp(MOMENT, UTC)


def read(node: str) -> Receipts | ChangedNumber | None:
    return event_of(node, ACCOUNT.owns)


def node(**changes: str | None) -> str:
    """Return a receipt as whatsmeow prints it."""
    attributes = {"from": "111:3@lid", "id": "3EB0", "t": str(MOMENT), **changes}
    shown = sorted(f'{name}="{value}"' for name, value in attributes.items() if value is not None)
    return f"<receipt {' '.join(shown)}/>"


def entry(text: str, logger: str = "Client/Recv", level: str = "DEBUG") -> bytes:
    encoded: bytes = ENVELOPES.LogEntry(Message=text, Level=level, Name=logger).SerializeToString()
    return encoded


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        (None, ReceiptKind.DELIVERED),
        ("inactive", ReceiptKind.DELIVERED),
        ("read", ReceiptKind.READ),
        ("played", ReceiptKind.PLAYED),
    ],
)
def test_what_a_contact_received_read_and_played(kind: str | None, meaning: ReceiptKind) -> None:
    assert read(node(type=kind)) == Receipts(meaning, ("3EB0",), ANA, ANA, AT)


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [("sender", ReceiptKind.DELIVERED), ("read-self", ReceiptKind.READ), ("played-self", ReceiptKind.PLAYED)],
)
def test_what_our_own_devices_received_read_and_played(kind: str, meaning: ReceiptKind) -> None:
    found = read(node(type=kind, **{"from": "999@lid"}, recipient="111@lid"))
    assert found == Receipts(meaning, ("3EB0",), ANA, Jid.parse("999@lid"), AT, from_me=True, by_phone=True)
    companion = read(node(type=kind, **{"from": "999:3@lid"}, recipient="111@lid"))
    assert companion == Receipts(meaning, ("3EB0",), ANA, Jid.parse("999@lid"), AT, from_me=True)


@pytest.mark.parametrize("kind", ["retry", "server-error", "hist_sync", "peer_msg", "view", "whatever is new", "read "])
def test_receipts_of_other_and_unknown_types_are_passed_over(kind: str) -> None:
    assert read(node(type=kind)) is None


def test_one_receipt_for_several_messages() -> None:
    items = '<item id="B"/><item id="A"/><item id="C"/>'
    found = read(f'<receipt from="111@lid" id="A" t="{MOMENT}" type="read"><list>{items}</list></receipt>')
    assert isinstance(found, Receipts)
    assert found.whatsapp_ids == ("A", "B", "C")


def test_a_receipt_in_a_group_names_who_sent_it() -> None:
    found = read(node(**{"from": "120363@g.us"}, participant="222:1@lid"))
    assert isinstance(found, Receipts)
    assert (found.chat, found.by) == (Jid.parse("120363@g.us"), Jid.parse("222@lid"))
    for own, by_phone in (("999@lid", True), ("999:3@lid", False)):
        ours = read(node(**{"from": "120363@g.us"}, participant=own, type="read-self"))
        assert isinstance(ours, Receipts)
        assert (ours.by, ours.by_phone) == (Jid.parse("999@lid"), by_phone)


def test_other_content_of_a_receipt_is_passed_over() -> None:
    found = read(f'<receipt from="111@lid" id="A" t="{MOMENT}" type="read"><biz reason="1"/></receipt>')
    assert isinstance(found, Receipts)
    assert found.whatsapp_ids == ("A",)


@pytest.mark.parametrize("moment", ["", "x", "-1", "9" * 40, "١٢٣"])
def test_an_absurd_time_of_a_receipt_is_unknown(moment: str) -> None:
    found = read(node(t=moment))
    assert isinstance(found, Receipts)
    assert found.at is None


@pytest.mark.parametrize(
    "hostile",
    [
        node(id='A" from="222@lid'),  # a second sender
        node(id='A" type="read'),  # out of order: it would stand before the time
        node(id="A<list>"),
        node(id='A"/><receipt from="222@lid" id="B'),
        node(id=""),
        node(id=None),
        node(**{"from": "nonsense"}),
        node(**{"from": None}),
        node().removesuffix("/>"),
        node() + "x",
        "<receipt />",
        "<receipt>",
        '<receipts id="A"/>',
        node(id="A" * LONGEST_NODE),
        '<receipt from="1@g.us" id="A" t="1"><participants key="A"><user jid="2@lid" t="1"/></participants></receipt>',
    ],
)
def test_ambiguous_and_malformed_receipts_are_passed_over(hostile: str) -> None:
    assert read(hostile) is None


def test_what_a_hostile_id_adds_to_a_receipt_changes_neither_chat_nor_sender() -> None:
    found = read(node(id='A" participant="222@lid" recipient="333@lid'))
    assert isinstance(found, Receipts)
    assert (found.chat, found.by, found.from_me) == (ANA, ANA, False)


@given(
    st.one_of(st.text(max_size=120), st.text(alphabet='<>/" =abcdefilmnoprst', max_size=120).map("<receipt ".__add__))
)
def test_no_node_raises(text: str) -> None:
    read(text)
    read(f'<receipt from="111@lid" id="{text}" t="1"/>')
    read(f'<notification from="1@lid" id="A" type="contacts"><modify new="{text}" old="{text}"/></notification>')


CHANGE = (
    '<notification from="5511911111111@s.whatsapp.net" id="1" t="1772366400" type="contacts">'
    '<modify new="5511922222222@s.whatsapp.net" new_lid="222@lid" '
    'old="5511911111111@s.whatsapp.net" old_lid="111@lid"/>'
    "</notification>"
)


def test_a_contact_who_changed_the_number() -> None:
    old, new = Jid.parse("5511911111111@s.whatsapp.net"), Jid.parse("5511922222222@s.whatsapp.net")
    assert read(CHANGE) == ChangedNumber(old, new, AT, ANA, Jid.parse("222@lid"))
    without = CHANGE.replace(' new_lid="222@lid"', "").replace(' old_lid="111@lid"', "")
    assert read(without) == ChangedNumber(old, new, AT)


@pytest.mark.parametrize(
    "other",
    [
        CHANGE.replace("contacts", "picture"),
        CHANGE.replace("modify", "add"),
        CHANGE.replace(' old="5511911111111@s.whatsapp.net"', ""),
        CHANGE.replace("</notification>", "<modify/></notification>"),
        # A name that contains quotes, as if it ended the notification.
        CHANGE.replace(' t="', ' notify="x" type="contacts"><modify new="3@lid" old="4@lid"/></notification>" t="'),
    ],
)
def test_other_notifications_are_passed_over(other: str) -> None:
    assert read(other) is None


def test_nearly_all_entries_of_the_log_are_rejected_unread() -> None:
    assert is_received_entry(entry(node()))
    assert is_node_entry(entry(node()))
    assert is_node_entry(entry(CHANGE))
    assert is_node_entry(entry(f"<receipt {'x' * 20_000}/>"))
    for other in (
        entry(node(), "Client"),  # a line that quotes what somebody sent
        entry(node(), "Client/Send"),
        entry('<message id="1"/>'),
        entry(f"quoted: {node()}"),
        entry(""),
        b"",
    ):
        assert not (is_received_entry(other) and is_node_entry(other))


@pytest.mark.parametrize(
    ("level", "unimportant"), [("DEBUG", True), ("INFO", True), ("WARN", False), ("ERROR", False), ("NEW", False)]
)
def test_warnings_are_read(level: str, *, unimportant: bool) -> None:
    for logger in ("Client", "Client/Recv", "Database", "Client/Socket"):
        assert is_unimportant_entry(entry("text", logger, level)) is unimportant
