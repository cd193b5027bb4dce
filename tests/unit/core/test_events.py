"""What integrators are told has a name, a place and a description."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from oxy_core import event_names
from oxy_core.errors import ContractError
from oxy_core.events import Event
from oxy_core.freeze import FreezeRecord, Hold
from oxy_core.report_bodies import InstanceEvent

DOCUMENT = (Path(__file__).parents[3] / "docs/events.md").read_text()
NAMES = [value for key, value in vars(event_names).items() if key.isupper()]
MOMENT = datetime(2031, 3, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", NAMES)
def test_each_event_is_described_and_has_a_subject_of_its_own(name: str) -> None:
    assert name in DOCUMENT
    event = Event.model_validate(
        {
            "id": "01940000-0000-7000-8000-000000000001",
            "name": name,
            "organization": "flor",
            "instance": "petshop",
            "journal_epoch": "01940000-0000-7000-8000-000000000001",
            "journal_sequence": 1,
            "at": MOMENT,
        }
    )
    assert event.subject == f"oxy.events.flor.petshop.{name}"
    assert Event.decode(event.encode()) == event
    # Each organization may have an instance of this name, and its pod may choose this id.
    assert event.model_copy(update={"organization": "other"}).message_id != event.message_id


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "whatsapp:a.b"},
        {"name": "whatsapp:>"},
        {"name": "no_colon"},
        {"facts": {"text": "x" * 201}},
        {"facts": {str(number): 1 for number in range(17)}},
        {"facts": {"deep": {"a": 1}}},
    ],
)
def test_what_could_leave_its_subject_or_grow_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        InstanceEvent.model_validate({"name": "whatsapp:connected", "at": MOMENT, **changes})


def test_each_change_of_the_freezes_is_newer_for_whom_it_concerns_and_for_nobody_else() -> None:
    hold = Hold(since=MOMENT, by="ana")
    first = FreezeRecord().frozen("flor", hold)
    second = first.frozen(None, hold)
    third = second.thawed("flor", MOMENT)
    fourth = third.thawed(None, MOMENT)
    flor, clinic = ([record.of(name) for record in (first, second, third, fourth)] for name in ("flor", "clinic"))
    assert [freeze.hold is not None for freeze in flor] == [True, True, True, False]
    assert [freeze.hold is not None for freeze in clinic] == [False, True, True, False]
    assert all(later.replaces(earlier) for earlier, later in pairwise(flor))
    assert [later.replaces(earlier) for earlier, later in pairwise(clinic)] == [True, False, True]
    assert FreezeRecord.read(fourth.encode()) == fourth


def test_of_an_organization_that_is_gone_only_a_hold_is_remembered() -> None:
    hold = Hold(since=MOMENT, by="ana")
    record = FreezeRecord().frozen("held", hold).frozen("flor", hold).frozen("gone", hold)
    thawed = record.thawed("flor", MOMENT).thawed("gone", MOMENT)
    left = thawed.without_gone({"flor"})
    assert set(left.organizations) == {"held", "flor"}
    assert left.of("flor") == thawed.of("flor")
    assert left.everyone == thawed.everyone


@pytest.mark.parametrize("name", ["Pet Shop", "flor\n", "", "a" * 41])
def test_a_name_that_would_make_the_record_unreadable_is_refused(name: str) -> None:
    with pytest.raises(ContractError, match="no organization has such a name"):
        FreezeRecord().frozen(name, Hold(since=MOMENT, by="ana"))
    with pytest.raises(ContractError, match="no organization has such a name"):
        FreezeRecord().thawed(name, MOMENT)
