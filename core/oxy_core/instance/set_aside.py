"""What a claim's record says of credentials that are set aside on its volume: they may be of a device still linked.

A damaged session, one of another number, and one that a backup replaced get another name on the volume. Their devices
stay on the phone's list, and only a person may delete them. So the record keeps when that happened last, also after the
instance was told to link anew; not if a backup has brought the same device back.
"""

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from oxy_core.instance.custom_resource import GROUP
from oxy_core.instance.terminal_causes import terminal_cause
from oxy_core.times import utc_text

PAIRED_ANNOTATION: Final = f"{GROUP}/paired"
"""On the claim: ``true`` if a phone is linked with its session."""

ENDED_ANNOTATION: Final = f"{GROUP}/ended"
"""On the claim: how its epoch ended, if it did; JSON with ``exit_code`` and ``reason``."""

SET_ASIDE_ANNOTATION: Final = f"{GROUP}/set-aside"
"""On the claim: when credentials were last set aside on its volume, RFC 3339, or `NEVER`."""

NEVER: Final = "never"

UNKNOWN: Final = datetime.max.replace(tzinfo=UTC)
"""Stands for the time of something that nobody noted: no backup is newer."""


def aside_text(moment: datetime | None) -> str:
    """Return the form that `SET_ASIDE_ANNOTATION` has."""
    return NEVER if moment is None else utc_text(moment)


def aside_moment(text: str) -> datetime | None:
    """Return what `aside_text` was made of; `UNKNOWN` if somebody else has written it."""
    return None if text == NEVER else _moment(text)


def set_aside_at(annotations: Mapping[str, str]) -> datetime | None:
    """Return when credentials were last set aside on a claim's volume; None: never, or WhatsApp unlinked their device.

    Operators of before noted no time. Then it is `UNKNOWN` if no phone is linked, unless WhatsApp has unlinked it: it
    may never have been linked, or its session may have been set aside.
    """
    text = annotations.get(SET_ASIDE_ANNOTATION)
    if text is not None:
        return aside_moment(text)
    is_linked = annotations.get(PAIRED_ANNOTATION) == "true"
    return None if is_linked or _is_unlinked(annotations.get(ENDED_ANNOTATION)) else UNKNOWN


def _moment(text: str) -> datetime:
    with contextlib.suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    return UNKNOWN


def _is_unlinked(ended: str | None) -> bool:
    """Whether an epoch ended because WhatsApp unlinked the device."""
    try:
        end = json.loads(ended or "{}")
        cause = terminal_cause(int(end["exit_code"]), str(end.get("reason", "")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return cause is not None and cause.unpairs and not cause.sets_aside
