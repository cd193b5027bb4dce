import json
from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oxy_core.content import Details
from oxy_core.envelopes import (
    VERSION,
    ConnectionChanged,
    ConnectionState,
    MessageSeen,
    Report,
    ReportBody,
    SendOutcome,
    SendRequest,
    SendResult,
)
from oxy_core.errors import ContractError, NewerVersionError
from oxy_core.event_names import PHONE_OFFLINE
from oxy_core.identity import Jid, new_id
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import InstanceEvent
from oxy_core.trace import child_of, new_trace, trace_bound, trace_id

moments = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 hypothesis adds the zone
bodies = st.one_of(
    st.builds(
        MessageSeen,
        whatsapp_id=st.text(min_size=1, max_size=40),
        chat=st.just(Jid.parse("1@lid")),
        sender=st.just(Jid.parse("1:3@lid")),
        from_me=st.booleans(),
        kind=st.just(MessageKind.TEXT),
        text=st.text(max_size=500),
        sent_at=moments,
        chat_sequence=st.integers(1, 10**9),
    ),
    st.builds(SendResult, request_id=st.uuids(), outcome=st.sampled_from(SendOutcome), error=st.none() | st.text()),
    st.builds(ConnectionChanged, state=st.sampled_from(ConnectionState), reason=st.none() | st.text()),
    st.builds(
        InstanceEvent,
        name=st.just(PHONE_OFFLINE),
        at=moments,
        facts=st.dictionaries(
            st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
            st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=200),
            max_size=16,
        ),
    ),
)


SEEN = {
    "whatsapp_id": "A",
    "chat": "1@lid",
    "sender": "1@lid",
    "from_me": False,
    "kind": "text",
    "sent_at": "2026-01-01T00:00:00Z",
    "chat_sequence": 1,
}
TARGET = {"whatsapp_id": "B", "from_me": True}
DETAILS: list[tuple[str, dict[str, object]]] = [
    ("location", {"type": "place", "latitude": -23.5, "longitude": -46.6, "name": "Casa"}),
    ("contacts", {"type": "cards", "cards": [{"name": "Ana", "numbers": [{"number": "+55 11"}]}], "total": 1}),
    ("poll", {"type": "poll", "options": ["a", "b"], "total": 2, "selectable": 1}),
    ("vote", {"type": "vote", "target": TARGET, "options": ["a"]}),
    ("reaction", {"type": "reaction", "target": TARGET, "emoji": "👍"}),
    ("edit", {"type": "edit", "target": TARGET, "kind": "image"}),
    ("revoke", {"type": "revoke", "target": TARGET}),
    ("list", {"type": "menu", "choices": [{"id": "1", "title": "Banho", "section": "Serviços"}], "total": 1}),
    ("list_reply", {"type": "choice", "target": TARGET, "id": "1", "parameters": "{}"}),
    ("order", {"type": "order", "order_id": "9", "items": 2, "amount": 60_000, "currency": "BRL"}),
    ("product", {"type": "product", "product_id": "9", "title": "Ração", "owner": "1@lid"}),
    ("payment", {"type": "payment", "action": "requested", "amount": 60_000, "target": TARGET}),
    ("missed_call", {"type": "call", "video": True, "call_id": "C"}),
    ("notice", {"type": "notice", "name": "pinned", "target": TARGET}),
    ("invite", {"type": "invite", "to": "group", "chat": "1@g.us", "code": "x"}),
    ("event", {"type": "event", "starts_at": "2026-01-01T00:00:00Z", "cancelled": True}),
    ("event_reply", {"type": "event_answer", "target": TARGET, "response": "going"}),
    ("album", {"type": "album", "images": 2}),
    ("sticker_pack", {"type": "sticker_pack", "name": "Gatos", "stickers": 3}),
    ("unknown", {"type": "unknown", "name": "field_9"}),
]


def report(body: ReportBody) -> Report:
    return Report(
        id=new_id(),
        organization="pets",
        instance="shop",
        journal_epoch=UUID(int=7),
        journal_sequence=3,
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        trace=new_trace(),
        body=body,
    )


@given(bodies)
def test_a_report_reads_back_what_it_writes(body: ReportBody) -> None:
    sent = report(body)
    assert Report.decode(sent.encode()) == sent


