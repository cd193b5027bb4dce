"""What the journal keeps of the proof that a linked phone owes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from oxy_core.instance.pairing_proof import EXPLANATIONS, PairingProof
from oxy_core.report_bodies import InstanceEvent
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.pairing_proofs import PairingProofs

EVENT = InstanceEvent(name="whatsapp:pairing_confirmed", at=datetime(2026, 11, 22, tzinfo=UTC))


def opened(folder: Path) -> Journal:
    return Journal.open(folder / "journal.db", organization="acme", instance="shop")


@pytest.fixture
def proofs(tmp_path: Path) -> Iterator[PairingProofs]:
    journal = opened(tmp_path)
    yield journal.pairing_proofs
    journal.close()


def test_a_phone_that_no_code_was_offered_to_owes_nothing(proofs: PairingProofs) -> None:
    assert proofs.begin() is None
    assert proofs.newest() is None


def test_however_many_codes_are_offered_one_proof_is_owed(proofs: PairingProofs) -> None:
    for _ in range(3):
        proofs.owe()
    assert proofs.newest() is None, "no device has connected yet"
    begun = proofs.begin()
    assert begun is not None
    assert begun.state is PairingProof.WAITING
    assert proofs.begin() == begun, "a second login is of the same device"


def test_a_state_that_only_a_newer_version_knows_is_left_alone(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.pairing_proofs.owe()
    assert journal.pairing_proofs.begin() is not None
    with journal.database.transaction() as database:
        database.execute("UPDATE pairing_proofs SET state = 'postponed'")
    assert journal.pairing_proofs.begin() is None
    journal.close()


def test_a_new_device_owes_a_new_proof_and_the_old_one_is_forgotten(proofs: PairingProofs) -> None:
    proofs.owe()
    first = proofs.begin()
    assert first is not None
    proofs.settle(first, PairingProof.CONFIRMED, EVENT)
    proofs.owe()
    assert proofs.newest() is not None
    second = proofs.begin()
    assert second is not None
    assert (second.request_id != first.request_id, second.state) == (True, PairingProof.WAITING)


def test_what_is_owed_and_what_was_proved_survives_a_crash(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.pairing_proofs.owe()
    journal.close()
    journal = opened(tmp_path)
    begun = journal.pairing_proofs.begin()
    assert begun is not None
    journal.pairing_proofs.settle(begun, PairingProof.RECEIPT_MISSING, EVENT)
    journal.pairing_proofs.settle(begun, PairingProof.RECEIPT_MISSING, EVENT)
    assert journal.reports.pending() == 1, "what is settled again is not reported again"
    journal.close()
    journal = opened(tmp_path)
    kept = journal.pairing_proofs.begin()
    journal.close()
    assert kept is not None
    assert (kept.request_id, kept.state) == (begun.request_id, PairingProof.RECEIPT_MISSING)


def test_each_state_is_explained() -> None:
    assert set(EXPLANATIONS) == set(PairingProof)
