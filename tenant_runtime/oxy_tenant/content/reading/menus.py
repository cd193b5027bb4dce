"""Messages to choose from, and the choices made."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from oxy_core.content import MAX_CHOICES, MAX_PARAMETERS, MAX_TOKEN, Choice, Menu, MenuChoice, Product, Target
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.bounds import StrangeText, bounded_id, bounded_line, jid_in
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.content.reading.body import Body, PartReader, Perspective

MAX_CAROUSEL: Final = 16
"""Most cards of a carousel that are read; the apps show ten."""


def _buttons(part: MessageProtobuf, _sender: Perspective) -> Body:
    choices = (_choice(button.buttonID, button.buttonText.displayText) for button in part.buttons[:MAX_CHOICES])
    return _menu(
        MessageKind.BUTTONS, part.contentText, choices, len(part.buttons), title=part.text, footer=part.footerText
    )


def _list(part: MessageProtobuf, _sender: Perspective) -> Body:
    if part.HasField("productListInfo"):
        catalog = Product(title=bounded_line(part.title), owner=jid_in(part.productListInfo.businessOwnerJID))
        return Body(MessageKind.CATALOG, part.description or part.title, catalog)
    total = sum(len(section.rows) for section in part.sections)
    return _menu(
        MessageKind.LIST,
        part.description,
        _rows(part),
        total,
        title=part.title,
        footer=part.footerText,
        button=part.buttonText,
    )


def _rows(part: MessageProtobuf) -> Iterator[MenuChoice]:
    for section in part.sections[:MAX_CHOICES]:
        for row in section.rows[:MAX_CHOICES]:
            yield _choice(row.rowID, row.title, row.description, section.title)


def _template(part: MessageProtobuf, sender: Perspective) -> Body:
    if part.HasField("interactiveMessageTemplate"):
        return _interactive(part.interactiveMessageTemplate, sender)
    filled = part.hydratedTemplate if part.HasField("hydratedTemplate") else part.hydratedFourRowTemplate
    choices = [_template_choice(button) for button in filled.hydratedButtons[:MAX_CHOICES]]
    return _menu(
        MessageKind.TEMPLATE,
        filled.hydratedContentText,
        choices,
        len(filled.hydratedButtons),
        title=filled.hydratedTitleText,
        footer=filled.hydratedFooterText,
    )


def _template_choice(button: MessageProtobuf) -> MenuChoice:
    if button.HasField("urlButton"):
        return _choice(button.urlButton.URL, button.urlButton.displayText)
    if button.HasField("callButton"):
        return _choice(button.callButton.phoneNumber, button.callButton.displayText)
    return _choice(button.quickReplyButton.ID, button.quickReplyButton.displayText)


def _interactive(part: MessageProtobuf, _sender: Perspective) -> Body:
    if part.HasField("shopStorefrontMessage") or part.HasField("collectionMessage"):
        catalog = Product(title=bounded_line(part.header.title), owner=jid_in(part.collectionMessage.bizJID))
        return Body(MessageKind.CATALOG, part.body.text or part.header.title, catalog)
    flows = [part.nativeFlowMessage, *(card.nativeFlowMessage for card in part.carouselMessage.cards[:MAX_CAROUSEL])]
    choices = (_choice(button.name, button.buttonParamsJSON) for flow in flows for button in flow.buttons[:MAX_CHOICES])
    total = sum(len(flow.buttons) for flow in flows)
    return _menu(
        MessageKind.INTERACTIVE,
        part.body.text or part.header.title,
        choices,
        total,
        title=part.header.title,
        footer=part.footer.text,
    )


def _menu(  # noqa: PLR0913 what menus have, each by name
    kind: MessageKind,
    text: StrangeText,
    choices: Iterable[MenuChoice],
    total: int,
    *,
    title: StrangeText = "",
    footer: StrangeText = "",
    button: StrangeText = "",
) -> Body:
    kept = tuple(choice for choice, _ in zip(choices, range(MAX_CHOICES), strict=False))
    menu = Menu(
        title=bounded_line(title),
        footer=bounded_line(footer),
        button=bounded_line(button),
        choices=kept,
        total=total,
    )
    return Body(kind, text or title, menu)


def _choice(
    choice_id: StrangeText, title: StrangeText, description: StrangeText = "", section: StrangeText = ""
) -> MenuChoice:
    return MenuChoice(
        id=bounded_line(choice_id, MAX_TOKEN) or "",
        title=bounded_line(title) or "",
        description=bounded_line(description),
        section=bounded_line(section),
    )


def _button_reply(part: MessageProtobuf, sender: Perspective) -> Body:
    return _reply(MessageKind.BUTTON_REPLY, part, sender, part.selectedDisplayText, part.selectedButtonID)


def _list_reply(part: MessageProtobuf, sender: Perspective) -> Body:
    row = part.singleSelectReply.selectedRowID
    return _reply(MessageKind.LIST_REPLY, part, sender, part.title, row, description=part.description)


def _template_reply(part: MessageProtobuf, sender: Perspective) -> Body:
    return _reply(MessageKind.TEMPLATE_REPLY, part, sender, part.selectedDisplayText, part.selectedID)


def _interactive_reply(part: MessageProtobuf, sender: Perspective) -> Body:
    flow = part.nativeFlowResponseMessage
    return _reply(MessageKind.INTERACTIVE_REPLY, part, sender, part.body.text, flow.name, parameters=flow.paramsJSON)


def _reply(  # noqa: PLR0913 what answers have, each by name
    kind: MessageKind,
    part: MessageProtobuf,
    sender: Perspective,
    text: StrangeText,
    choice_id: StrangeText,
    *,
    description: StrangeText = "",
    parameters: StrangeText = "",
) -> Body:
    menu = part.contextInfo.stanzaID
    choice = Choice(
        # Menus come from the other side.
        target=Target(whatsapp_id=bounded_id(menu), from_me=not sender.from_me) if menu else None,
        id=bounded_line(choice_id, MAX_TOKEN) or "",
        description=bounded_line(description),
        parameters=bounded_line(parameters, MAX_PARAMETERS),
    )
    return Body(kind, text or choice_id, choice)


READERS: Final[Mapping[str, PartReader]] = {
    "buttonsMessage": _buttons,
    "listMessage": _list,
    "templateMessage": _template,
    "interactiveMessage": _interactive,
    "buttonsResponseMessage": _button_reply,
    "listResponseMessage": _list_reply,
    "templateButtonReplyMessage": _template_reply,
    "interactiveResponseMessage": _interactive_reply,
}
