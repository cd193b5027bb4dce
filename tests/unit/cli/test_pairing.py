from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oxy_cli.errors import PairingError
from oxy_cli.instance import Instance
from oxy_cli.pair import Code, Step, code_of, grouped, next_step

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
CODE = Code("PhoneCode", "ABCD1234", LATER)


def instance(phase: str | None = None, *, ready: bool = False, window: datetime | None = None, **more: Any) -> Instance:  # noqa: ANN401 fields of any kind
    status: dict[str, Any] = {"conditions": [{"type": "Ready", "status": str(ready), "reason": "X", "message": "m"}]}
    if phase:
        status["phase"] = phase
    if window:
        status["pairing"] = {"expiresAt": window.isoformat()}
    if "repaired" in more:
        status["repair"] = {"nonce": more.pop("repaired")}
    return Instance.of(
        {
            "metadata": {"namespace": "n", "name": "shop", "creationTimestamp": "2026-03-04T11:00:00Z"},
            "spec": {"organizationId": "org", "phoneNumber": "+5511987654321", **more},
            "status": status,
        }
    )


@pytest.mark.parametrize(
    ("given", "code", "nonce", "step"),
    [
        (instance("Connected", ready=True), None, None, Step.DONE),
        (instance("Pairing", window=LATER), CODE, None, Step.SHOW),
        (instance("Pairing", window=LATER), None, None, Step.WAIT),
        (instance("Pairing"), None, None, Step.REQUEST),
        (instance("Pairing", window=NOW - timedelta(seconds=1)), None, None, Step.REQUEST),
        (instance("LoggedOut"), None, None, Step.REQUEST),
        (instance("Failed"), None, None, Step.REQUEST),
        (instance("Paused"), None, None, Step.REQUEST),
        (instance("Pending"), None, None, Step.WAIT),
        (instance(), None, None, Step.WAIT),
        (instance("Reconnecting"), None, None, Step.WAIT),
        (instance("LoggedOut"), None, "new", Step.WAIT),
        (instance("Connected", ready=True), None, "new", Step.WAIT),
        (instance("Pairing", window=LATER), CODE, "new", Step.WAIT),
        (instance("Pairing", window=LATER, repaired="new"), CODE, "new", Step.SHOW),
        (instance("LoggedOut", repaired="new"), None, "new", Step.WAIT),
    ],
)
def test_what_comes_next(given: Instance, code: Code | None, nonce: str | None, step: Step) -> None:
    assert next_step(given, code, nonce, NOW) is step


def test_a_suspended_instance_is_not_waited_for() -> None:
    with pytest.raises(PairingError, match=r"spec\.suspend to false"):
        next_step(instance("Paused", suspend=True), None, None, NOW)


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        (None, None),
        ({}, None),
        ({"method": "PhoneCode", "code": "", "expiresAt": LATER.isoformat()}, None),
        ({"method": "PhoneCode", "code": "ABCD1234", "expiresAt": LATER.isoformat()}, CODE),
        ({"method": "PhoneCode", "code": "ABCD1234", "expiresAt": NOW.isoformat()}, None),
        ({"method": "QRCode", "qr": "2@x", "expiresAt": "2026-03-04T12:01:00Z"}, Code("QRCode", "2@x", LATER)),
    ],
)
def test_only_a_code_that_still_works_is_shown(secret: dict[str, str] | None, code: Code | None) -> None:
    assert code_of(secret, NOW) == code


@pytest.mark.parametrize("text", ["ABCD1234", "ABCD-1234"])
def test_a_code_is_shown_in_two_groups(text: str) -> None:
    assert grouped(text) == "ABCD-1234"
