"""Each time in the engine's tables is known to be waited for, or not: the former must not lie far ahead."""

import re
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[3] / "ai/oxy_ai"
TABLES: Final = (PACKAGE / "schema/tables.sql", PACKAGE / "jobs/schema/tables.sql")
FUNCTIONS: Final = (PACKAGE / "schema/clock.sql", PACKAGE / "jobs/schema/job_clock.sql")

WAITED_FOR: Final = {
    "conversations": {
        "pending_since",
        "media_until",
        "last_inbound_at",
        "human_until",
        "human_since",
        "due_at",
        "lease_until",
    },
    "chat_journals": {"gap_until"},
    "turns": {"waiting_since"},
    "outbox": {"expires_at", "created_at", "held_until", "released_until"},
    "reputation": {"next_at"},
    "model_outages": {"began_at", "failed_at"},
    "messages": {"arrived_at", "awaited_until"},
    "org_queue": {"ready_at", "arrival_at", "open_at"},
    "relay_queue": {"ready_at", "held_until", "proactive_at"},
    "notice_queue": {"noted_at"},
    "media_queue": {"due_at"},
    "reading_queue": {"due_at"},
    "database_state": {"held_until"},
    "jobs": {"due_at", "delayed_at", "lease_until"},
    "job_queue": {"ready_at"},
}
"""By PostgreSQL's clock; something is due or ends then, or its age counts: brought forward if the clock went back."""

NOTED: Final = {
    "organizations": {"created_at"},
    "instances": {"closed_at"},
    "contacts": {"created_at"},
    "conversations": {"created_at", "asked_at", "last_message_at"},
    "turns": {"created_at", "finished_at"},
    "hand_overs": {"created_at", "ended_at"},
    "turn_steps": {"created_at"},
    "proposals": {"created_at", "ended_at"},
    "setting_overlays": {"made_at", "ended_at"},
    "outbox": {"accepted_at", "closed_at", "released_at", "whatsapp_at", "delivered_at", "read_at", "played_at"},
    "reputation": {"paused_at", "resumed_at"},
    "owner_notices": {"created_at"},
    "messages": {"settled_at"},
    "media": {"created_at", "settled_at", "expired_at"},
    "readings": {"created_at", "settled_at"},
    "dead_reports": {"died_at", "discarded_at"},
    "ai_interactions": {"created_at"},
    "audit_log": {"at"},
    "drafts": {"created_at"},
    "database_clock": {"latest"},
    "database_state": {"created_at"},
    "jobs": {"created_at", "finished_at", "claimed_at"},
}
"""Says when something happened; nothing waits for it."""

OF_OTHERS: Final = {
    "connection_states": {"since", "down_since", "outage_since", "outage_until"},  # the pod's clock
    "journals": {"started_at"},  # the pod's
    "chat_journals": {"own_sent_at"},  # WhatsApp's
    "messages": {"sent_at"},  # WhatsApp's
    "relay_queue": {"settings_bucket"},  # NATS'
    "dead_reports": {"stream_began"},  # NATS'
    "jobs": {"planned_at"},  # the wall's, for which it was planned
    "setting_overlays": {"until"},  # an owner's: the time of day that he said
}
"""Another clock's; only compared with times of the same."""


def times() -> dict[str, set[str]]:
    """The columns of the engine's tables that are times."""
    written = "".join(file.read_text() for file in TABLES)
    tables = re.findall(r"^create table (\w+) \((.*?)^\);", written, re.MULTILINE | re.DOTALL)
    found = {name: set(re.findall(r"^ +(\w+) timestamptz", body, re.MULTILINE)) for name, body in tables}
    return {name: columns for name, columns in found.items() if columns}


def test_every_time_is_waited_for_or_not() -> None:
    lists = (WAITED_FOR, NOTED, OF_OTHERS)
    known = {table: set().union(*(names.get(table, set()) for names in lists)) for table in set().union(*lists)}
    assert times() == known


def test_no_time_is_in_two_lists() -> None:
    for table in times():
        lists = [names.get(table, set()) for names in (WAITED_FOR, NOTED, OF_OTHERS)]
        assert sum(map(len, lists)) == len(set().union(*lists)), table


def test_what_is_waited_for_is_brought_forward() -> None:
    functions = "".join(file.read_text() for file in FUNCTIONS)
    columns = set().union(*WAITED_FOR.values())
    assert {column for column in columns if not re.search(rf"\b{column} :?= ", functions)} == set()
