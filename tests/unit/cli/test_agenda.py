"""What `oxy agenda` says."""

from datetime import date, datetime

import pytest

from oxy_ai.agenda_reports import BookingReport, ChangeMade, ChangeReport, DayReport
from oxy_ai.scheduling.overlays import OverlayKind
from oxy_cli.commands.agenda import print_changes, print_day, print_made
from oxy_cli.options import Output

MORNING, NOON = (datetime.fromisoformat(f"2026-12-24T{time}") for time in ("09:00", "12:00"))
BLOCKED = ChangeReport(
    id=7,
    kind=OverlayKind.BLOCKED,
    begins=MORNING,
    ends=NOON,
    hours=[],
    resource=None,
    reason="Dedetização [urgente]",
    made_by="Ana",
)
BOOKED = BookingReport(
    id=3,
    begins=MORNING,
    ends=NOON,
    service="Banho",
    subject="Thor",
    customer="Rui",
    phone=None,
    resources=["Banheira", "Box 2"],
)


def test_a_day_is_shown_with_everything_that_happens(capsys: pytest.CaptureFixture[str]) -> None:
    day = DayReport(
        day=date(2026, 12, 25), weekday=5, holiday="Natal [nacional]", hours=[], changes=[BLOCKED], bookings=[BOOKED]
    )
    print_day(day.model_dump(mode="json", exclude_none=True))
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "Fri 2026-12-25 closed (Natal [nacional])"
    assert [line.split()[0] for line in others] == ["ID", "7", "BOOKING", "3"]
    assert "Dedetização [urgente]" in others[1]
    assert "Banheira, Box 2" in others[3]


def test_bookings_that_no_longer_fit_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_made(ChangeMade(change=BLOCKED, outside=[BOOKED]).model_dump(mode="json", exclude_none=True), Output.TEXT)
    shown = capsys.readouterr().out
    assert "These bookings no longer fit. They are kept; tell the customers:" in shown
    assert "Thor" in shown
    print_changes([])
    assert capsys.readouterr().out == "There are no dated changes.\n"
