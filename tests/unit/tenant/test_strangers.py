"""Whatever a stranger sends becomes a report that fits the bus, or is ignored; nothing raises."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.tenant.hostile import messages
from unit.tenant.messages import Clock
from unit.tenant.sessions import add_secret, audit_of, make_session
from unit.tenant.wire import ENVELOPES, MESSAGES, info, jid, message_event, named, nested, quoting, source

from oxy_core.content import PlaceholderReason
from oxy_core.envelopes import MAX_ENVELOPE_BYTES, MessageSeen, Report
from oxy_core.instance.settings import InboundSettings
from oxy_core.message_kinds import MessageKind
from oxy_core.message_limits import MAX_TEXT, MAX_WHATSAPP_ID
from oxy_core.trace import new_trace
from oxy_tenant.content.bounds import (
    CUT,
    bounded_id,
    bounded_jid,
    bounded_name,
    bounded_text,
    escaped,
    plausible_moment,
)
from oxy_tenant.content.classification import classify
from oxy_tenant.content.received import IncomingMessage, LeftOutMessage
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.oversized import fitting, replacement
from oxy_tenant.journal.seen import Circumstances, seen
from oxy_tenant.links.neonize.arrivals import LARGEST_MESSAGE, addresses_of, arrival_of, parse_message
from oxy_tenant.links.neonize.events import CopyRefused, copy_refused
from oxy_tenant.links.neonize.session_store import SessionStore
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.publishing.publisher import publishable

LONG = b"A" * (MAX_WHATSAPP_ID + 1)
BROKEN = b"A\xff\xfe"
UNCLEAN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What nothing that is reported contains."""

EVERYTHING = InboundSettings(groups=True, statuses=True)
OWN = OwnAccount(frozenset({"5511900000001", "999"}))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop", clock=Clock())
    yield journal
    journal.close()


def arrive(journal: Journal, event: bytes) -> None:
    """Do with an event what a session does."""
    message = parse_message(ENVELOPES, event)
    addresses_of(message.Info.MessageSource)
    received = classify(arrival_of(message, live=True), OWN, EVERYTHING)
    if not isinstance(received, LeftOutMessage):
        journal.inbound.receive(received)


def published(journal: Journal) -> list[MessageSeen]:
    """Return what the bus would get, as the platform reads it."""
    envelopes = [publishable(entry) for entry in journal.reports.waiting(0, 10_000)]
    assert all(len(envelope) <= MAX_ENVELOPE_BYTES for envelope in envelopes)
    bodies = [Report.decode(envelope).body for envelope in envelopes]
    return [body for body in bodies if isinstance(body, MessageSeen)]


def text(content: bytes) -> bytes:
    return named(MESSAGES.Message, "conversation", content)


STRINGS = st.one_of(
    st.binary(max_size=200), st.text(max_size=200).map(lambda value: value.encode(errors="replace")), st.just(LONG)
)
USERS = st.one_of(STRINGS, st.sampled_from([b"111", b"999", b"1.2", b"a:b", b"a@b", b""]))
ADDRESSES = st.builds(
    jid, USERS, st.sampled_from([b"lid", b"s.whatsapp.net", b"g.us", b"\xff", b""]), st.integers(0, 1 << 32 - 1)
)
CONTENTS = st.one_of(
    STRINGS.map(text),
    st.builds(quoting, STRINGS, STRINGS),
    st.builds(nested, STRINGS.map(text), st.integers(0, 120)),
    st.binary(max_size=400),
    st.just(text(b"\x01" * (MAX_TEXT + 9))),
    messages(),
    messages(),
)
SOURCES = st.builds(source, ADDRESSES, ADDRESSES, from_me=st.booleans())
EVENTS = st.builds(
    message_event, st.builds(info, STRINGS, STRINGS, st.integers(-(1 << 63), (1 << 63) - 1), SOURCES), CONTENTS
)


