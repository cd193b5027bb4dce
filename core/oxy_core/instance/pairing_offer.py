"""The code that links the business's phone now, and the Secret that shows it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime

from oxy_core.models import StrictModel
from oxy_core.times import utc_text


class PairingMethod(StrEnum):
    """``spec.pairing.method``: how the phone is linked."""

    PHONE_CODE = "PhoneCode"
    QR_CODE = "QRCode"


class PairingOffer(StrictModel):
    """A code with which the business's phone can be linked now."""

    method: PairingMethod
    code: str | None = None
    """Eight characters to type on the phone (PhoneCode)."""
    qr: str | None = None
    """Content of the QR code (QRCode)."""
    expires_at: AwareDatetime

    @property
    def text(self) -> str:
        """The code to type or to scan; empty if there is neither."""
        return self.code or self.qr or ""

    def to_secret(self) -> dict[str, str]:
        """Return the pairing Secret's content, before base64 encoding."""
        content = {
            "method": self.method.value,
            "code": self.code,
            "qr": self.qr,
            "expiresAt": utc_text(self.expires_at),
        }
        return {key: value for key, value in content.items() if value is not None}

    @classmethod
    def from_secret(cls, content: Mapping[str, str]) -> Self | None:
        """Read what `to_secret` wrote; None if the Secret holds no code. Raises pydantic.ValidationError."""
        if not (content.get("code") or content.get("qr")):
            return None
        return cls(
            method=PairingMethod(content.get("method", PairingMethod.PHONE_CODE)),
            code=content.get("code"),
            qr=content.get("qr"),
            expires_at=datetime.fromisoformat(content["expiresAt"]),
        )
