"""What is of use in a vCard (RFC 6350), as phones write it."""

import re
from collections.abc import Iterator
from typing import Final

from oxy_core.content import MAX_NUMBERS, Card, CardNumber
from oxy_core.identity import PHONE_SERVER, Jid
from oxy_core.message_limits import MAX_NAME
from oxy_tenant.content.bounds import StrangeText, bounded_line, bounded_text

LONGEST: Final = 65_536
"""Characters of a vCard that are read; a photo in it comes after names and numbers."""

MOST_LINES: Final = 200
"""Lines of a vCard that are read; those of a person with all numbers that are kept have some twenty."""

_PROPERTY: Final = re.compile(
    r"(?:[\w-]+\.)?(?P<name>FN|ORG|EMAIL|TEL)(?P<options>(?:;[^:\n]*)?):(?P<value>.*)", re.IGNORECASE
)
_ACCOUNT: Final = re.compile(r"waid=([0-9]{7,15})", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\([,;\\])")


def read_card(name: StrangeText, vcard: StrangeText) -> Card:
    """Read a contact with its display name."""
    properties = list(_properties(bounded_text(vcard, LONGEST)))
    first = {key: value for key, _, value in reversed(properties)}
    return Card(
        name=bounded_line(name, MAX_NAME) or first.get("FN") or "",
        numbers=tuple(_number(value, options) for key, options, value in properties if key == "TEL")[:MAX_NUMBERS],
        organization=first.get("ORG"),
        email=first.get("EMAIL"),
    )


def _properties(vcard: str) -> Iterator[tuple[str, str, str]]:
    """Return the name, options and value of each property of use that has a value."""
    for line in vcard.replace("\n ", "").split("\n", MOST_LINES)[:MOST_LINES]:
        found = _PROPERTY.match(line)
        value = bounded_line(_ESCAPED.sub(r"\1", found["value"].rstrip(";")), MAX_NAME) if found else None
        if found is not None and value is not None:
            yield found["name"].upper(), found["options"], value


def _number(value: str, options: str) -> CardNumber:
    account = _ACCOUNT.search(options)
    return CardNumber(number=value, account=Jid(user=account[1], server=PHONE_SERVER) if account else None)
