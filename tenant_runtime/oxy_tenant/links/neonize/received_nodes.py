"""Reads nodes that the library received from its own log: receipts, and contacts who changed their number. Pure.

neonize has an event for receipts too, but one of a type that it does not know ends its event loop, with all messages
in it; for changed numbers it has none. The log is harmless: at level DEBUG whatsmeow writes each node that it receives,
as XML, before it does anything with it (decision 52).

Formatting is not escaping, and contacts choose some values. So a node is read only if it is unambiguous: attributes in
the order that whatsmeow sorts them in, no name twice, and neither quotes nor angle brackets in values. What a contact
could still smuggle into a receipt are attributes after the id, which are used for groups alone. Nothing in a node
raises. Source: whatsmeow binary/xml.go.
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from oxy_core.identity import Jid
from oxy_core.report_bodies import ReceiptKind
from oxy_tenant.content.arrival import DIRECT_SERVERS
from oxy_tenant.content.bounds import bounded_id, plausible_moment
from oxy_tenant.links.events import ChangedNumber, Receipts

LONGEST_NODE: Final = 65_536
"""Characters. The largest receipts list some hundred ids."""

_ENTRY: Final = re.compile(rb"\n.{1,4}?<(?:receipt|notification) ", re.DOTALL)
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
_RECEIPT: Final = re.compile(rf"<receipt((?:{_UNGROUPED})+)(?:/>|>(.*)</receipt>)", re.DOTALL)
_CHANGE: Final = re.compile(rf"<notification((?:{_UNGROUPED})+)><modify((?:{_UNGROUPED})+)/></notification>")
_LIST: Final = re.compile(rf"<list>((?:<item(?:{_UNGROUPED})+/>)*)</list>")
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


def is_received_entry(entry: bytes) -> bool:
    """Whether a log entry of the library, as it comes, holds a node that the server sent."""
    return entry.endswith(_LOGGER)


def is_node_entry(entry: bytes) -> bool:
    """Whether a log entry of a received node holds one that is read here; cheap, because nearly all do not."""
    return _ENTRY.match(entry) is not None


def is_unimportant_entry(entry: bytes) -> bool:
    """Whether a log entry of the library, as it comes, is below WARN."""
    return _UNIMPORTANT.search(entry[-_LONGEST_ENDING:]) is not None


def event_of(node: str, owns: Callable[[Jid], bool]) -> Receipts | ChangedNumber | None:
    """Read a node; None if it means nothing to us, or is not unambiguous.

    `owns` tells whether an address is the account's own.
    """
    with contextlib.suppress(ValueError):
        if len(node) <= LONGEST_NODE:
            return _change(node) if node.startswith("<notification") else _receipt(node, owns)
    return None


def _change(node: str) -> ChangedNumber | None:
    found = _CHANGE.fullmatch(node)
    head, change = (_attributes(found[1]), _attributes(found[2])) if found is not None else (None, None)
    if head is None or change is None or head.get("type") != "contacts":
        return None
    old, new = (Jid.parse(change.get(name, "")).bare for name in ("old", "new"))
    old_lid, new_lid = (Jid.parse(change[name]).bare if change.get(name) else None for name in ("old_lid", "new_lid"))
    return ChangedNumber(old, new, _moment(head), old_lid, new_lid)


def _receipt(node: str, owns: Callable[[Jid], bool]) -> Receipts | None:
    found = _RECEIPT.fullmatch(node)
    attributes = _attributes(found[1]) if found is not None else None
    if found is None or attributes is None:
        return None
    kind, ids = _KINDS.get(attributes.get("type", "")), _ids(attributes, found[2] or "")
    return _receipts(attributes, kind, ids, owns) if kind is not None and ids else None


def _receipts(
    attributes: Mapping[str, str], kind: ReceiptKind, ids: tuple[str, ...], owns: Callable[[Jid], bool]
) -> Receipts:
    sender = Jid.parse(attributes.get("from", ""))
    source = sender.bare
    from_me = attributes.get("type") in _OWN or owns(source)
    chat, by = source, sender
    if source.server not in DIRECT_SERVERS and "participant" in attributes:
        by = Jid.parse(attributes["participant"])
    elif from_me and "recipient" in attributes:
        chat = Jid.parse(attributes["recipient"]).bare
    return Receipts(kind, ids, chat, by.bare, _moment(attributes), from_me, by_phone=from_me and by.device == 0)


def _moment(attributes: Mapping[str, str]) -> datetime | None:
    time = attributes.get("t", "")
    return plausible_moment(int(time)) if re.fullmatch(r"\d{1,15}", time, re.ASCII) else None


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
