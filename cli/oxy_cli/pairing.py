"""Decides the next step of pairing an instance. Pure; `oxy_cli.commands.pair` acts on it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from oxy_cli.errors import PairingError
from oxy_cli.instance import Condition, InstanceView
from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer
from oxy_core.instance.terminal_causes import TERMINAL_CAUSES

SHORTEST_TO_SCAN: Final = timedelta(seconds=5)
"""A QR code that ends sooner is not shown. WhatsApp replaces each within 20 seconds."""


class PairingStep(StrEnum):
    """The next step of pairing an instance."""

    DONE = "done"
    SHOW = "show"
    WAIT = "wait"
    REQUEST = "request"


_WRONG_PHONE: Final = TERMINAL_CAUSES["LinkedToAnotherNumber"].reason


def current_offer(secret: Mapping[str, str] | None, now: datetime) -> PairingOffer | None:
    """Return the offer in the pairing Secret's data; None if it is absent, empty or expired.

    Raises PairingError if this version cannot read it.
    """
    try:
        offer = PairingOffer.from_secret(secret or {})
    except (KeyError, ValueError):
        # Without the cause: pydantic's message quotes the code.
        message = "the pairing Secret cannot be read; are the operator and this command the same version?"
        raise PairingError(message) from None
    return offer if offer and offer.expires_at > now else None


def lasts_long_enough(offer: PairingOffer, now: datetime) -> bool:
    """Whether there is time left to scan a code: of a QR code that was running before, the next one is awaited."""
    return offer.method is not PairingMethod.QR_CODE or offer.expires_at - now >= SHORTEST_TO_SCAN


def next_step(
    instance: InstanceView, offer: PairingOffer | None, nonce: str | None, *, shown: bool = False
) -> PairingStep:
    """Decide what to do.

    `nonce` is that of the repair that we requested, None if we requested none; `shown` tells whether we have shown a
    code. Raises PairingError if waiting cannot help, and when what we began has ended: with another business's phone,
    for example, or without any.
    """
    _require_pairable(instance)
    if nonce is not None and instance.repaired != nonce:
        # The operator has not handled our request yet: state and code are still from before it.
        return PairingStep.WAIT
    if instance.repair_required and (shown or nonce is not None):
        raise PairingError(_ended(instance.name, instance.ready))
    if instance.repair_required:
        return PairingStep.REQUEST
    if instance.ready.status == "True":
        return _require_own_phone(instance)
    return PairingStep.SHOW if offer is not None else PairingStep.WAIT


def _require_own_phone(instance: InstanceView) -> PairingStep:
    paired = instance.condition("Paired")
    if paired.reason == _WRONG_PHONE:
        raise PairingError(_ended(instance.name, paired))
    return PairingStep.DONE


def _ended(name: str, why: Condition) -> str:
    return f"{name} is not linked ({why.reason}). {why.message}"


def _require_pairable(instance: InstanceView) -> None:
    if instance.suspended:
        message = f"{instance.name} is suspended; set spec.suspend to false, then pair it"
        raise PairingError(message)
    accepted = instance.condition("Accepted")
    if accepted.status == "False":
        message = f"{instance.name} cannot be paired ({accepted.reason}). {accepted.message}"
        raise PairingError(message)
