"""Reports that would not fit the bus: their text is cut before they are journalled.

A journal may hold larger ones from before its reports had a bound. They can never be published, so the publisher
replaces each by one in the same place that fits.
"""

import json
from typing import Final

from oxy_core.content import PlaceholderReason
from oxy_core.envelopes import MAX_ENVELOPE_BYTES, MessageSeen, Report
from oxy_core.errors import ContractError
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import CUT, bounded_id

_CONTENT: Final = frozenset({"text", "push_name", "quoted_id", "details", "quote", "mentions", "preview", "file"})
_BEGINNING: Final = 1_000


def fitting(report: Report, limit: int = MAX_ENVELOPE_BYTES) -> bytes:
    """Return the wire form of a report in at most `limit` bytes, cutting what its message says if necessary."""
    envelope, body = report.encode(), report.body
    if len(envelope) <= limit or not isinstance(body, MessageSeen):
        return envelope
    body = _marked(body)
    excess = len(_encoded(report, body)) - limit
    if excess >= len((body.text or "").encode()):
        body = body.model_copy(update={"details": None, "quote": None, "mentions": (), "preview": None})
        excess = len(_encoded(report, body)) - limit
    return _encoded(report, _cut(body, excess) if excess > 0 else body)


def _encoded(report: Report, body: MessageSeen) -> bytes:
    return report.model_copy(update={"body": body}).encode()


def _marked(body: MessageSeen) -> MessageSeen:
    """Say that a message is cut."""
    reason = body.placeholder_reason or PlaceholderReason.TOO_LARGE
    length = body.original_length or len(body.text or "")
    return body.model_copy(update={"placeholder_reason": reason, "original_length": length})


def _cut(body: MessageSeen, excess: int) -> MessageSeen:
    """Cut a text by at least `excess` bytes; each character takes one or more."""
    text = body.text or ""
    kept = text[: max(0, len(text) - excess - len(CUT.encode()))]
    return body.model_copy(update={"text": kept + CUT})


def replacement(envelope: bytes) -> bytes:
    """Return a report in the place of one that is too large, without what its message says.

    If it is no report, return its beginning, which becomes a dead letter.
    """
    try:
        report = json.loads(envelope)
        body = {field: value for field, value in report["body"].items() if field not in _CONTENT}
        if "whatsapp_id" in body:
            body |= {"whatsapp_id": bounded_id(str(body["whatsapp_id"])), "kind": MessageKind.UNSUPPORTED.value}
        return Report.decode(json.dumps({**report, "body": body}).encode()).encode()
    except (ValueError, LookupError, AttributeError, ContractError):
        return envelope[:_BEGINNING]
