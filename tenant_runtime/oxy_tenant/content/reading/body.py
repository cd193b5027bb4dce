"""What readers return: the content of a message as values."""

from collections.abc import Callable
from dataclasses import dataclass

from oxy_core.content import Details, LinkPreview, PlaceholderReason, Target
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import StrangeText, bounded_id, jid_in
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.received import ReceivedFile, SealedAnswer


@dataclass(frozen=True, slots=True)
class Body:
    """The content of a message."""

    kind: MessageKind
    text: StrangeText = ""
    """Neither bounded nor clean."""
    details: Details | None = None
    file: ReceivedFile | None = None
    preview: LinkPreview | None = None
    reason: PlaceholderReason | None = None
    sealed: SealedAnswer | None = None
    view_once: bool = False


@dataclass(frozen=True, slots=True)
class Perspective:
    """From where a message was sent: keys of other messages are written as its sender sees them."""

    from_me: bool
    in_group: bool = False

    def target(self, key: MessageProtobuf) -> Target:
        """Read the key of an earlier message (WAWebProtobufsCommon ``MessageKey``)."""
        return Target(
            whatsapp_id=bounded_id(key.ID),
            from_me=None if self.in_group and not self.from_me else key.fromMe == self.from_me,
            sender=jid_in(key.participant) if self.in_group else None,
        )


PartReader = Callable[[MessageProtobuf, Perspective], Body | None]
"""Reads one field of a message; None if it is bookkeeping."""
