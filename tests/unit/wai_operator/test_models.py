"""What an instance's models need: keys out of Secrets, endpoints that are allowed, prices where a budget is set."""

from base64 import b64encode

import pytest
from unit.wai_operator.making import Json, deployment, instance, observed, record

from oxy_core.model_endpoints import AllowedEndpoints
from oxy_core.model_keys import ModelKeys
from oxy_operator.decide.budget import budget_problem
from oxy_operator.decide.conclusion import conclude
from oxy_operator.decide.endpoints import EndpointRules, endpoint_problem
from oxy_operator.decide.model_keys import NO_KEYS, SecretData, key_references, keys_wanted
from oxy_operator.decide.outcome import Outcome
from oxy_operator.decide.plan import plan_for
from oxy_operator.decide.requeue import CORRECTION_SECONDS
from oxy_operator.problems import Problem

OWN = "https://model.example/v1"
NAMED = {"baseUrl": OWN, "apiKeySecretRef": {"name": "keys"}}
HEARING = {"baseUrl": "https://hearing.example/", "apiKeySecretRef": {"name": "keys", "key": "hearing"}}


def secret(**values: str | bytes) -> SecretData:
    encoded = {name: value.encode() if isinstance(value, str) else value for name, value in values.items()}
    return {name: b64encode(value).decode() for name, value in encoded.items()}


def keys(ai: Json, **secrets: SecretData | None) -> tuple[dict[str, str], str | None, str]:
    """What the workers get by endpoint, and reason and message of the problem."""
    wanted = keys_wanted(instance(ai=ai), secrets)
    held = ModelKeys.decode(wanted.value).by_endpoint if wanted.value is not None else {}
    shown = {endpoint: key.get_secret_value() for endpoint, key in held.items()}
    return shown, wanted.problem and wanted.problem.reason, wanted.problem.message if wanted.problem else ""


def test_an_instance_that_names_no_key_has_none() -> None:
    assert keys_wanted(instance(ai={"baseUrl": OWN}), {}) == NO_KEYS


@pytest.mark.parametrize(
    ("ai", "expected"),
    [
        (NAMED, {OWN: "sk-1"}),
        ({"apiKeySecretRef": {"name": "keys"}}, {"": "sk-1"}),
        ({"transcription": HEARING}, {"https://hearing.example": "sk-2"}),
        ({**NAMED, "transcription": HEARING}, {OWN: "sk-1", "https://hearing.example": "sk-2"}),
        ({**NAMED, "transcription": {**HEARING, "enabled": False}}, {OWN: "sk-1"}),
        ({**NAMED, "vision": {**NAMED, "baseUrl": f"{OWN}/"}}, {OWN: "sk-1"}),
    ],
)
def test_each_key_stands_with_its_endpoint(ai: Json, expected: dict[str, str]) -> None:
    shown, reason, _ = keys(ai, keys=secret(apiKey="sk-1\n", hearing=b" sk-2 "))
    assert (shown, reason) == (expected, None)


@pytest.mark.parametrize(
    ("found", "reason", "remedy"),
    [
        (None, "SecretMissing", "kubectl create secret generic keys -n shops --from-literal=apiKey=YOUR-API-KEY"),
        ({}, "KeyMissing", "Add it, or name another in spec.ai.apiKeySecretRef.key"),
        (secret(apikey="sk-1"), "KeyMissing", "Add it"),
        (secret(apiKey=""), "KeyUnusable", "Correct the Secret"),
        (secret(apiKey="sk-1\r\nHost: evil.example"), "KeyUnusable", "Correct the Secret"),
        (secret(apiKey="sk 1"), "KeyUnusable", "Correct the Secret"),
        (secret(apiKey="chavé"), "KeyUnusable", "Correct the Secret"),
        (secret(apiKey=b"\xff\xfe\x00"), "KeyUnusable", "Correct the Secret"),
        (secret(apiKey="k" * 4_097), "KeyUnusable", "Correct the Secret"),
        ({"apiKey": "no base64"}, "KeyUnusable", "Correct the Secret"),
    ],
)
def test_a_key_that_cannot_be_had_is_empty_and_the_remedy_is_said(
    found: SecretData | None, reason: str, remedy: str
) -> None:
    shown, told, message = keys({**NAMED, "transcription": HEARING}, keys=found)
    assert (shown[OWN], told) == ("", reason)
    assert message.startswith("spec.ai.apiKeySecretRef: Secret keys in namespace shops")
    assert remedy in message
    assert "evil" not in message
    assert "sk" not in message.replace("asked", "")


