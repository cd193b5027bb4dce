"""Whether linking a phone was proved by a notice in the business's own chat ("message yourself").

A pod may be connected and yet of no use: what it sends reaches nobody, or the phone does not know its device. So after
linking it sends one notice there, and the business's phone confirms it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class PairingProof(StrEnum):
    """How far the proof is; CamelCase, because the values are reasons of conditions."""

    WAITING = "Waiting"
    """The notice is on its way, or its receipt is."""
    CONFIRMED = "Confirmed"
    RECEIPT_MISSING = "ReceiptMissing"
    NOT_SENT = "NoticeNotSent"


EXPLANATIONS: Final[Mapping[PairingProof, str]] = {
    PairingProof.WAITING: "A notice was sent to the business's own chat, or will be; its phone has to confirm it.",
    PairingProof.CONFIRMED: "The phone has confirmed a notice in its own chat.",
    PairingProof.RECEIPT_MISSING: (
        "The phone is linked, but has not confirmed the notice in its own chat. It may be switched off or offline. If "
        "customers' messages arrive and are answered, nothing needs to be done."
    ),
    PairingProof.NOT_SENT: (
        "The phone is linked, but the notice in its own chat could not be sent; the pod's log says why. If customers' "
        "messages arrive and are answered, nothing needs to be done."
    ),
}
"""What the condition PairingConfirmed says."""
