"""Polls, events, and the encrypted answers to them."""

from collections.abc import Mapping
from typing import Final

from oxy_core.content import MAX_CHOICES, MAX_URL, Event, EventAnswer, PlaceholderReason, Poll, Vote
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import bounded_count, bounded_line, plausible_moment
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.reading.body import Body, PartReader, Perspective
from oxy_tenant.content.received import SealedAnswer, SecretUse


def _poll(part: MessageProtobuf, _sender: Perspective) -> Body:
    total = len(part.options)
    options = tuple(bounded_line(option.optionName) or "" for option in part.options[:MAX_CHOICES])
    poll = Poll(options=options, total=total, selectable=bounded_count(part.selectableOptionsCount))
    reason = PlaceholderReason.TOO_LARGE if total > len(options) else None
    return Body(MessageKind.POLL, part.name, poll, reason=reason)


def _vote(part: MessageProtobuf, sender: Perspective) -> Body:
    target = sender.target(part.pollCreationMessageKey)
    sealed = SealedAnswer(SecretUse.POLL_VOTE, target.whatsapp_id, part.vote.encPayload, part.vote.encIV)
    return Body(MessageKind.VOTE, details=Vote(target=target, resolved=False), sealed=sealed)


def _event(part: MessageProtobuf, _sender: Perspective) -> Body:
    event = Event(
        description=bounded_line(part.description),
        starts_at=plausible_moment(part.startTime),
        ends_at=plausible_moment(part.endTime),
        place=bounded_line(part.location.name) or bounded_line(part.location.address),
        join_url=bounded_line(part.joinLink, MAX_URL),
        cancelled=part.isCanceled,
    )
    return Body(MessageKind.EVENT, part.name, event)


def _event_answer(part: MessageProtobuf, sender: Perspective) -> Body:
    target = sender.target(part.eventCreationMessageKey)
    sealed = SealedAnswer(SecretUse.EVENT_RESPONSE, target.whatsapp_id, part.encPayload, part.encIV)
    return Body(MessageKind.EVENT_REPLY, details=EventAnswer(target=target), sealed=sealed)


def _scheduled_call(part: MessageProtobuf, _sender: Perspective) -> Body:
    return Body(MessageKind.EVENT, part.title, Event(starts_at=plausible_moment(part.scheduledTimestampMS)))


READERS: Final[Mapping[str, PartReader]] = {
    **dict.fromkeys(
        (
            "pollCreationMessage",
            "pollCreationMessageV2",
            "pollCreationMessageV3",
            "pollCreationMessageV5",
            "pollCreationMessageV6",
        ),
        _poll,
    ),
    "pollUpdateMessage": _vote,
    "eventMessage": _event,
    "encEventResponseMessage": _event_answer,
    "scheduledCallCreationMessage": _scheduled_call,
}
