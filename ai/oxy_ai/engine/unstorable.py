"""Reports that cannot be stored, and of whom they are as far as that can be read.

Of somebody who was forgotten since they were written, they are kept nowhere: neither parked nor as dead letters.
"""

import json
import re
from typing import Final

from oxy_ai.engine.store import Engine
from oxy_ai.sanitize import storable_text

_NAMED: Final = ("chat", "chat_alias", "sender", "old", "new", "old_lid", "new_lid")
"""Fields of a report's body with the addresses of whom it is of, in all kinds that there are."""

_ADDRESS: Final = re.compile(rb"\d{5,20}@(?:s\.whatsapp\.net|lid)")

_MOST: Final = 20
"""Addresses that are looked for in what is no JSON."""

MAX_ADDRESS: Final = 200
"""Characters: nobody has checked it."""


def body_of(data: bytes) -> dict[str, object]:
    """Return the body of a report; empty if it cannot be read."""
    try:
        body = json.loads(data)["body"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def addresses_of(data: bytes) -> list[str]:
    """Return the addresses of whom a report is of; of what cannot be read, all that are in it."""
    body = body_of(data)
    if not body:
        return [found.decode() for found in dict.fromkeys(_ADDRESS.findall(data))][:_MOST]
    named = [body.get(field) for field in _NAMED]
    return [storable_text(value)[:MAX_ADDRESS] for value in named if isinstance(value, str)]


async def is_forgotten(engine: Engine, account: str, data: bytes, waited_seconds: float) -> bool:
    """Whether a report is of somebody who was forgotten since it was written; raises the database's error."""
    addresses = addresses_of(data)
    if not addresses:
        return False
    forgotten: bool = await engine.pool.fetchval(
        "select is_unstorable_of_erased($1, $2, $3)", account, addresses, waited_seconds
    )
    return forgotten
