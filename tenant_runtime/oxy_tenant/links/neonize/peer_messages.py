"""Messages between the account's own phone and this device: keys of the app state, notices of the history. Pure.

The library keeps them for itself. If a connection breaks right after one, the server sends it again, and the library
refuses the copy as it refuses that of a customer's message; but nobody has lost anything.
"""

import re
from collections.abc import Callable
from typing import Final

from oxy_core.identity import Jid

REMEMBERED: Final = 256
"""Ids. Between a message and the warning about it comes no other message."""

_ENTRY: Final = re.compile(rb'\n.{1,4}?<message category="peer" ', re.DOTALL)
"""How a log entry with such a node begins: field 1, its length. whatsmeow sorts attributes."""

_NODE: Final = re.compile(r'<message category="peer" from="([^"<>]*)" id="([^"<>]*)"')


def is_peer_entry(entry: bytes) -> bool:
    """Whether a log entry of a received node, as it comes, holds such a message; cheap."""
    return _ENTRY.match(entry) is not None


class PeerMessages:
    """Remembers the newest ones."""

    def __init__(self, owns: Callable[[Jid], bool]) -> None:
        """`owns` tells whether an address is the account's own."""
        self._owns = owns
        self._ids: dict[str, None] = {}

    def note(self, node: str) -> None:
        """Remember a message by its node; one that somebody else sent is a message like any other."""
        found = _NODE.match(node)
        if found is None or not self._is_own(found[1]):
            return
        self._ids[found[2]] = None
        if len(self._ids) > REMEMBERED:
            del self._ids[next(iter(self._ids))]

    def includes(self, whatsapp_id: str) -> bool:
        """Whether a message is one of them."""
        return whatsapp_id in self._ids

    def _is_own(self, address: str) -> bool:
        try:
            return self._owns(Jid.parse(address).bare)
        except ValueError:
            return False
