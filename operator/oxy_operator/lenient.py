"""Reads what anybody may have written into a Kubernetes object or said on the bus: bounded, and without raising."""

import re
from datetime import UTC, datetime
from typing import Final

MESSAGE_LENGTH: Final = 1_024
"""Longest text from outside, in characters, that a condition's message or an annotation repeats."""

_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_REASON: Final = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]{0,126}[A-Za-z0-9_])?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def whole_number(value: object) -> int | None:
    """Return a number written in at most 18 decimal digits, which fits 64 bits; None for anything else."""
    text = str(value) if isinstance(value, str | int) else ""
    return int(text) if _NUMBER.fullmatch(text) else None


def plain_text(value: object, limit: int = MESSAGE_LENGTH) -> str:
    """Return a text without control characters, cut to `limit` characters; empty for anything that is no text."""
    if not isinstance(value, str):
        return ""
    cut = value if len(value) <= limit else f"{value[: limit - 1]}…"
    return _CONTROL.sub(" ", cut).strip()


def reason(value: object, otherwise: str) -> str:
    """Return `value` if it can be the reason of a condition (pattern of metav1.Condition), else `otherwise`."""
    return value if isinstance(value, str) and _REASON.fullmatch(value) else otherwise


def utc_moment(value: object) -> datetime | None:
    """Return a time in RFC 3339 in UTC; None for anything else, also for one without a zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
