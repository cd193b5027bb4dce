"""What a person does on a phone beside writing: `POST /phones/{phone}/{action}`.

Each action has a body and a function that does it; the answer is the phone as it is then.
"""

import base64
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from oxy_simulator import calls, identity, peers, presence, profiles
from oxy_simulator.accounts import Account, SharedHistory
from oxy_simulator.contents import AnyContent, Text
from oxy_simulator.errors import RequestError
from oxy_simulator.groups import find_group
from oxy_simulator.jid import NEWSLETTER_SERVER, Jid, phone_digits
from oxy_simulator.marking import Marking, mark_messages
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, node
from oxy_simulator.presence import Typing
from oxy_simulator.privacytokens import give_token
from oxy_simulator.proto.message_pb2 import Message
from oxy_simulator.requests import MAX_NUMBER, Request
from oxy_simulator.rooms import post_status, say_in_group
from oxy_simulator.sending import text_message


class Reinstall(Request):
    """Install WhatsApp again: a new identity, no linked devices. Contacts are told unless `announce` is false."""

    announce: bool = True


class LimitPrekeys(Request):
    """Leave so many one-time prekeys to a linked device, or (without one) some or none to the phone."""

    left: int = Field(default=0, ge=0, le=MAX_NUMBER)
    device: int | None = None


class SetPresence(Request):
    """Open or close the app."""

    state: Literal["available", "unavailable"]


class Type(Request):
    """Type, record a voice note, or pause, in the chat with `to`."""

    to: str
    state: Typing = "composing"


class MarkMessages(Request):
    """Mark messages of `chat` as read or played; all of them without `ids`."""

    chat: str
    ids: list[str] | None = Field(default=None, min_length=1)
    kind: Marking = "read"


class Ring(Request):
    """Call `to`, which nobody answers; or its phone `accepted` or `rejected` the call."""

    to: str
    video: bool = False
    outcome: Literal["missed", "accepted", "rejected"] = "missed"


class ChangeNumber(Request):
    """Tell all contacts that this account goes on under the number of `contact`, another phone."""

    contact: str


class Confirm(Request):
    """Send the devices of `to` a receipt of any type; real phones send those that `kind` of `mark` names."""

    to: str
    type: str = Field(default="", max_length=64)
    ids: list[str] = Field(min_length=1)


class ChangeProfile(Request):
    """Change what others see; `picture` is base64, empty to remove it; `privacy` maps settings to values."""

    about: str | None = None
    picture: str | None = None
    privacy: dict[str, str] = Field(default_factory=dict)


class Block(Request):
    """Block a contact, or unblock it."""

    contact: str
    blocked: bool = True


class Trust(Request):
    """Give a contact the account's privacy token, as phones do with whom they write to."""

    contact: str


class ShareHistory(Request):
    """What the phone gives devices that are linked later: nothing, recent messages, or all if they ask for that."""

    share: SharedHistory = "recent"


class WriteToGroup(Request):
    """Write a text in a group, or a message of any kind that is not about another one."""

    group: str
    text: str | None = Field(default=None, min_length=1)
    message: AnyContent | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.text is None) == (self.message is None):
            msg = "give exactly one of 'text' and 'message'"
            raise ValueError(msg)
        return self


class PostStatus(Request):
    """Post a text as status, for the contacts."""

    text: str = Field(min_length=1)


class ReadNewsletter(Request):
    """Get a text of a newsletter (channel) that the account follows."""

    newsletter: str = Field(pattern=r"^\d{5,20}$")
    text: str = Field(min_length=1)


class ShareMapping(Request):
    """Tell the linked devices the LIDs of all contacts (the migration of chats from numbers to LIDs)."""


def _account(network: Network, phone: str) -> Account:
    digits = phone_digits(phone)
    return network.resolve(digits) or network.account(digits)


def _other(network: Network, account: Account, phone: str, *, field: str, doing: str) -> Account:
    """Return another phone's account; raise RequestError if it is the account itself."""
    other = _account(network, phone)
    if other is account:
        msg = f"{account.phone} cannot {doing} itself; name another phone as {field!r}"
        raise RequestError(msg)
    return other


def _reinstall(network: Network, account: Account, request: Reinstall) -> None:
    identity.reinstall(network, account, announce=request.announce)


def _limit_prekeys(network: Network, account: Account, request: LimitPrekeys) -> None:
    if request.device is None:
        account.out_of_prekeys = request.left == 0
        return
    device = account.devices.get(request.device)
    if device is None:
        linked = ", ".join(map(str, account.devices)) or "none"
        msg = f"{account.phone} has no linked device {request.device}; linked: {linked}"
        raise RequestError(msg)
    del device.prekeys[request.left :]
    network.notice_low_prekeys(account, device)


