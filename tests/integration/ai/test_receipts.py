"""What was sent goes on to delivered and read, in whatever order results and receipts are stored."""

from itertools import permutations
from uuid import UUID

import pytest
from integration.ai.engine_database import EPOCH, INSTANCE, NOON, ORGANIZATION, Database, Row, at, ingest, item
from psycopg.types.json import Jsonb

QUEUE_TEXT = "queue_text((select c from conversations c where id = %s), (select t from turns t where id = %s), %s, 1)"
TIMES = {"delivered": 1, "read": 2, "played": 3}


@pytest.fixture
def database(engine: Database) -> Database:
    """A text that a pod has accepted."""
    text = {"id": ORGANIZATION, "part": 0, "text": "Olá", "keep_seconds": 60}
    engine.value(QUEUE_TEXT, *engine.claimed(), Jsonb(text))
    ingest(engine, of_pod(1, type="connection", state="connected"))
    engine.value("mark_accepted(%s, %s::uuid[], %s::uuid[])", ORGANIZATION, [ORGANIZATION], [EPOCH])
    return engine


def of_pod(sequence: int, **body: object) -> Row:
    report = item(sequence)
    return report | {"report": report["report"] | {"body": body}}


def receipt(kind: str, *requests: str, seconds: float | None = None) -> Row:
    moment = at(TIMES[kind] if seconds is None else seconds)
    names = list(requests or (ORGANIZATION,))
    return of_pod(
        10, type="receipts", kind=kind, request_ids=names, whatsapp_ids=["W"] * len(names), chat="1@lid", at=str(moment)
    )


def result(outcome: str, **changes: object) -> Row:
    return of_pod(9, type="send_result", request_id=ORGANIZATION, outcome=outcome, **changes)


SENT = result("sent", whatsapp_id="W", whatsapp_timestamp=str(NOON))
STATE = "select state, whatsapp_id, whatsapp_at, delivered_at, read_at, played_at, error from outbox"


def test_results_and_receipts_lead_to_the_same_state_in_every_order(database: Database) -> None:
    reports = [SENT, receipt("delivered"), receipt("read"), receipt("played"), receipt("read", seconds=9)]
    for order in permutations(reports):
        database.rows("savepoint before")
        for report in order:
            assert ingest(database, report) == ["stored"]
        assert database.rows(STATE) == [("read", "W", NOON, at(1), at(2), at(3), None)]
        database.rows("rollback to before")
    ingest(database, *reversed(reports), *reports)
    assert database.rows(STATE) == [("read", "W", NOON, at(1), at(2), at(3), None)]
    assert database.value("count(*) from ledger(%s, '0 s') where what = 'text'", ORGANIZATION) == 0


@pytest.mark.parametrize("arrives", ["first", "last"])
@pytest.mark.parametrize("outcome", ["failed", "ambiguous", "expired"])
def test_a_receipt_proves_that_a_message_was_sent(database: Database, outcome: str, arrives: str) -> None:
    reports = [receipt("delivered"), result(outcome, error="ServerGone", refusal="later")]
    ingest(database, *(reports if arrives == "first" else reversed(reports)))
    assert database.rows("select state, delivered_at from outbox") == [("delivered", at(1))]
    assert database.value("count(*) from owner_notices") == 0


def test_a_refusal_is_in_the_ledger(database: Database) -> None:
    ingest(database, result("failed", error="status 463", refusal="reachout_locked"))
    reasons = database.rows("select state, reason, wrong from ledger(%s, '0 s') where what = 'text'", ORGANIZATION)
    assert reasons == [("failed", "reachout_locked: status 463", None)]


def test_a_batch_of_receipts_is_one_statement_and_concerns_its_own_instance_only(database: Database) -> None:
    database.rows("update outbox set instance_id = instance_id")
    strangers = [str(UUID(int=number)) for number in range(1, 250)]
    ingest(database, receipt("delivered", *strangers), receipt("read", *strangers, ORGANIZATION))
    assert database.rows("select state from outbox") == [("read",)]
    other = {"instance": str(UUID(int=7)), "account": "B"}
    assert ingest(database, receipt("played") | other) == ["unknown"]
    assert database.rows("select played_at, instance_id::text from outbox") == [(None, INSTANCE)]
