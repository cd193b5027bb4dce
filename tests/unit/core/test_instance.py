from datetime import UTC, datetime, time

import pytest
from pydantic import ValidationError

from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer
from oxy_core.instance.settings import (
    AiSettings,
    AuroraSettings,
    DailySummarySettings,
    LimitsSettings,
    QueuesSettings,
    ReconnectSettings,
    RetentionSettings,
)
from oxy_core.instance.terminal_causes import TERMINAL_CAUSES, ExitCode, terminal_cause

SOON = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "offer",
    [
        PairingOffer(method=PairingMethod.PHONE_CODE, code="ABCD1234", expires_at=SOON),
        PairingOffer(method=PairingMethod.QR_CODE, qr="2@a,b,c", expires_at=SOON),
    ],
)
def test_a_pairing_offer_is_read_back_from_its_secret(offer: PairingOffer) -> None:
    assert PairingOffer.from_secret(offer.to_secret()) == offer


@pytest.mark.parametrize("content", [{}, {"method": "PhoneCode", "expiresAt": "2026-03-02T08:30:00Z"}, {"code": ""}])
def test_a_secret_without_a_code_holds_no_offer(content: dict[str, str]) -> None:
    assert PairingOffer.from_secret(content) is None


def test_every_exit_that_ends_the_epoch_has_a_cause() -> None:
    ending = {code for code in ExitCode if code.ends_epoch}
    assert ending == set(ExitCode) - {ExitCode.ATTEMPTS_EXHAUSTED}
    assert all(cause.reason == reason for reason, cause in TERMINAL_CAUSES.items())
    assert {cause.exit_code for cause in TERMINAL_CAUSES.values()} == ending - {ExitCode.ACCOUNT_BANNED}


@pytest.mark.parametrize(
    ("code", "left", "reason"),
    [
        (69, "AccountBanned", "AccountBanned"),
        (69, "AccountLocked", "AccountLocked"),
        (69, "", "AccountLocked"),
        (69, "LoggedOut", "AccountLocked"),
        (71, "AccountBanned", "AccountBanned"),  # an older runtime's exit code
        (71, "", "AccountBanned"),
        (64, "whatever a newer runtime says", "LoggedOut"),
    ],
)
def test_causes_that_share_an_exit_code_are_told_apart_by_the_reason(code: int, left: str, reason: str) -> None:
    cause = terminal_cause(code, left)
    assert cause is not None
    assert cause.reason == reason


def test_an_ordinary_exit_has_no_terminal_cause() -> None:
    assert [terminal_cause(code) for code in (0, 1, 70, 137)] == [None] * 4


def test_a_cause_says_once_what_happened_and_what_to_do() -> None:
    for cause in TERMINAL_CAUSES.values():
        text = cause.explain("petshop")
        assert text.count("oxy pair petshop") == 1
        assert text.endswith("oxy pair petshop")
    ban = TERMINAL_CAUSES["TemporaryBan"].explain("petshop", SOON)
    assert "banned this number until 2026-03-02 08:30 UTC." in ban


def test_a_business_that_sets_nothing_has_the_promised_limits() -> None:
    """As literals: the definition's defaults are compared with these models, and both could change."""
    assert LimitsSettings().model_dump() == {
        "contact_turns_per_hour": 30,
        "outbound_per_minute": 20,
        "campaign_per_day": 200,
        "warm_up": (20, 50, 100),
        "proactive_interval_days": 7,
        "quiet_hours": "21:00-08:00",
        "pause_failure_percent": 20,
        "pause_opt_out_percent": 5,
        "pause_sample": 20,
    }
    assert QueuesSettings().model_dump() == {
        "message": {"concurrency": 5, "attempts": 3, "backoff_seconds": 2, "per_second": 10},
        "automation": {"concurrency": 5, "attempts": 3, "backoff_seconds": 2},
        "campaign": {"concurrency": 3, "attempts": 2, "backoff_seconds": 5},
    }
    assert RetentionSettings().model_dump() == {
        "messages": 730,
        "media": 90,
        "readings": 730,
        "turn_steps": 90,
        "ai_interactions": 400,
        "jobs": 90,
        "campaigns": 730,
        "audit": 1_825,
        "dead_letters": 180,
        "backups": 30,
    }
    assert AuroraSettings().model_dump(exclude={"enabled", "model", "temperature", "max_tokens"}) == {
        "daily_summary": {"enabled": True, "at": "20:00"},
        "weekly_report": {"enabled": True, "weekday": 1, "at": "08:00"},
        "empty_agenda": {"enabled": True},
        "opportunities": {"enabled": True},
        "warnings": {"enabled": True},
    }


def test_shared_settings_are_read_by_the_resources_names_and_their_own() -> None:
    resource = {"maxTokens": 7, "temperature": "0.5", "aurora": {"maxTokens": 8}}
    settings = AiSettings.model_validate(resource)
    assert (settings.max_tokens, settings.temperature, settings.aurora.max_tokens) == (7, 0.5, 8)
    assert AiSettings.model_validate_json(settings.model_dump_json()) == settings
    assert ReconnectSettings.model_validate({"baseDelaySeconds": 2, "multiplier": "1.25"}).multiplier == 1.25


def test_shared_settings_ignore_what_a_newer_version_added() -> None:
    assert AiSettings.model_validate({"tomorrow": 1}) == AiSettings()


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("21:00-08:00", (time(21), time(8))),
        ("12:00-13:30", (time(12), time(13, 30))),
        ("00:00-23:59", (time(0), time(23, 59))),
        ("", None),
    ],
)
def test_quiet_hours_are_two_times_of_day_or_none(text: str, span: tuple[time, time] | None) -> None:
    assert LimitsSettings(quiet_hours=text).quiet_span == span


@pytest.mark.parametrize("text", ["21:00", "24:00-08:00", "21:00-08:00\n", "21:00-21:00", "9:00-10:00", "-", "21h-8h"])
def test_quiet_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        LimitsSettings(quiet_hours=text)


@pytest.mark.parametrize("text", ["24:00", "8:00", "20:60", "20:00\n", "", "20h"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        DailySummarySettings(at=text)