def _set_presence(network: Network, account: Account, request: SetPresence) -> None:
    presence.set_presence(network, account, available=request.state == "available")


def _type(network: Network, account: Account, request: Type) -> None:
    contact = _other(network, account, request.to, field="to", doing="be seen typing by")
    presence.type_in_chat(network, account, contact, request.state)


def _mark(network: Network, account: Account, request: MarkMessages) -> None:
    contact = _other(network, account, request.chat, field="chat", doing="mark messages of")
    mark_messages(network, account, contact, request.kind, request.ids)


def _ring(network: Network, account: Account, request: Ring) -> None:
    callee = _other(network, account, request.to, field="to", doing="call")
    calls.ring(network, account, callee, video=request.video, outcome=request.outcome)


def _change_number(network: Network, account: Account, request: ChangeNumber) -> None:
    new = _other(network, account, request.contact, field="contact", doing="go on as")
    calls.change_number(network, account, new)


def _confirm(network: Network, account: Account, request: Confirm) -> None:
    contact = _other(network, account, request.to, field="to", doing="send receipts to")
    calls.confirm(network, account, contact, request.type, request.ids)


def _change_profile(network: Network, account: Account, request: ChangeProfile) -> None:
    image = None
    try:
        image = base64.b64decode(request.picture, validate=True) if request.picture else None
    except ValueError as error:
        msg = "picture is not base64; encode the image's bytes"
        raise RequestError(msg) from error
    for name, value in request.privacy.items():
        profiles.change_privacy(network, account, name, value)
    if request.about is not None:
        profiles.change_about(network, account, request.about)
    if request.picture is not None:
        profiles.change_picture(network, account, image)


def _block(network: Network, account: Account, request: Block) -> None:
    contact = _other(network, account, request.contact, field="contact", doing="block")
    profiles.block(network, account, contact, blocked=request.blocked)


def _trust(network: Network, account: Account, request: Trust) -> None:
    give_token(network, account, _other(network, account, request.contact, field="contact", doing="trust"))


def _write_to_group(network: Network, account: Account, request: WriteToGroup) -> None:
    group = find_group(network, request.group)
    if account.phone not in group.members:
        msg = f"{account.phone} is not in the group {request.group}; add it first"
        raise RequestError(msg)
    say_in_group(network, account, group, request.message or Text(text=request.text or ""))


def _post_status(network: Network, account: Account, request: PostStatus) -> None:
    post_status(network, account, text_message(request.text))


def _read_newsletter(network: Network, account: Account, request: ReadNewsletter) -> None:
    """Source: whatsmeow `message.go`, handlePlaintextMessage: newsletters are not encrypted."""
    server_id = network.next_stanza_id()
    attrs: Attrs = {
        "from": Jid(request.newsletter, NEWSLETTER_SERVER),
        "id": server_id,
        "server_id": int(server_id, 16),
        "type": "text",
        "t": int(network.clock()),
    }
    text = node("plaintext", content=Message(conversation=request.text).SerializeToString())
    for device in list(account.devices.values()):
        network.post(account, device, node("message", attrs, [text]))


def _share_history(_network: Network, account: Account, request: ShareHistory) -> None:
    account.shares_history = request.share


def _share_mapping(network: Network, account: Account, _request: ShareMapping) -> None:
    peers.share_mapping(network, account)


class Action(NamedTuple):
    """An action's body, and what does it."""

    request: type[Request]
    act: Callable[[Network, Account, Any], None]


ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {
        "reinstall": Action(Reinstall, _reinstall),
        "prekeys": Action(LimitPrekeys, _limit_prekeys),
        "presence": Action(SetPresence, _set_presence),
        "typing": Action(Type, _type),
        "mark": Action(MarkMessages, _mark),
        "call": Action(Ring, _ring),
        "change-number": Action(ChangeNumber, _change_number),
        "receipt": Action(Confirm, _confirm),
        "profile": Action(ChangeProfile, _change_profile),
        "block": Action(Block, _block),
        "trust": Action(Trust, _trust),
        "history": Action(ShareHistory, _share_history),
        "group-message": Action(WriteToGroup, _write_to_group),
        "status": Action(PostStatus, _post_status),
        "newsletter": Action(ReadNewsletter, _read_newsletter),
        "lid-mapping": Action(ShareMapping, _share_mapping),
    }
)


def act(network: Network, account: Account, action: str, request: Request) -> None:
    """Let a phone do something; raise RequestError if that is impossible."""
    ACTIONS[action].act(network, account, request)
    network.changed(account)
