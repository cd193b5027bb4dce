import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oxy_core.envelopes import (
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
from oxy_core.identity import Jid, new_id
from oxy_core.message_kinds import MessageKind
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
)


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
    with pytest.raises(NewerVersionError, match="Report of version 3"):
        Report.decode(json.dumps(document | {"version": 3} | change).encode())


@pytest.mark.parametrize("field", ["whatsapp_id", "quoted_id", "push_name"])
def test_what_a_stranger_chooses_is_bounded(field: str) -> None:
    seen = {
        "whatsapp_id": "A",
        "chat": "1@lid",
        "sender": "1@lid",
        "from_me": False,
        "kind": "text",
        "sent_at": "2026-01-01T00:00:00Z",
        "chat_sequence": 1,
    }
    with pytest.raises(ValidationError, match=field):
        MessageSeen.model_validate(seen | {field: "x" * 1_000})


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