def test_a_key_that_is_missing_keeps_no_other_away() -> None:
    shown, reason, message = keys({**NAMED, "transcription": HEARING}, keys=secret(apiKey="sk-1"))
    assert (shown, reason) == ({OWN: "sk-1", "https://hearing.example": ""}, "KeyMissing")
    assert "spec.ai.transcription.apiKeySecretRef" in message


def test_two_keys_for_one_endpoint_are_a_mistake_and_the_first_is_used() -> None:
    ai = {**NAMED, "vision": {"baseUrl": OWN, "apiKeySecretRef": {"name": "others"}}}
    shown, reason, message = keys(ai, keys=secret(apiKey="sk-1"), others=secret(apiKey="sk-2"))
    assert (shown, reason) == ({OWN: "sk-1"}, "KeysConflict")
    assert message.startswith("spec.ai.vision.apiKeySecretRef: spec.ai.apiKeySecretRef names another key")


def test_what_is_read_is_what_is_named() -> None:
    names = {(item.secret, item.key) for item in key_references(instance(ai={**NAMED, "transcription": HEARING}))}
    assert names == {("keys", "apiKey"), ("keys", "hearing")}


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8000/v1",
        "http://10.0.0.7/v1",
        "http://169.254.169.254/latest",
        "https://[::1]:8443",
        "http://[::ffff:10.0.0.1]/v1",
        "http://localhost:8000",
        "http://vllm/v1",
        "http://2130706433/v1",
        "http://vllm.models.svc:8000/v1",
        "http://vllm.models.svc.cluster.local",
        "http://printer.local.",
        "http://[not-an-address",
        "http://model.example:99999",
    ],
)
def test_an_endpoint_that_is_not_public_is_refused(base_url: str) -> None:
    found = endpoint_problem(instance(ai={"vision": {"baseUrl": base_url}}), EndpointRules())
    assert found is not None
    assert found.reason == "EndpointRefused"
    assert found.message.startswith(f"spec.ai.vision.baseUrl: {base_url} is not a public endpoint")
    assert "ai.allowedEndpoints" in found.message


@pytest.mark.parametrize(
    ("base_url", "allowed"),
    [
        ("https://api.openai.com/v1", ""),
        ("http://1.1.1.1", ""),
        ("http://vllm.models.svc:8000/v1", "vllm.models.svc"),
        ("http://vllm.models.svc:8000/v1", "vllm.models.svc:8000"),
        ("http://vllm.models.svc:8000/v1", "10.96.0.0/12"),
        ("http://10.97.1.2/v1", "10.96.0.0/12"),
        ("http://models.platform.svc/v1/", ""),
    ],
)
def test_public_allowed_and_the_platforms_endpoints_may_be_named(base_url: str, allowed: str) -> None:
    rules = EndpointRules(AllowedEndpoints.parse(allowed), "http://models.platform.svc/v1")
    assert endpoint_problem(instance(ai={"baseUrl": base_url}), rules) is None


def test_an_endpoint_that_is_not_used_is_not_judged() -> None:
    ai = {"transcription": {"enabled": False, "baseUrl": "http://vllm"}}
    assert endpoint_problem(instance(ai=ai), EndpointRules()) is None
    assert endpoint_problem(instance(), EndpointRules()) is None


