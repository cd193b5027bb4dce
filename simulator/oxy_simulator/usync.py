"""User queries (usync): who is on WhatsApp, with which devices, LID, about text and picture.

Source: whatsmeow `user.go` (usync, IsOnWhatsApp, GetUserInfo, parseDeviceList).
"""

from collections.abc import Callable
from typing import Final

from oxy_simulator.accounts import PHONE_DEVICE, Account
from oxy_simulator.connection import Connection
from oxy_simulator.devices import device_hash
from oxy_simulator.errors import RefusedError
from oxy_simulator.jid import PHONE_SERVER, Jid
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.profiles import is_hidden

PROTOCOLS: Final = frozenset(
    {"contact", "devices", "lid", "status", "picture", "business", "disappearing_mode", "username", "sidelist"}
)
MODES: Final = frozenset({"query", "delta", "full"})

_HIDDEN: Final[Attrs] = {"code": 401, "type": "fail"}


def usync(network: Network, connection: Connection, iq: Node) -> list[Node]:
    """Answer for each user what was asked; raise RefusedError for a protocol or mode that is unknown."""
    viewer, _ = connection.require_login()
    request = iq.require("usync")
    wanted = request.require("query").children
    unknown = [child.tag for child in wanted if child.tag not in PROTOCOLS]
    if unknown or request.text("mode") not in MODES:
        network.violation(connection, "unknown-usync", f"{unknown or request.text('mode')}: {request}")
        raise RefusedError(400, "bad-request")
    users = [_user(network, viewer, user, wanted) for user in request.require("list").all("user")]
    attrs: Attrs = {
        "sid": request.text("sid"),
        "index": "0",
        "last": "true",
        "mode": request.text("mode"),
        "context": request.text("context"),
    }
    result = node("result", content=[node(child.tag) for child in wanted])
    return [node("usync", attrs, [result, node("list", content=users)])]


def _user(network: Network, viewer: Account, user: Node, wanted: list[Node]) -> Node:
    contact = user.find("contact")
    if contact is None:
        account = network.find(_asked_jid(user))
        answers = [_answer(viewer, account, child, user) for child in wanted]
        return node("user", {"jid": user.attrs.get("jid", _asked_jid(user))}, _present(answers))
    digits = contact.data.decode().partition("@")[0].lstrip("+")
    account = network.resolve(digits)
    answers = [_answer(viewer, account, child, user) for child in wanted]
    return node("user", _contact_attrs(account, digits, wanted), _present(answers))


def _contact_attrs(account: Account | None, digits: str, wanted: list[Node]) -> Attrs:
    """Name who answers to a number: its own registered spelling, by LID if that was asked for."""
    if account is None:
        return {"jid": Jid(digits, PHONE_SERVER)}
    by_lid = any(child.tag == "contact" and child.text("addressing_mode", "") == "lid" for child in wanted)
    return {"jid": account.lid if by_lid else account.pn, "pn_jid": account.pn}


def _asked_jid(user: Node) -> Jid:
    lid = user.find("lid")
    return user.jid("jid") if lid is None or "jid" in user.attrs else lid.jid("jid")


def _answer(viewer: Account, account: Account | None, wanted: Node, user: Node) -> Node | None:
    if wanted.tag == "contact":
        query = user.find("contact")
        return node("contact", {"type": "in" if account else "out"}, query.data if query else None)
    if account is None:
        return node("devices", content=[node("device-list")]) if wanted.tag == "devices" else None
    answers: dict[str, Callable[[], Node | None]] = {
        "devices": lambda: _devices(account, user),
        "lid": lambda: node("lid", {"val": account.lid}),
        "status": lambda: _about(viewer, account),
        "picture": lambda: _picture(viewer, account),
        "disappearing_mode": lambda: _disappearing(account),
    }
    # No business or user name: the real server leaves these out too.
    return answers.get(wanted.tag, _nothing)()


def _devices(account: Account, user: Node) -> Node:
    ids = [PHONE_DEVICE, *sorted(account.devices)]
    devices = [node("device", {"id": device_id, "key-index": device_id or None}) for device_id in ids]
    asked = user.attrs.get("jid")
    by_lid = isinstance(asked, Jid) and asked.server == account.lid.server
    listing = node("device-list", {"hash": device_hash(account, by_lid=by_lid)}, devices)
    return node("devices", content=[listing])


def _about(viewer: Account, account: Account) -> Node:
    if viewer is not account and is_hidden(account, "status", viewer):
        return node("status", _HIDDEN)
    return node("status", {"t": account.profile.about_at or None}, account.profile.about.encode())


def _picture(viewer: Account, account: Account) -> Node | None:
    if viewer is not account and is_hidden(account, "profile", viewer):
        return node("picture", _HIDDEN)
    picture_id = account.profile.picture_id
    return node("picture", {"id": picture_id}) if picture_id is not None else None


def _disappearing(account: Account) -> Node | None:
    """Say how long messages of new chats live, if the account ever chose. Source: Baileys `src/WAUSync/Protocols`."""
    profile = account.profile
    return (
        node("disappearing_mode", {"duration": profile.disappearing, "t": profile.disappearing_at})
        if profile.disappearing_at
        else None
    )


def _nothing() -> None:
    """Leave a part of the answer out."""


def _present(answers: list[Node | None]) -> list[Node]:
    return [answer for answer in answers if answer is not None]
