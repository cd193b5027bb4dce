"""Reports that would not fit the bus: their text is cut before they are journalled.

A journal may hold larger ones from before its reports had a bound. They can never be published, so the publisher
replaces each by one in the same place that fits.
"""

import json
from typing import Final

from oxy_core.envelopes import MAX_ENVELOPE_BYTES, MessageSeen, Report
from oxy_core.errors import ContractError
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import CUT, bounded_id

_CONTENT: Final = frozenset({"text", "push_name", "quoted_id"})
_BEGINNING: Final = 1_000


def fitting(report: Report, limit: int = MAX_ENVELOPE_BYTES) -> bytes:
    """Return the wire form of a report in at most `limit` bytes, cutting the text of its message if necessary."""
    envelope, body = report.encode(), report.body
    excess = len(envelope) - limit
    if excess <= 0 or not isinstance(body, MessageSeen) or body.text is None:
        return envelope
    # Each character takes one byte or more.
    kept = body.text[: max(0, len(body.text) - excess - len(CUT.encode()))]
    return report.model_copy(update={"body": body.model_copy(update={"text": kept + CUT})}).encode()


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
