"""Whatever an assistant knows beside the conversation is counted when it changes, in the same transaction."""

import re

from integration.ai.engine_database import INSTANCE, ORGANIZATION, Database

from oxy_ai.migrate import installed_parts

NOT_SHOWN = {
    "automation_occurrences",
    "automation_queue",
    "automations",
    "booking_resources",
    "campaigns",
    "campaign_recipients",
    "erased_addresses",
    "erasure_queue",
    "erasures",
    "event_allowance",
    "event_publisher",
    "event_queue",
    "job_queue",
    "jobs",
    "report_causes",
    "retention_queue",
    "schedule_queue",
    "schedules",
}
"""Tables of which nothing is in a prompt."""

CATALOG = "insert into catalogs (organization_id, document) values (%s, '{}')"
CONTACT = "insert into contacts (organization_id, instance_id) values (%s, %s) returning id"
PET = "insert into pets (organization_id, contact_id, name) values (%s, %s, %s)"


def versions(engine: Database, contact: int) -> tuple[int, int]:
    found: tuple[int, int] = engine.rows("select * from facts_versions(%s, %s)", ORGANIZATION, contact)[0]
    return found


def test_no_table_of_facts_is_forgotten(engine: Database) -> None:
    tables = {
        name for part in installed_parts()[1:] for name in re.findall(r"^create table (\w+)", part.tables, re.MULTILINE)
    }
    counted = engine.rows(
        "select tgrelid::regclass::text, count(*) from pg_trigger where tgname ~ '^facts_' group by 1"
    )
    assert dict(counted) == dict.fromkeys(tables - NOT_SHOWN, 4)


def test_a_change_is_counted_for_those_whom_it_concerns(engine: Database) -> None:
    one, other = (engine.rows(CONTACT, ORGANIZATION, INSTANCE)[0][0] for _ in range(2))
    before = versions(engine, one)
    engine.rows(CATALOG, ORGANIZATION)
    engine.rows("update catalogs set document = '[]'")
    assert versions(engine, one) == (before[0] + 3, before[1])
    other_before = versions(engine, other)[1]
    engine.rows(PET, ORGANIZATION, one, "Rex")
    assert (versions(engine, one)[1], versions(engine, other)[1]) == (before[1] + 1, other_before)
    engine.rows("update pets set contact_id = %s", other)
    assert (versions(engine, one)[1] > before[1] + 1, versions(engine, other)[1] > other_before) == (True, True)
    last = versions(engine, other)
    engine.rows("delete from pets")
    assert versions(engine, other) == (last[0], last[1] + 1)
