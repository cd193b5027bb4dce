"""What people are told of a phone that gives no sign any more. Pure.

The pod counts: `oxy_tenant.journal.instance_events`.
"""

from typing import Final

from oxy_operator.problems import Problem

_SOON: Final = 12
"""After so many days two are left."""


def absence(days: int) -> Problem | None:
    """Return the problem of a phone that has been away for so many days; None: it is not known to be away."""
    if days == 0:
        return None
    message = (
        f"The business's phone has given no sign for {days} days, nor confirmed what was sent. After 14 days WhatsApp "
        "unlinks a phone's devices, and Oxy with them. Switch it on, connect it to the Internet and open WhatsApp."
    )
    return Problem("PhoneSoonUnlinked" if days >= _SOON else "PhoneOffline", message)
