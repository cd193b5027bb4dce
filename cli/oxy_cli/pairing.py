"""Decides the next step of pairing an instance. Pure; `oxy_cli.commands.pair` acts on it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from oxy_cli.errors import PairingError
from oxy_cli.instance import InstanceView
from oxy_core.instance.custom_resource import Phase
from oxy_core.instance.pairing_offer import PairingOffer
from oxy_core.instance.pairing_window import PAIRING_EXPIRED


class PairingStep(StrEnum):
    """The next step of pairing an instance."""

    DONE = "done"
    SHOW = "show"
    WAIT = "wait"
    REQUEST = "request"


_ENDED: Final = frozenset({Phase.LOGGED_OUT, Phase.FAILED, Phase.PAUSED})
"""Phases that only a repair ends."""


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


def next_step(instance: InstanceView, offer: PairingOffer | None, nonce: str | None, now: datetime) -> PairingStep:
    """Decide what to do; `nonce` is that of the repair that we requested, None if we requested none.

    Raises PairingError if waiting cannot help.
    """
    _require_pairable(instance)
    if nonce is not None and instance.repaired != nonce:
        # The operator has not handled our request yet: state and code are still from before it.
        return PairingStep.WAIT
    if instance.ready.status == "True":
        return PairingStep.DONE
    if offer is not None:
        return PairingStep.SHOW
    window_open = instance.pairing_until is not None and instance.pairing_until > now
    expired = instance.ready.reason == PAIRING_EXPIRED or (instance.phase == Phase.PAIRING and not window_open)
    if nonce is None and (expired or instance.phase in _ENDED):
        return PairingStep.REQUEST
    return PairingStep.WAIT


def _require_pairable(instance: InstanceView) -> None:
    if instance.suspended:
        message = f"{instance.name} is suspended; set spec.suspend to false, then pair it"
        raise PairingError(message)
    accepted = instance.condition("Accepted")
    if accepted.status == "False":
        message = f"{instance.name} cannot be paired ({accepted.reason}). {accepted.message}"
        raise PairingError(message)
