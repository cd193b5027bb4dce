"""Places and contacts."""

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from oxy_core.content import MAX_CARDS, MAX_URL, Cards, Place, PlaceholderReason
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import bounded_count, bounded_line
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.reading.body import Body, PartReader, Perspective
from oxy_tenant.content.reading.vcards import read_card


def _location(part: MessageProtobuf, _sender: Perspective) -> Body:
    kind = MessageKind.LIVE_LOCATION if part.isLive else MessageKind.LOCATION
    name, address = bounded_line(part.name), bounded_line(part.address)
    place = _place(part, name=name, address=address, url=bounded_line(part.URL, MAX_URL))
    return _of_place(kind, part.comment or name or "", place)


def _live_location(part: MessageProtobuf, _sender: Perspective) -> Body:
    place = _place(part, sequence=bounded_count(part.sequenceNumber))
    return _of_place(MessageKind.LIVE_LOCATION, part.caption, place)


def _of_place(kind: MessageKind, text: str, place: Place | None) -> Body:
    return Body(kind, text, place, reason=PlaceholderReason.UNREADABLE if place is None else None)


def _place(part: MessageProtobuf, **optional: str | int | None) -> Place | None:
    values = {"latitude": part.degreesLatitude, "longitude": part.degreesLongitude, **optional}
    if part.accuracyInMeters:
        values["accuracy_metres"] = bounded_count(part.accuracyInMeters)
    try:
        return Place.model_validate(values)
    except ValidationError:
        return None


def _contact(part: MessageProtobuf, _sender: Perspective) -> Body:
    return _of_cards(MessageKind.CONTACT, [part], 1)


def _contacts(part: MessageProtobuf, _sender: Perspective) -> Body:
    return _of_cards(MessageKind.CONTACTS, part.contacts[:MAX_CARDS], len(part.contacts))


def _of_cards(kind: MessageKind, contacts: list[MessageProtobuf], total: int) -> Body:
    cards = Cards(cards=tuple(read_card(contact.displayName, contact.vcard) for contact in contacts), total=total)
    reason = PlaceholderReason.TOO_LARGE if total > len(cards.cards) else None
    return Body(kind, ", ".join(card.name for card in cards.cards), cards, reason=reason)


READERS: Final[Mapping[str, PartReader]] = {
    "locationMessage": _location,
    "liveLocationMessage": _live_location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
}
