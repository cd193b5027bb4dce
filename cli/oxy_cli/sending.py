"""What an instance's number may send without being asked, in words: the answer of the workers, for people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

WAITING_COLUMNS: Final[Sequence[str]] = ("WAITING", "BECAUSE", "TEXTS", "SINCE", "UNTIL")

_STOPPED: Final[Mapping[str, str]] = {
    "reachout_locked": "WhatsApp lets the number write to nobody first",
    "rate_limited": "WhatsApp has asked it to send less",
    "banned": "WhatsApp has banned it",
    "failures": "too many promotions failed",
    "opt_outs": "too many contacts wanted no more promotions",
    "person": "a person wanted it",
}
_REASONS: Final[Mapping[str, str]] = {
    "connection": "there is no connection to WhatsApp",
    "frozen": "sending is frozen (oxy thaw)",
    "paused": "the number was stopped",
    "assistant": "the assistant is paused or turned off",
    "draft": "spec.ai.mode is Draft",
    "quiet_hours": "it is quiet (spec.limits.quietHours)",
    "day": "the day's promotions are sent (spec.limits.campaignPerDay, warmUp)",
    "minute": "the minute's messages are sent (spec.limits.outboundPerMinute)",
    "settings": "the operator has not published the limits yet",
    "human": "people answer the contact",
    "audience": "spec.ai.mode is Only, and the contact is none of them",
    "talking": "the contact has just written",
    "hours": "it is not within the campaign's hours (window.hours)",
    "interval": "the contact got a promotion (spec.limits.proactiveIntervalDays)",
    "not_before": "its time has not come",
    "turn": "others go first",
}


def sending_rows(sending: Mapping[str, Any], place: str) -> list[tuple[str, str]]:
    """Return what is left of the budget, and what stopped the number, as names and values.

    `place` is the instance as commands take it.
    """
    rows = [
        ("promotions left today", _promotions(sending)),
        ("sent in the last minute", f"{sending['this_minute']} of {_number(sending.get('per_minute'))}"),
        ("quiet hours", _quiet(sending)),
    ]
    if paused := sending.get("paused"):
        why = _STOPPED.get(paused["why"], paused["why"])
        by = f" ({paused['by']})" if paused.get("by") else ""
        since = _moment(paused["at"], sending["timezone"])
        rows.append(("stopped", f"since {since}: {why}{by}. To go on: oxy campaign resume {place} --instance"))
    return rows


def waiting_rows(sending: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for all texts that wait for the same reason."""
    zone = sending["timezone"]
    return [
        [
            f"{line['purpose']}s",
            because(line["why"]),
            str(line["texts"]),
            _moment(line["since"], zone),
            _moment(line.get("until"), zone),
        ]
        for line in sending["waiting"]
    ]


def because(why: str) -> str:
    """Return why something waits, for people."""
    return _REASONS.get(why, why)


def _promotions(sending: Mapping[str, Any]) -> str:
    left, most = _number(sending.get("promotions_left")), _number(sending.get("promotions_a_day"))
    return f"{left} of {most} (day {sending['promotion_day']} on which the number sends any)"


def _quiet(sending: Mapping[str, Any]) -> str:
    hours, until = sending.get("quiet_hours") or "none", sending.get("quiet_until")
    return f"{hours} {sending['timezone']}" + (f", until {_moment(until, sending['timezone'])}" if until else "")


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)


def _moment(at: str | None, zone: str) -> str:
    """Return a time on the clocks of a zone.

    >>> _moment("2031-03-03T23:00:00Z", "America/Sao_Paulo")
    '2031-03-03 20:00 -03:00'
    """
    if at is None:
        return ""
    moment = datetime.fromisoformat(at).astimezone(ZoneInfo(zone))
    return f"{moment:%Y-%m-%d %H:%M} {moment.isoformat()[-6:]}"
