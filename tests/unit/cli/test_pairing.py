from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oxy_cli.commands.pair import grouped
from oxy_cli.errors import PairingError
from oxy_cli.instance import InstanceView
from oxy_cli.pairing import PairingStep, current_offer, next_step
from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer
from oxy_core.instance.pairing_window import PAIRING_EXPIRED

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
SCAN = PairingOffer(method=PairingMethod.QR_CODE, qr="2@x", expires_at=LATER)
CODE = PairingOffer(method=PairingMethod.PHONE_CODE, code="ABCD1234", expires_at=LATER)


def instance(
    phase: str | None = None,
    *,
    ready: bool = False,
    window: datetime | None = None,
    **more: Any,  # noqa: ANN401 fields of any kind
) -> InstanceView:
    status: dict[str, Any] = {
        "conditions": [{"type": "Ready", "status": str(ready), "reason": more.pop("reason", "X"), "message": "m"}]
    }
    if phase:
        status["phase"] = phase
    if window:
        status["pairing"] = {"expiresAt": window.isoformat()}
    if "repaired" in more:
        status["repair"] = {"nonce": more.pop("repaired")}
    return InstanceView.of(
        {
            "metadata": {"namespace": "n", "name": "shop", "creationTimestamp": "2026-03-04T11:00:00Z"},
            "spec": {"organizationId": "org", "phoneNumber": "+5511987654321", **more},
            "status": status,
        }
    )


@pytest.mark.parametrize(
    ("given", "code", "nonce", "step"),
    [
        (instance("Connected", ready=True), None, None, PairingStep.DONE),
        (instance("Pairing", window=LATER), CODE, None, PairingStep.SHOW),
        (instance("Pairing", window=LATER), None, None, PairingStep.WAIT),
        (instance("Pairing"), None, None, PairingStep.REQUEST),
        (instance("Pairing", window=NOW - timedelta(seconds=1)), None, None, PairingStep.REQUEST),
        (instance("LoggedOut"), None, None, PairingStep.REQUEST),
        (instance("Failed"), None, None, PairingStep.REQUEST),
        (instance("Paused"), None, None, PairingStep.REQUEST),
        (instance("Pending"), None, None, PairingStep.WAIT),
        (instance("Pending", reason=PAIRING_EXPIRED), None, None, PairingStep.REQUEST),
        (instance("Pending", reason=PAIRING_EXPIRED), None, "new", PairingStep.WAIT),
        (instance(), None, None, PairingStep.WAIT),
        (instance("Reconnecting"), None, None, PairingStep.WAIT),
        (instance("LoggedOut"), None, "new", PairingStep.WAIT),
        (instance("Connected", ready=True), None, "new", PairingStep.WAIT),
        (instance("Pairing", window=LATER), CODE, "new", PairingStep.WAIT),
        (instance("Pairing", window=LATER, repaired="new"), CODE, "new", PairingStep.SHOW),
        (instance("LoggedOut", repaired="new"), None, "new", PairingStep.WAIT),
    ],
)
def test_the_next_step(given: InstanceView, code: PairingOffer | None, nonce: str | None, step: PairingStep) -> None:
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
        (
            {"method": "QRCode", "qr": "2@x", "expiresAt": "2026-03-04T12:01:00Z"},
            PairingOffer(method=PairingMethod.QR_CODE, qr="2@x", expires_at=LATER),
        ),
    ],
)
def test_only_a_valid_code_is_shown(secret: dict[str, str] | None, code: PairingOffer | None) -> None:
    assert current_offer(secret, NOW) == code


@pytest.mark.parametrize(
    "secret",
    [
        {"code": "ABCD1234"},
        {"code": "ABCD1234", "expiresAt": "soon"},
        {"code": "ABCD1234", "expiresAt": LATER.isoformat(), "method": "Carrier pigeon"},
    ],
)
def test_a_secret_from_another_version_is_an_error_that_hides_the_code(secret: dict[str, str]) -> None:
    with pytest.raises(PairingError, match="same version") as caught:
        current_offer(secret, NOW)
    assert "ABCD1234" not in str(caught.value)


@pytest.mark.parametrize("text", ["ABCD1234", "ABCD-1234"])
def test_a_code_is_shown_in_two_groups(text: str) -> None:
    assert grouped(text) == "ABCD-1234"
