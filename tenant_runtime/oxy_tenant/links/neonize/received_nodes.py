"""Reads nodes that the library received from its own log: receipts. Pure; nothing in a node makes it raise.

neonize has events for them too, but one with a value that it does not know ends its event loop, with all messages in
it. The log is harmless: whatsmeow formats each node that it receives, as XML, whether anybody reads it or not.

Formatting is not escaping, and contacts choose some values. So a node is read only if it is unambiguous: attributes in
the order that whatsmeow sorts them in, no name twice, and neither quotes nor angle brackets in values. What a contact
could still smuggle in are attributes after the id, which are used for groups alone. Source: whatsmeow binary/xml.go.
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Final

from oxy_core.identity import Jid
from oxy_tenant.content.arrival import DIRECT_SERVERS
from oxy_tenant.content.bounds import bounded_id, plausible_moment
from oxy_tenant.links.events import ReceiptKind, Receipts

LONGEST_NODE: Final = 65_536
"""Characters. The largest receipts list some hundred ids."""

_ENTRY: Final = re.compile(rb"\n[\x00-\xff]{1,4}?<receipt ")
"""How a log entry with such a node begins: field 1, its length."""

_UNIMPORTANT: Final = re.compile(rb"\x12(?:\x05DEBUG|\x04INFO)\x1a.[A-Za-z/]{1,30}\Z", re.DOTALL)
"""How an entry below WARN ends: field 2, its level, and field 3, its logger."""

_LONGEST_ENDING: Final = 48
"""Bytes that hold all of it."""

_LOGGER: Final = b"\x1a\x0bClient/Recv"
"""How it ends: field 3, the logger that received nodes are written to. Others may quote what strangers wrote."""

_ATTRIBUTE: Final = r' ([a-z_-]{1,40})="([^"<>]*)"'
_ATTRIBUTES: Final = re.compile(_ATTRIBUTE)
_UNGROUPED: Final = _ATTRIBUTE.replace("(", "(?:")
_NODE: Final = re.compile(rf"<receipt((?:{_UNGROUPED})+)(/>|>)")
_LIST: Final = re.compile(rf"<list>((?:<item(?:{_UNGROUPED})+/>)*)</list></receipt>")
_ITEM: Final = re.compile(rf"<item((?:{_UNGROUPED})+)/>")

_KINDS: Final[Mapping[str, ReceiptKind]] = {
    "": ReceiptKind.DELIVERED,
    "inactive": ReceiptKind.DELIVERED,
    "sender": ReceiptKind.DELIVERED,
    "read": ReceiptKind.READ,
    "read-self": ReceiptKind.READ,
    "played": ReceiptKind.PLAYED,
    "played-self": ReceiptKind.PLAYED,
}
"""By type. The others ask for something again, or are about bookkeeping. Source: whatsmeow types/presence.go."""

_OWN: Final = frozenset({"sender", "read-self", "played-self"})
"""Types that only devices of our own account send."""


def is_receipt_entry(entry: bytes) -> bool:
    """Whether a log entry of the library, as it comes, holds a receipt; cheap, because nearly all entries do not."""
    return entry.endswith(_LOGGER) and _ENTRY.match(entry) is not None


def is_unimportant_entry(entry: bytes) -> bool:
    """Whether a log entry of the library, as it comes, is below WARN."""
    return _UNIMPORTANT.search(entry[-_LONGEST_ENDING:]) is not None


def receipts_of(node: str, owns: Callable[[Jid], bool]) -> Receipts | None:
    """Read a receipt; None if it is of a kind that we do not use, or not unambiguous.

    `owns` tells whether an address is the account's own.
    """
    found = _NODE.match(node) if len(node) <= LONGEST_NODE else None
    attributes = _attributes(found[1]) if found is not None else None
    if found is None or attributes is None:
        return None
    kind = _KINDS.get(attributes.get("type", ""))
    ids = _ids(attributes, node[found.end() :] if found[2] == ">" else "")
    if kind is None or not ids:
        return None
    with contextlib.suppress(ValueError):
        return _receipts(attributes, kind, ids, owns)
    return None


def _receipts(
    attributes: Mapping[str, str], kind: ReceiptKind, ids: tuple[str, ...], owns: Callable[[Jid], bool]
) -> Receipts:
    source = Jid.parse(attributes.get("from", "")).bare
    from_me = attributes.get("type") in _OWN or owns(source)
    chat, by = source, source
    if source.server not in DIRECT_SERVERS and "participant" in attributes:
        by = Jid.parse(attributes["participant"]).bare
    elif from_me and "recipient" in attributes:
        chat = Jid.parse(attributes["recipient"]).bare
    time = attributes.get("t", "")
    at = plausible_moment(int(time)) if re.fullmatch(r"\d{1,15}", time, re.ASCII) else None
    return Receipts(kind, ids, chat, by, at, from_me)


def _attributes(text: str) -> dict[str, str] | None:
    """Return attributes by name; None unless they are in order, each once."""
    found = _ATTRIBUTES.findall(text)
    names = [f"{name}=" for name, _ in found]
    return dict(found) if names == sorted(set(names)) else None


def _ids(attributes: Mapping[str, str], content: str) -> tuple[str, ...]:
    """Return the ids of the messages that a receipt is about, the main one first."""
    if not attributes.get("id") or content.startswith("<participants"):
        return ()
    listed = _LIST.fullmatch(content)
    items = [_attributes(item) or {} for item in _ITEM.findall(listed[1])] if listed is not None else []
    ids = [attributes["id"], *(item["id"] for item in items if item.get("id"))]
    return tuple(dict.fromkeys(bounded_id(found) for found in ids))
