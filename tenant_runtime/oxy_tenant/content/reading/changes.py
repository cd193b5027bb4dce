"""What changes earlier messages, and notices: nobody wrote these as messages."""

from collections.abc import Mapping
from enum import IntEnum
from functools import partial
from typing import Final

from oxy_core.content import Call, Notice, PlaceholderReason, Reaction, Revoke
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import bounded_count, bounded_text
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.reading.body import Body, PartReader, Perspective

LONGEST_EMOJI: Final = 64
"""Longest reaction in characters; a family with skin tones has 11."""


class ProtocolType(IntEnum):
    """Messages of the protocol that are of use. Source: WAWebProtobufsE2E, ProtocolMessage.Type."""

    REVOKE = 0
    EPHEMERAL_SETTING = 3
    SHARE_PHONE_NUMBER = 11
    MESSAGE_EDIT = 14
    LIMIT_SHARING = 27


_MISSED: Final = frozenset({1, 6, 7})
"""A call that was missed, or silenced. Source: WAWebProtobufsE2E, CallLogMessage.CallOutcome."""

_PINS: Final = {1: "pinned", 2: "unpinned"}
_KEEPS: Final = {1: "kept", 2: "unkept"}


def _reaction(part: MessageProtobuf, sender: Perspective) -> Body:
    emoji = bounded_text(part.text, LONGEST_EMOJI)
    return Body(MessageKind.REACTION, emoji, Reaction(target=sender.target(part.key), emoji=emoji))


def _protocol(part: MessageProtobuf, sender: Perspective) -> Body | None:
    """Read a message of the protocol itself; an edit is read by `message`."""
    match part.type:
        # Without a type it says nothing; 0 is the first one.
        case ProtocolType.REVOKE if part.HasField("type") and part.HasField("key"):
            return Body(MessageKind.REVOKE, details=Revoke(target=sender.target(part.key)))
        case ProtocolType.EPHEMERAL_SETTING:
            return _notice("ephemeral_setting", seconds=bounded_count(part.ephemeralExpiration))
        case ProtocolType.SHARE_PHONE_NUMBER:
            return _notice("phone_number_shared")
        case ProtocolType.LIMIT_SHARING:
            return _notice("sharing_limited" if part.limitSharing.sharingLimited else "sharing_allowed")
    return None


def _pin(part: MessageProtobuf, sender: Perspective) -> Body | None:
    return _about(_PINS.get(part.type), part, sender)


def _keep(part: MessageProtobuf, sender: Perspective) -> Body | None:
    return _about(_KEEPS.get(part.keepType), part, sender)


def _about(name: str | None, part: MessageProtobuf, sender: Perspective) -> Body | None:
    if name is None:
        return None
    return Body(MessageKind.NOTICE, details=Notice(name=name, target=sender.target(part.key)))


def _notice(name: str, *, seconds: int | None = None) -> Body:
    return Body(MessageKind.NOTICE, details=Notice(name=name, seconds=seconds))


def _call_log(part: MessageProtobuf, sender: Perspective) -> Body:
    if part.callOutcome in _MISSED and not sender.from_me:
        details = Call(video=part.isVideo, group=len(part.participants) > 1)
        return Body(MessageKind.MISSED_CALL, details=details)
    return _notice("call", seconds=bounded_count(part.durationSecs))


def _told(name: str, _part: MessageProtobuf, _sender: Perspective) -> Body:
    return _notice(name)


def _withheld(_part: MessageProtobuf, _sender: Perspective) -> Body:
    return Body(MessageKind.UNSUPPORTED, reason=PlaceholderReason.WITHHELD)


READERS: Final[Mapping[str, PartReader]] = {
    "reactionMessage": _reaction,
    "protocolMessage": _protocol,
    "pinInChatMessage": _pin,
    "keepInChatMessage": _keep,
    "callLogMesssage": _call_log,
    "requestPhoneNumberMessage": partial(_told, "phone_number_requested"),
    "scheduledCallEditMessage": partial(_told, "scheduled_call_cancelled"),
    "pollAddOptionMessage": partial(_told, "poll_option_added"),
    "statusNotificationMessage": partial(_told, "status_shared"),
    "statusStickerInteractionMessage": partial(_told, "status_reaction"),
    "placeholderMessage": _withheld,
}
