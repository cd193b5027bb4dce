"""What `oxy automation` says."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from oxy_ai.automation_admin import ListedAutomation, PastOccurrence
from oxy_ai.automations.forecast import Forecast
from oxy_cli.commands.automation import forecast_row, listed_row, past_row
from oxy_cli.errors import CliError
from oxy_cli.yaml_files import read_yaml

AT = datetime(2026, 12, 5, 13, tzinfo=UTC)


def test_an_automation_is_listed_with_when_it_is_due() -> None:
    item = ListedAutomation(
        name="banho",
        trigger="due_again",
        enabled=True,
        source="applied",
        told=3,
        definition={"intervals": {"banho": "30d", "tosa": "60d"}, "at": "10:00"},
    )
    shown = listed_row(item.model_dump(mode="json"))
    assert shown == ["banho", "yes", "due_again", "banho 30d, tosa 60d at 10:00", "3", "0", "applied"]


def test_what_would_be_written_is_shown_with_its_reason() -> None:
    item = Forecast(
        automation="lembrete", at=AT, customer="Ana", about=["Banho"], because="24h before it begins: …", text="Oi"
    )
    shown = ["2026-12-05 13:00", "lembrete", "Ana", "24h before it begins: … (Banho)", "Oi"]
    assert forecast_row(item.model_dump(mode="json")) == shown
    refused = item.model_copy(update={"text": None, "not_sent": "opted_out"})
    assert forecast_row(refused.model_dump(mode="json"))[-1] == "not sent: opted_out"
    dropped = refused.model_copy(update={"not_sent": "no_room", "waits_for": "interval"})
    assert forecast_row(dropped.model_dump(mode="json"))[-1] == "not sent: no_room (interval)"
    stopped = item.model_copy(update={"waits_for": "paused"})
    assert forecast_row(stopped.model_dump(mode="json"))[-1] == "waits (paused): Oi"
    waits = stopped.model_copy(update={"waits_for": "day", "waits_until": AT})
    assert forecast_row(waits.model_dump(mode="json"))[-1] == "waits (day) until 2026-12-05 13:00: Oi"


def test_what_became_of_an_occurrence_is_shown() -> None:
    item = PastOccurrence(
        automation="lembrete", about="booking:7", contact=3, due_at=AT, state="told", sent="read", answer="confirmed"
    )
    shown = ["2026-12-05 13:00", "lembrete", "booking:7", "3", "told, read, confirmed"]
    assert past_row(item.model_dump(mode="json")) == shown


@pytest.mark.parametrize("content", [b"[", b"\xff", b"[" * 10_000])
def test_what_is_no_yaml_is_said_so(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "loja.yaml"
    file.write_bytes(content)
    with pytest.raises(CliError, match=r"loja\.yaml is not YAML"):
        read_yaml(str(file))
