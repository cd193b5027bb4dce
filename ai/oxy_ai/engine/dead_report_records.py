"""Dead reports in the database: that there was one, for the ledger and the owner. The bus keeps the report itself."""

import hashlib
from typing import Final

import structlog
from nats.js import JetStreamContext

from oxy_ai.engine.dead_reports import DeadReport, publish_dead_report
from oxy_ai.engine.outages import is_data_error, report_failure
from oxy_ai.engine.store import DeadReportRecord, Engine
from oxy_ai.engine.unstorable import body_of, is_forgotten
from oxy_ai.records import DeadReportRow
from oxy_ai.sanitize import storable_text
from oxy_core import subjects
from oxy_core.jetstream import DEAD_LETTER_STREAM

MAX_NAME: Final = 200
"""Most characters of a message's id or chat, which nobody has checked in a report that cannot be read."""

MAX_ERROR: Final = 500
"""Most characters of an error in the database."""

log = structlog.get_logger()


async def bury(jetstream: JetStreamContext, engine: Engine, report: DeadReport) -> None:
    """Keep a report as a dead letter, then record it; raises the error of an outage, and may then be repeated.

    One of somebody who was forgotten since it was written is dropped.
    """
    account = subjects.sender_of(report.subject).account
    if await is_forgotten(engine, account, report.data, report.waited_seconds):
        return
    stream = (await jetstream.stream_info(DEAD_LETTER_STREAM)).created
    sequence = await publish_dead_report(jetstream, report)
    if stream is None:
        return
    record = DeadReportRecord(account, stream, sequence)
    try:
        recorded = await engine.record_dead_report(record, row_of(report))
    except Exception as error:
        if not is_data_error(error):
            raise
        report_failure("dead_reports", error)  # the dead letter is kept all the same
        return
    if not recorded:
        log.error("dead_report_of_nobody", reason=report.reason, subject=report.subject)


def row_of(report: DeadReport) -> DeadReportRow:
    """Return what the database keeps of a report, as far as it can be read."""
    body = body_of(report.data)
    return DeadReportRow(
        whole=hashlib.sha256(report.data).hexdigest(),
        reason=report.reason,
        error=_text(report.error, MAX_ERROR),
        message_id=_text(body.get("whatsapp_id"), MAX_NAME),
        chat=_text(body.get("chat"), MAX_NAME),
    )


def _text(value: object, limit: int) -> str | None:
    return storable_text(value)[:limit] if isinstance(value, str) else None