def test_a_report_is_known_by_its_own_id_not_by_its_place_which_an_older_copy_uses_again() -> None:
    sent = report(ConnectionChanged(state=ConnectionState.CONNECTED))
    assert sent.message_id == f"shop:{sent.id}"
    assert Report.decode(sent.encode()).message_id == sent.message_id
    assert sent.model_copy(update={"id": UUID(int=9)}).message_id != sent.message_id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": 0}, "version"),
        ({"journal_sequence": 0}, "journal_sequence"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
        ({"organization": "a.b"}, "organization"),
        ({"body": {"type": "teleport"}}, "body"),
        ({"trace": "00-zz"}, "trace"),
    ],
)
def test_what_breaks_the_contract_is_named_and_never_quoted(change: dict[str, object], field: str) -> None:
    good = json.loads(report(ConnectionChanged(state=ConnectionState.CONNECTED, reason="secret")).encode())
    with pytest.raises(ContractError, match=field) as caught:
        Report.decode(json.dumps(good | change).encode())
    assert "secret" not in str(caught.value)


def test_fields_of_a_newer_release_are_ignored_in_reading_and_refused_in_writing() -> None:
    sent = report(ConnectionChanged(state=ConnectionState.CONNECTED))
    document = json.loads(sent.encode())
    document["added"] = 1
    document["body"]["added"] = {"deep": True}
    assert Report.decode(json.dumps(document).encode()) == sent
    with pytest.raises(ValidationError, match="added"):
        Report.model_validate(document)


@pytest.mark.parametrize("change", [{}, {"body": {"type": "teleport"}}, {"trace": None}])
def test_a_newer_version_is_distinguished_from_rubbish_whatever_it_contains(change: dict[str, object]) -> None:
    document = json.loads(report(ConnectionChanged(state=ConnectionState.CONNECTED)).encode())
    with pytest.raises(NewerVersionError, match=f"Report of version {VERSION + 1}"):
        Report.decode(json.dumps(document | {"version": VERSION + 1} | change).encode())


@pytest.mark.parametrize("field", ["whatsapp_id", "quoted_id", "push_name"])
def test_what_a_stranger_chooses_is_bounded(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        MessageSeen.model_validate(SEEN | {field: "x" * 1_000})


def test_each_shape_of_content_is_tested() -> None:
    shapes = {get_args(part.model_fields["type"].annotation)[0] for part in get_args(get_args(Details)[0])}
    assert {str(details["type"]) for _, details in DETAILS} == shapes


@pytest.mark.parametrize(("kind", "details"), DETAILS, ids=[kind for kind, _ in DETAILS])
def test_a_message_of_any_shape_reads_back_and_is_for_readers_of_version_2(
    kind: str, details: dict[str, object]
) -> None:
    seen = MessageSeen.model_validate(SEEN | {"kind": kind, "details": details})
    sent = report(seen)
    read = Report.decode(sent.encode())
    assert (read, read.body, read.version) == (sent, seen, 2)
    body = json.loads(sent.encode())["body"]
    assert details.items() <= body["details"].items() or kind in {"contacts", "list"}


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ({}, 1),
        ({"kind": "unsupported"}, 1),
        ({"source": "companion", "offline": True, "ephemeral_seconds": 60}, 1),
        ({"quote": {"whatsapp_id": "B"}, "mentions": ["1@lid"], "preview": {"url": "https://a.example"}}, 1),
        ({"kind": "image"}, 2),
        ({"chat_type": "group"}, 2),
        ({"source": "away"}, 2),
        ({"before_pairing": True}, 2),
    ],
)
def test_what_older_readers_would_misunderstand_is_not_for_them(change: dict[str, object], version: int) -> None:
    assert report(MessageSeen.model_validate(SEEN | change)).version == version


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"\xff\xfe", b"{", b"1" * 100_000])
def test_rubbish_is_a_contract_error(data: bytes) -> None:
    with pytest.raises(ContractError):
        SendRequest.decode(data)


def test_spans_of_one_trace_share_its_id() -> None:
    root = new_trace()
    assert trace_id(child_of(root)) == trace_id(root)
    assert child_of(root) != root
    assert trace_id(child_of(None)) != trace_id(root)


def test_a_trace_is_bound_to_the_log_lines_of_its_message_alone() -> None:
    parent = new_trace()
    with trace_bound(parent):
        assert structlog.contextvars.get_contextvars()["trace_id"] == trace_id(parent)
    with trace_bound(None):
        assert "trace_id" not in structlog.contextvars.get_contextvars()
