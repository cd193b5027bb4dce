"""Timestamps as text."""

from datetime import datetime


def utc_text(moment: datetime) -> str:
    """Return RFC 3339 with seconds and Z, the form of Kubernetes' timestamps; `moment` is in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