@pytest.mark.parametrize(
    ("ai", "unknown"),
    [
        ({"model": "own"}, "own (spec.ai.model)"),
        ({"fallbackModels": ["gpt-4o", "own"]}, "own (spec.ai.fallbackModels)"),
        ({"aurora": {"model": "own"}}, "own (spec.ai.aurora.model)"),
        ({"vision": {"model": "own"}}, "own (spec.ai.vision.model)"),
        ({"transcription": {"model": "own"}}, "own (spec.ai.transcription.model)"),
        ({"model": "whisper-1"}, "whisper-1 (spec.ai.model)"),
        ({"model": "own", "prices": [{"model": "own", "audioMinute": "1"}]}, "own (spec.ai.model)"),
    ],
)
def test_a_budget_needs_the_price_of_each_model_that_is_asked(ai: Json, unknown: str) -> None:
    assert budget_problem(instance(ai=ai)) is None
    found = budget_problem(instance(ai={**ai, "monthlyBudgetUsd": "25"}))
    assert found is not None
    assert found.reason == "PriceUnknown"
    assert f"price of {unknown}." in found.message


@pytest.mark.parametrize(
    "ai",
    [
        {},
        {"model": "own", "prices": [{"model": "own", "input": "1", "output": "2"}]},
        {"transcription": {"model": "own"}, "prices": [{"model": "own", "audioMinute": "0.01"}]},
        {"transcription": {"model": "own"}, "prices": [{"model": "own", "input": "1", "output": "2"}]},
        {"transcription": {"model": "whisper-1"}},
        {"transcription": {"model": "own", "enabled": False}, "vision": {"model": "own", "enabled": False}},
        {"aurora": {"model": "own", "enabled": False}},
    ],
)
def test_a_budget_holds_where_all_prices_are_known(ai: Json) -> None:
    assert budget_problem(instance(ai={**ai, "monthlyBudgetUsd": "25"})) is None


def shown(ai: Json, outcome: Outcome | None = None) -> tuple[dict[str, tuple[str, str]], float]:
    """Status and reason of each condition, and when to reconcile again."""
    made = instance(ai=ai)
    seen = observed(instance=made, keys=keys_wanted(made, {"keys": None}), record=record())
    plan = plan_for(seen, deployment())
    assert plan.keys == seen.keys
    concluded = conclude(seen, plan, outcome or Outcome(account_pushed=True))
    conditions = concluded.status["conditions"]
    return {item["type"]: (item["status"], item["reason"]) for item in conditions}, concluded.requeue_after


def test_the_status_says_what_keeps_models_from_being_asked() -> None:
    found, _ = shown({**NAMED, "model": "own", "vision": {"baseUrl": "http://vllm"}, "monthlyBudgetUsd": "25"})
    assert found["ModelKeyReady"] == ("False", "SecretMissing")
    assert found["EndpointsAllowed"] == ("False", "EndpointRefused")
    assert found["BudgetEnforceable"] == ("False", "PriceUnknown")
    assert found["Provisioned"] == ("True", "Applied")


def test_the_status_says_that_models_can_be_asked() -> None:
    found, _ = shown({})
    assert found["ModelKeyReady"] == ("True", "NoneNamed")
    assert found["EndpointsAllowed"] == ("True", "Allowed")
    assert found["BudgetEnforceable"] == ("True", "NoBudget")
    assert shown({"monthlyBudgetUsd": "25"})[0]["BudgetEnforceable"] == ("True", "Enforceable")


def test_keys_that_cannot_be_passed_on_are_tried_again() -> None:
    found, again = shown(NAMED, Outcome(account_pushed=True, keys_refused=Problem("KeyStoreFull", "It is full.")))
    assert found["ModelKeyReady"] == ("False", "KeyStoreFull")
    assert again <= CORRECTION_SECONDS


def test_an_instance_that_is_refused_passes_no_keys_on() -> None:
    assert plan_for(observed(refusal=Problem("NumberTaken", "…")), deployment()).keys is None
