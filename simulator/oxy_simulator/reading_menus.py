"""How a phone reads messages to choose from, and the choices made."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from oxy_simulator.content import Content
from oxy_simulator.menus import (
    Button,
    ButtonReply,
    Buttons,
    FlowButton,
    Interactive,
    InteractiveReply,
    ListMenu,
    ListReply,
    Row,
    Section,
    Template,
    TemplateReply,
)
from oxy_simulator.proto.message_pb2 import ListMessage, Message

MenuReader: TypeAlias = Callable[[Message], Content]


def _buttons(message: Message) -> Content:
    menu = message.buttons_message
    buttons = tuple(Button(id=button.button_id, text=button.button_text.display_text) for button in menu.buttons)
    return Buttons(text=menu.content_text, buttons=buttons, footer=menu.footer_text)


def _button_reply(message: Message) -> Content:
    reply = message.buttons_response_message
    return ButtonReply(
        target=reply.context_info.stanza_id, id=reply.selected_button_id, text=reply.selected_display_text
    )


def _list(message: Message) -> Content:
    menu = message.list_message
    return ListMenu(
        text=menu.description,
        button=menu.button_text,
        sections=tuple(_section(section) for section in menu.sections),
        title=menu.title,
        footer=menu.footer_text,
    )


def _section(section: ListMessage.Section) -> Section:
    rows = tuple(Row(id=row.row_id, title=row.title, description=row.description) for row in section.rows)
    return Section(title=section.title, rows=rows)


def _list_reply(message: Message) -> Content:
    reply = message.list_response_message
    chosen = reply.single_select_reply.selected_row_id
    return ListReply(target=reply.context_info.stanza_id, id=chosen, text=reply.title)


def _interactive(message: Message) -> Content:
    menu = message.interactive_message
    buttons = menu.native_flow_message.buttons
    return Interactive(
        text=menu.body.text,
        buttons=tuple(FlowButton(name=button.name, params=button.button_params_json) for button in buttons),
        title=menu.header.title,
        footer=menu.footer.text,
    )


def _interactive_reply(message: Message) -> Content:
    reply = message.interactive_response_message
    flow = reply.native_flow_response_message
    target = reply.context_info.stanza_id
    return InteractiveReply(target=target, name=flow.name, params=flow.params_json, text=reply.body.text)


def _template(message: Message) -> Content:
    template = message.template_message.hydrated_template
    buttons = template.hydrated_buttons
    replies = [button.quick_reply_button for button in buttons if button.HasField("quick_reply_button")]
    return Template(
        text=template.hydrated_content_text,
        buttons=tuple(Button(id=reply.id, text=reply.display_text) for reply in replies),
        title=template.hydrated_title_text,
        footer=template.hydrated_footer_text,
    )


def _template_reply(message: Message) -> Content:
    reply = message.template_button_reply_message
    target = reply.context_info.stanza_id
    return TemplateReply(target=target, id=reply.selected_id, text=reply.selected_display_text)


MENU_READERS: Final[Mapping[str, MenuReader]] = MappingProxyType(
    {
        "buttons_message": _buttons,
        "buttons_response_message": _button_reply,
        "list_message": _list,
        "list_response_message": _list_reply,
        "interactive_message": _interactive,
        "interactive_response_message": _interactive_reply,
        "template_message": _template,
        "template_button_reply_message": _template_reply,
    }
)
