from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit.wai_operator.making import (
    RUNNING,
    deployment,
    observed,
    pod,
    record,
    resource,
    termination,
    waiting,
)

from oxy_cli.commands.pair import grouped
from oxy_cli.errors import PairingError
from oxy_cli.instance import InstanceView
from oxy_cli.pairing import PairingStep, current_offer, lasts_long_enough, next_step
from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer
from oxy_core.instance.pairing_window import PAIRING_EXPIRED
from oxy_core.instance.terminal_causes import TERMINAL_CAUSES, ExitCode
from oxy_operator.decide.plan import plan_for
from oxy_operator.decide.status import status_of

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
SCAN = PairingOffer(method=PairingMethod.QR_CODE, qr="2@x", expires_at=LATER)
CODE = PairingOffer(method=PairingMethod.PHONE_CODE, code="ABCD1234", expires_at=LATER)


def instance(
    phase: str | None = None,
    *,
    ready: bool = False,
    required: bool = False,
    **more: Any,  # noqa: ANN401 fields of any kind
) -> InstanceView:
    conditions = [{"type": "Ready", "status": str(ready), "reason": more.pop("reason", "X"), "message": "m"}]
    conditions += [{"type": "Paired", "status": "True", "reason": more.pop("paired", "Paired"), "message": "its own"}]
    status: dict[str, Any] = {"conditions": conditions, "repair": {"required": required}}
    if phase:
        status["phase"] = phase
    if "repaired" in more:
        status["repair"]["nonce"] = more.pop("repaired")
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
        (instance("Pairing"), CODE, None, PairingStep.SHOW),
        (instance("Pairing"), None, None, PairingStep.WAIT),
        (instance("Whatever", required=True), None, None, PairingStep.REQUEST),
        (instance("Whatever", required=True), CODE, None, PairingStep.REQUEST),
        (instance("Failed"), None, None, PairingStep.WAIT),
        (instance("Pending"), None, None, PairingStep.WAIT),
        (instance(), None, None, PairingStep.WAIT),
        (instance("Reconnecting"), None, None, PairingStep.WAIT),
        (instance("LoggedOut", required=True), None, "new", PairingStep.WAIT),
        (instance("Connected", ready=True), None, "new", PairingStep.WAIT),
        (instance("Pairing"), CODE, "new", PairingStep.WAIT),
        (instance("Pairing", repaired="new"), CODE, "new", PairingStep.SHOW),
        (instance("Failed", repaired="new"), None, "new", PairingStep.WAIT),
    ],
)
def test_the_next_step(given: InstanceView, code: PairingOffer | None, nonce: str | None, step: PairingStep) -> None:
    assert next_step(given, code, nonce) is step


@pytest.mark.parametrize(
    ("offer", "left", "shown"), [(SCAN, 3, False), (SCAN, 5, True), (CODE, 3, True)], ids=["QR", "QR in time", "code"]
)
def test_a_qr_code_of_which_seconds_are_left_is_not_shown(offer: PairingOffer, left: int, *, shown: bool) -> None:
    assert lasts_long_enough(offer, LATER - timedelta(seconds=left)) is shown


@pytest.mark.parametrize(
    ("nonce", "shown"), [("new", False), ("new", True), (None, True)], ids=["asked", "asked and shown", "shown"]
)
def test_what_ends_while_it_is_paired_is_said_instead_of_begun_again(nonce: str | None, shown: bool) -> None:  # noqa: FBT001 a table's column
    ended = instance("Failed", required=True, repaired="new", reason="LinkedToAnotherNumber")
    with pytest.raises(PairingError, match=r"shop is not linked \(LinkedToAnotherNumber\)\. m"):
        next_step(ended, None, nonce, shown=shown)


def test_an_instance_linked_to_another_phone_is_not_said_to_be_connected() -> None:
    with pytest.raises(PairingError, match="its own"):
        next_step(instance("Connected", ready=True, paired="LinkedToAnotherNumber"), None, None)


def test_a_suspended_instance_is_not_waited_for() -> None:
    with pytest.raises(PairingError, match=r"spec\.suspend to false"):
        next_step(instance("Paused", suspend=True), None, None)


def as_the_operator_shows(**changes: Any) -> InstanceView:  # noqa: ANN401 fields of any kind
    seen = observed(**changes)
    status = status_of(plan_for(seen, deployment()).situation)
    made = resource(status=status)
    made["metadata"]["creationTimestamp"] = "2026-03-04T11:00:00Z"
    return InstanceView.of(made)


@pytest.mark.parametrize("code", sorted(code for code in ExitCode if code.ends_epoch))
def test_every_end_asks_for_a_new_window(code: int) -> None:
    given = as_the_operator_shows(pod=pod(state=termination(code)))
    assert given.ready.reason in TERMINAL_CAUSES
    assert next_step(given, None, None) is PairingStep.REQUEST


def test_a_window_that_closed_is_opened_again() -> None:
    given = as_the_operator_shows(record=record(paired=False))
    assert given.ready.reason == PAIRING_EXPIRED
    assert next_step(given, None, None) is PairingStep.REQUEST


@pytest.mark.parametrize("state", [waiting("ImagePullBackOff"), waiting("CreateContainerConfigError"), RUNNING])
def test_a_pod_that_does_not_run_is_not_repaired(state: Any) -> None:  # noqa: ANN401 a table's column
    assert next_step(as_the_operator_shows(pod=pod(state=state)), None, None) is PairingStep.WAIT


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
