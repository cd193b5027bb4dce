import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from oxy_core.envelopes import ConnectionState, LiveState
from oxy_core.freeze import Freeze, Hold
from oxy_core.identity import Jid
from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer
from oxy_core.instance.session_states import BackupOutcome, BackupState
from oxy_tenant.journal.queue_depths import QueueDepth
from oxy_tenant.own_process import OwnProcess
from oxy_tenant.state_page import ABRIDGED, SHOWN, state_page

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
BUSY = LiveState(
    organization="paws",
    instance="petshop",
    pod_uid="pod-1",
    epoch=2,
    heartbeat_at=NOW,
    connection=ConnectionState.PAIRING,
    jid=Jid.parse("5511987650000@s.whatsapp.net"),
    pairing=PairingOffer(method=PairingMethod.PHONE_CODE, code="HUSH1234", qr="2@hush", expires_at=NOW),
    frozen=Freeze(revision=3, hold=Hold(since=NOW, by="dona Hush", reason="hush-hush")),
    backup=BackupState(outcome=BackupOutcome.DONE, at=NOW, request="hush", detail="hush", last_id=uuid4()),
)


def test_the_page_tells_what_happens_without_numbers_names_texts_or_codes() -> None:
    shown = state_page(BUSY, {"sends": QueueDepth(3, 12.5, 2)}, OwnProcess.seen())
    page = json.loads(shown)
    assert page["connection"] == "pairing"
    assert page["linked"] is True
    assert page["frozen"] is True
    assert page["pairing"] == {"method": "PhoneCode", "expires_at": "2026-11-29T12:00:00Z"}
    assert page["backup"]["outcome"] == "done"
    assert page["queues"] == {"sends": {"entries": 3, "oldest_seconds": 12.5, "attempts": 2}}
    assert page["process"]["pss_bytes"] > 1_000_000
    assert page["process"]["rss_bytes"] >= page["process"]["pss_bytes"]
    assert "hush" not in shown.lower()
    assert "987650000" not in shown


def test_of_each_field_of_the_live_state_it_is_decided_whether_everybody_may_see_it() -> None:
    fields = set(LiveState.model_fields) - {"version", "type"}
    assert fields - SHOWN - ABRIDGED == set()
    assert not SHOWN & ABRIDGED


def test_a_pod_that_has_told_nothing_yet_has_a_page_too() -> None:
    quiet = LiveState(
        organization="paws",
        instance="petshop",
        pod_uid="pod-1",
        epoch=1,
        heartbeat_at=NOW + timedelta(seconds=1),
        connection=ConnectionState.STARTING,
    )
    page = json.loads(state_page(quiet, {}, OwnProcess.seen()))
    assert (page["linked"], page["frozen"], page["pairing"], page["backup"]) == (False, False, None, None)
