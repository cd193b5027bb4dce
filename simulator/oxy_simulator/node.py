"""Nodes: the XML-like stanzas of WhatsApp Web, as `codec` reads and writes them.

Content is always bytes, nodes or nothing, and attribute values are text or addresses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from oxy_simulator.errors import FrameError
from oxy_simulator.jid import PHONE_SERVER, SERVER_JID, Jid

AttributeValue: TypeAlias = str | Jid
Attrs: TypeAlias = Mapping[str, str | int | Jid | None]
Content: TypeAlias = "bytes | list[Node] | None"


@dataclass(slots=True)
class Node:
    """One stanza or element: a tag, attributes, and bytes or children."""

    tag: str
    attrs: dict[str, AttributeValue] = field(default_factory=dict)
    content: Content = None

    @property
    def children(self) -> "list[Node]":
        """The child nodes; empty when the content is bytes or nothing."""
        return self.content if isinstance(self.content, list) else []

    @property
    def data(self) -> bytes:
        """The content as bytes; empty when there are children or nothing."""
        return self.content if isinstance(self.content, bytes) else b""

    def find(self, *path: str) -> "Node | None":
        """Return the first descendant along a path of tags, or None."""
        current: Node | None = self
        for tag in path:
            if current is None:
                return None
            current = next((child for child in current.children if child.tag == tag), None)
        return current

    def all(self, tag: str) -> "Iterator[Node]":
        """Yield every child with a tag."""
        return (child for child in self.children if child.tag == tag)

    def require(self, *path: str) -> "Node":
        """As `find`, but raise FrameError naming what is missing."""
        found = self.find(*path)
        if found is None:
            msg = f"<{self.tag}> lacks <{'/'.join(path)}>"
            raise FrameError(msg)
        return found

    def text(self, name: str, default: str | None = None) -> str:
        """Return an attribute as text; raise FrameError if it is missing and has no default."""
        value = self.attrs.get(name, default)
        if type(value) is str:
            return value
        if value is None:
            msg = f"<{self.tag}> lacks the attribute {name!r}"
            raise FrameError(msg)
        return str(value)

    def number(self, name: str, default: int) -> int:
        """Return an attribute as a number; raise FrameError if it is none."""
        text = self.text(name, str(default))
        if not text.isdecimal():
            msg = f"<{self.tag}> must carry a number in {name!r}, not {text!r}"
            raise FrameError(msg)
        return int(text)

    def jid(self, name: str) -> Jid:
        """Return an attribute that must be an address; raise FrameError otherwise."""
        value = self.attrs.get(name)
        if isinstance(value, Jid):
            return value
        if value == PHONE_SERVER:
            return SERVER_JID
        msg = f"<{self.tag}> must carry an address in {name!r}, not {value!r}"
        raise FrameError(msg)

    def __str__(self) -> str:
        attrs = "".join(f' {key}="{value}"' for key, value in self.attrs.items())
        if self.content is None:
            return f"<{self.tag}{attrs}/>"
        is_list = isinstance(self.content, list)
        inner = "".join(map(str, self.children)) if is_list else f"[{len(self.content)} bytes]"
        return f"<{self.tag}{attrs}>{inner}</{self.tag}>"


def node(tag: str, attrs: Attrs | None = None, content: Content = None) -> Node:
    """Build a node; numbers become text and attributes that are None are left out."""
    given = attrs or {}
    values = {key: str(value) if isinstance(value, int) else value for key, value in given.items() if value is not None}
    return Node(tag, values, content)
