"""When a failed turn is retried, and the reasons given for an unreadable one."""

import json

import pytest

from oxy_ai.engine.turn_failures import reason_of, retry_pause, wait_limits, why_unreadable
from oxy_ai.errors import ModelOutageError, ModelRefusalError, OutageCause, TurnUnreadableError
from oxy_ai.records import Claims, Turn, UnreadableTurn
from oxy_ai.settings import WorkerSettings
from oxy_core.instance.settings import QueueSettings

SETTINGS = WorkerSettings(
    nats_url="nats://bus",
    database_url="postgresql://db/oxy",  # type: ignore[arg-type]  # read by pydantic
    openai_api_key="key",  # type: ignore[arg-type]  # read by pydantic
    retry_seconds=2,
    retry_max_seconds=60,
)


@pytest.mark.parametrize(
    ("failed_before", "error", "seconds"),
    [
        (0, ValueError(), 2),
        (1, ValueError(), 4),
        (2, ModelRefusalError("no"), 8),
        (0, TurnUnreadableError("settings", 10), 10),
        (5, TurnUnreadableError("settings", 10), 60),
        (99, ValueError(), 60),
    ],
)
def test_the_pause_doubles_and_is_at_least_what_the_error_asks_for(
    failed_before: int, error: Exception, seconds: float
) -> None:
    assert retry_pause(failed_before, error, QueueSettings(), 60) == seconds


def test_a_back_off_may_be_longer_than_the_longest_pause() -> None:
    assert retry_pause(3, ValueError(), QueueSettings(backoff_seconds=300), 60) == 300


@pytest.mark.parametrize(("asked", "seconds"), [(0, 0), (30, 30), (3600, 60)])
def test_an_endpoint_may_ask_for_a_pause_up_to_a_limit(asked: float, seconds: float) -> None:
    limits = wait_limits(ModelOutageError("busy", OutageCause.BUSY, asked), SETTINGS)
    assert limits.asked.total_seconds() == seconds
    assert (limits.shortest.total_seconds(), limits.longest.total_seconds()) == (2, 60)


def test_a_reason_never_quotes_an_unexpected_error() -> None:
    assert reason_of(ModelRefusalError("the model declined")) == "the model declined"
    assert reason_of(ValueError("segredo")) == "internal error (ValueError)"


def test_an_unreadable_turn_names_its_fields_and_fails_no_other() -> None:
    sound = {
        "turn": 1,
        "attempts": 0,
        "instance": "22222222-2222-4222-8222-222222222222",
        "settings": {
            "organization": "petshop",
            "instance": "main",
            "account": "A",
            "generation": 1,
            "display_name": "Pet",
            "phone_number": "+5511999990000",
            "timezone": "America/Sao_Paulo",
        },
        "closed": False,
        "chat": "5511912340001@s.whatsapp.net",
        "self_chat": False,
        "contact": {"id": 1},
        "inputs": [],
        "inputs_total": 0,
        "history": [],
        "steps": [],
        "read_at": "2026-11-28T12:00:00Z",
    }
    claim = {"organization": "11111111-1111-4111-8111-111111111111", "conversation": 1, "fence": 1}
    broken = sound | {"attempts": "segredo", "contact": {}}
    taken = [{"claim": claim, "opened": True, "turn": turn} for turn in (broken, sound, None)]
    claims = Claims.model_validate_json(json.dumps({"claimed": taken, "wait": None}))
    unreadable, read, nothing = (taken.turn for taken in claims.claimed)
    assert isinstance(unreadable, UnreadableTurn)
    assert why_unreadable(unreadable) == "the turn's stored data cannot be read: check attempts, contact.id"
    assert isinstance(read, Turn)
    assert nothing is None