@settings(deadline=None, max_examples=80)
@given(events=st.lists(EVENTS, min_size=1, max_size=8))
def test_any_message_becomes_a_report_that_fits_or_is_ignored(
    tmp_path_factory: pytest.TempPathFactory, events: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    journal = Journal.open(path, organization="acme", instance="shop", clock=Clock())
    for event in events:
        arrive(journal, event)
    for message in published(journal):
        assert not any(UNCLEAN.search(value) for value in strings(message.model_dump()))
    journal.close()


@settings(deadline=None, max_examples=150)
@given(content=messages(), origin=st.builds(source, st.just(jid()), from_me=st.booleans()))
def test_any_content_is_read_reported_and_read_back(content: bytes, origin: bytes) -> None:
    arrival = arrival_of(parse_message(ENVELOPES, message_event(info(b"A", of=origin), content)), live=False)
    received = classify(arrival, OWN, EVERYTHING)
    if not isinstance(received, IncomingMessage):
        return
    readable = received.placeholder_reason is not PlaceholderReason.MALFORMED
    assert readable or arrival.message is None
    found = Circumstances(received.chat, 1, Clock().now, 0.0, received.source, UUID(int=1))
    report = Report(
        id=UUID(int=2),
        organization="acme",
        instance="shop",
        journal_epoch=UUID(int=3),
        journal_sequence=1,
        occurred_at=Clock().now,
        trace=new_trace(),
        body=seen(received, found),
    )
    wire = fitting(report)
    assert len(wire) <= MAX_ENVELOPE_BYTES
    body = Report.decode(wire).body
    assert isinstance(body, MessageSeen)
    assert body.kind is received.kind
    assert not any(UNCLEAN.search(value) for value in strings(body.model_dump()))
    if len(wire) == len(report.encode()):
        assert Report.decode(wire) == report


def strings(value: object) -> Iterator[str]:
    """Return every string in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from strings(one)


@pytest.mark.parametrize("whatsapp_id", [LONG, BROKEN, b"", b"A\0B", b"A\nB"])
def test_a_message_with_an_impossible_id_is_reported_once_under_its_hash(journal: Journal, whatsapp_id: bytes) -> None:
    for _ in range(2):
        arrive(journal, message_event(info(whatsapp_id), text(b"oi")))
    [message] = published(journal)
    assert (message.text, len(message.whatsapp_id)) == ("oi", 71)
    assert message.whatsapp_id.startswith("sha256:")


def test_a_quote_of_an_impossible_id_names_the_message_that_has_it(journal: Journal) -> None:
    arrive(journal, message_event(info(LONG), text(b"oi")))
    arrive(journal, message_event(info(b"B"), quoting(b"isso", LONG)))
    first, second = published(journal)
    assert second.quoted_id == first.whatsapp_id


def test_names_and_texts_that_are_not_utf8_or_too_long_are_cleaned_and_cut(journal: Journal) -> None:
    arrive(journal, message_event(info(b"A", BROKEN), text(b"oi \xff\0")))
    arrive(journal, message_event(info(b"B", b"N" * 10_000), text(b"\x01" * 700_000)))
    first, second = published(journal)
    assert (first.push_name, first.text) == ("A��", "oi ��")
    assert (len(second.push_name or ""), len(second.text or "")) == (256, MAX_TEXT)
    assert (second.text or "").endswith(CUT)


def test_a_message_nested_too_deeply_is_unsupported(journal: Journal) -> None:
    arrive(journal, message_event(info(b"A"), nested(text(b"oi"), 60)))
    [message] = published(journal)
    assert (message.whatsapp_id, message.kind, message.push_name) == ("A", MessageKind.UNSUPPORTED, "Ana")


def test_a_message_of_countless_parts_takes_no_memory_for_each(journal: Journal) -> None:
    options = named(MESSAGES.PollCreationMessage, "options", b"")
    large, larger = (
        named(MESSAGES.Message, "pollCreationMessage", options * (size // len(options)))
        for size in (LARGEST_MESSAGE - 1_000, LARGEST_MESSAGE)
    )
    # The library repeats the message at the end of its event.
    event = message_event(info(b"A"), large) + named(ENVELOPES.Message, "Raw", large)
    assert not parse_message(ENVELOPES, event).HasField("Raw")
    arrive(journal, event)
    arrive(journal, message_event(info(b"B"), larger) + named(ENVELOPES.Message, "Raw", larger))
    assert [message.kind for message in published(journal)] == [MessageKind.POLL, MessageKind.UNSUPPORTED]


@pytest.mark.parametrize("timestamp", [-1, 0, 1, 253_402_300_800_000, (1 << 63) - 1, -(1 << 63)])
def test_an_absurd_time_is_replaced_by_the_time_of_arrival(journal: Journal, timestamp: int) -> None:
    assert plausible_moment(timestamp) is None
    arrive(journal, message_event(info(b"A", timestamp=timestamp), text(b"oi")))
    assert published(journal)[0].sent_at == Clock().now


@pytest.mark.parametrize(("user", "server"), [("1.2", "lid"), ("a:b", "lid"), ("a@b", "lid"), ("", "lid"), ("1", "L!")])
def test_an_address_that_could_not_be_read_back_is_replaced(user: str, server: str) -> None:
    address = bounded_jid(user, server, 1 << 31)
    assert type(address).parse(str(address)) == address
    assert address == bounded_jid(user, server)


def test_an_audit_meets_the_same_impossible_ids_in_the_library_store(journal: Journal, tmp_path: Path) -> None:
    make_session(tmp_path / "session.db")
    audit = audit_of(journal, SessionStore(tmp_path))
    arrive(journal, message_event(info(LONG), text(b"oi")))
    arrive(journal, message_event(info(BROKEN), text(b"oi")))
    for whatsapp_id in (LONG, BROKEN, LONG + b"lost"):
        add_secret(tmp_path / "session.db", whatsapp_id, b"s" * 32)
    assert audit.audit_store() == 1
    assert audit.audit_store() == 0
    assert published(journal)[-1].whatsapp_id == bounded_id(LONG + b"lost")


def test_a_warning_that_is_not_utf8_is_read() -> None:
    warning = b"Ignoring message " + BROKEN + b" from 111@lid: failed: received message with old counter"
    found = copy_refused(escaped(warning))
    assert isinstance(found, CopyRefused)
    assert bounded_id(found.whatsapp_id) == bounded_id(BROKEN)


def test_a_report_that_would_not_fit_loses_the_end_of_its_text(journal: Journal) -> None:
    arrive(journal, message_event(info(b"A"), text("é\x01".encode() * 1_000)))
    [entry] = journal.reports.waiting(0, 1)
    report = Report.decode(entry.envelope)
    for limit in (len(entry.envelope), len(entry.envelope) - 1, 3_000, 1_000):
        cut = fitting(report, limit)
        assert len(cut) <= limit
        assert Report.decode(cut).journal_sequence == 1


def test_a_menu_that_would_not_fit_loses_its_choices_but_not_its_text(journal: Journal) -> None:
    row = {"title": "😀" * 2_000, "description": "😀" * 2_000, "rowID": "r"}
    menu = MESSAGES.ListMessage(description="Qual?", sections=[{"title": "😀" * 2_000, "rows": [row] * 64}])
    arrive(journal, message_event(info(b"A"), MESSAGES.Message(listMessage=menu).SerializeToString()))
    [message] = published(journal)
    assert (message.kind, message.text, message.details) == (MessageKind.LIST, "Qual?", None)
    assert message.placeholder_reason is PlaceholderReason.TOO_LARGE


def test_a_journalled_report_that_is_too_large_is_replaced_in_its_place(journal: Journal) -> None:
    arrive(journal, message_event(info(b"A"), text(b"oi")))
    [entry] = journal.reports.waiting(0, 1)
    report = json.loads(entry.envelope)
    report["body"] |= {"quoted_id": "Q" * MAX_ENVELOPE_BYTES, "whatsapp_id": "W" * 500}
    placeholder = Report.decode(replacement(json.dumps(report).encode()))
    assert isinstance(placeholder.body, MessageSeen)
    assert (placeholder.id, placeholder.journal_sequence) == (Report.decode(entry.envelope).id, 1)
    assert (placeholder.body.kind, placeholder.body.chat_sequence) == (MessageKind.UNSUPPORTED, 1)
    assert (placeholder.body.text, placeholder.body.quoted_id) == (None, None)
    assert replacement(b"x" * 5_000) == b"x" * 1_000


def test_text_keeps_what_it_can() -> None:
    assert bounded_text("a\0b") == "a�b"
    assert bounded_text("\ud800") == "?"
    assert bounded_name(b"-") is None
    assert bounded_name(" \n\u200e ") is None
    assert bounded_id("3EB0") == "3EB0"
