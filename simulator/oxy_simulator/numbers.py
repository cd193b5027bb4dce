"""Phone numbers that are written in two ways.

Brazilian mobile numbers got a ninth digit in front. WhatsApp knows accounts that registered before
by the number without it: asked for either spelling it answers with the registered one. Addresses
(JIDs) are not rewritten: a JID with the other spelling is nobody's. Source: the `jid` in answers to
`contact` queries, whatsmeow `user.go`, IsOnWhatsApp.
"""

import re
from collections.abc import Iterator
from typing import Final

# Country 55, a two-digit area, and a mobile subscriber number, which begins with 6 to 9.
_LONG: Final = re.compile(r"(55[1-9][1-9])9([6-9]\d{7})")
_SHORT: Final = re.compile(r"(55[1-9][1-9])([6-9]\d{7})")


def spellings(digits: str) -> Iterator[str]:
    """Yield a number as it is written, then its other spelling if it has one."""
    yield digits
    long, short = _LONG.fullmatch(digits), _SHORT.fullmatch(digits)
    if long is not None:
        yield long[1] + long[2]
    elif short is not None:
        yield f"{short[1]}9{short[2]}"
