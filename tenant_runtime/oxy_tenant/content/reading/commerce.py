"""Orders, products, payments and invitations."""

from collections.abc import Mapping
from functools import partial
from typing import Final, Literal

from oxy_core.content import MAX_TOKEN, MAX_URL, Invite, Order, Payment, Product
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import (
    StrangeText,
    bounded_amount,
    bounded_count,
    bounded_line,
    jid_in,
    plausible_moment,
)
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.reading.body import Body, PartReader, Perspective
from oxy_tenant.content.reading.files import image_file

_STATUSES: Final = {1: "inquiry", 2: "accepted", 3: "declined"}
"""Source: WAWebProtobufsE2E, OrderMessage.OrderStatus."""

_MOST_PLACES: Final = 9
"""Decimal places of an amount that make sense; WhatsApp uses up to four."""


def _order(part: MessageProtobuf, _sender: Perspective) -> Body:
    order = Order(
        order_id=bounded_line(part.orderID, MAX_TOKEN),
        title=bounded_line(part.orderTitle),
        items=bounded_count(part.itemCount),
        amount=bounded_amount(part.totalAmount1000) if part.HasField("totalAmount1000") else None,
        currency=bounded_line(part.totalCurrencyCode, MAX_TOKEN),
        status=_STATUSES.get(part.status) if part.HasField("status") else None,
        seller=jid_in(part.sellerJID),
    )
    return Body(MessageKind.ORDER, part.message, order)


def _product(part: MessageProtobuf, _sender: Perspective) -> Body:
    owner = jid_in(part.businessOwnerJID)
    if not part.HasField("product"):
        catalog = part.catalog
        details = Product(title=bounded_line(catalog.title), description=bounded_line(catalog.description), owner=owner)
        return Body(MessageKind.CATALOG, part.body or catalog.title, details)
    product = part.product
    details = Product(
        product_id=bounded_line(product.productID, MAX_TOKEN),
        retailer_id=bounded_line(product.retailerID, MAX_TOKEN),
        title=bounded_line(product.title),
        description=bounded_line(product.description),
        amount=bounded_amount(product.priceAmount1000) if product.HasField("priceAmount1000") else None,
        sale_amount=bounded_amount(product.salePriceAmount1000) if product.HasField("salePriceAmount1000") else None,
        currency=bounded_line(product.currencyCode, MAX_TOKEN),
        url=bounded_line(product.URL, MAX_URL),
        owner=owner,
    )
    file = image_file(product.productImage) if product.HasField("productImage") else None
    return Body(MessageKind.PRODUCT, part.body or product.title, details, file=file)


def _payment_sent(part: MessageProtobuf, sender: Perspective) -> Body:
    target = sender.target(part.requestMessageKey) if part.HasField("requestMessageKey") else None
    return Body(MessageKind.PAYMENT, _note(part), Payment(action="sent", target=target))


def _payment_requested(part: MessageProtobuf, _sender: Perspective) -> Body:
    amount, currency = _money(part.amount) if part.HasField("amount") else (None, None)
    payment = Payment(
        action="requested",
        amount=bounded_amount(part.amount1000) if amount is None and part.HasField("amount1000") else amount,
        currency=currency or bounded_line(part.currencyCodeIso4217, MAX_TOKEN),
        expires_at=plausible_moment(part.expiryTimestamp),
    )
    return Body(MessageKind.PAYMENT, _note(part), payment)


def _request_ended(action: Literal["declined", "cancelled"], part: MessageProtobuf, sender: Perspective) -> Body:
    target = sender.target(part.key) if part.HasField("key") else None
    return Body(MessageKind.PAYMENT, details=Payment(action=action, target=target))


def _payment_invited(part: MessageProtobuf, _sender: Perspective) -> Body:
    expires_at = plausible_moment(part.expiryTimestamp)
    return Body(MessageKind.PAYMENT, details=Payment(action="invited", expires_at=expires_at))


def _invoice(part: MessageProtobuf, _sender: Perspective) -> Body:
    return Body(MessageKind.PAYMENT, part.note, Payment(action="other"))


def _split_payment(part: MessageProtobuf, _sender: Perspective) -> Body:
    amount, currency = _money(part.totalAmount)
    return Body(MessageKind.PAYMENT, part.description, Payment(action="other", amount=amount, currency=currency))


def _note(part: MessageProtobuf) -> StrangeText:
    note = part.noteMessage
    text: StrangeText = note.conversation or note.extendedTextMessage.text
    return text


def _money(money: MessageProtobuf) -> tuple[int | None, str | None]:
    """Return an amount in thousandths, and its currency. Source: WAWebProtobufsE2E, Money: value / offset."""
    currency = bounded_line(money.currencyCode, MAX_TOKEN)
    if not 0 < money.offset <= 10**_MOST_PLACES:
        return None, currency
    return bounded_amount(money.value * 1000 // money.offset), currency


def _group_invite(part: MessageProtobuf, _sender: Perspective) -> Body:
    invite = Invite(
        to="group",
        chat=jid_in(part.groupJID),
        name=bounded_line(part.groupName),
        code=bounded_line(part.inviteCode, MAX_TOKEN),
        expires_at=plausible_moment(part.inviteExpiration),
    )
    return Body(MessageKind.INVITE, part.caption or part.groupName, invite)


def _newsletter_invite(part: MessageProtobuf, _sender: Perspective) -> Body:
    invite = Invite(to="newsletter", chat=jid_in(part.newsletterJID), name=bounded_line(part.newsletterName))
    return Body(MessageKind.INVITE, part.caption or part.newsletterName, invite)


def _call_invite(part: MessageProtobuf, _sender: Perspective) -> Body:
    return Body(MessageKind.INVITE, part.caption, Invite(to="call"))


READERS: Final[Mapping[str, PartReader]] = {
    "orderMessage": _order,
    "productMessage": _product,
    "sendPaymentMessage": _payment_sent,
    "requestPaymentMessage": _payment_requested,
    "declinePaymentRequestMessage": partial(_request_ended, "declined"),
    "cancelPaymentRequestMessage": partial(_request_ended, "cancelled"),
    "paymentInviteMessage": _payment_invited,
    "invoiceMessage": _invoice,
    "splitPaymentMessage": _split_payment,
    "groupInviteMessage": _group_invite,
    "newsletterAdminInviteMessage": _newsletter_invite,
    "newsletterFollowerInviteMessageV2": _newsletter_invite,
    "bcallMessage": _call_invite,
}
