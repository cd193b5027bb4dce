"""IQ requests: the calls that a client makes and the server answers.

Each kind is named by its namespace, type and first child. A kind that is not listed here is a
protocol violation, answered with an error, never with a silent empty result.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import structlog

from oxy_simulator import defaults, groupchanges, groups, linking, prekeys, privacytokens, profiles
from oxy_simulator.connection import Connection
from oxy_simulator.errors import RefusedError
from oxy_simulator.impairments import RATE_OVERLIMIT
from oxy_simulator.jid import SERVER_JID, Jid
from oxy_simulator.mediadesk import media_conn
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.peers import share_history
from oxy_simulator.sending import share_app_state
from oxy_simulator.usync import usync

Handler: TypeAlias = Callable[[Network, Connection, Node], "list[Node] | None"]

log = structlog.get_logger(__name__)


def on_iq(network: Network, connection: Connection, iq: Node) -> None:
    """Answer a request, or take the reply to one of ours."""
    kind = iq.text("type", "")
    if kind in {"result", "error"}:
        linking.on_pair_reply(network, connection, iq)
        return
    key = request_key(iq)
    handler = _HANDLERS.get(key)
    if handler is None:
        network.violation(connection, "unknown-iq", f"{'/'.join(key)}: {iq}")
        _reply_error(connection, iq, 501, "feature-not-implemented")
        return
    if connection.device is None and key not in _BEFORE_LOGIN:
        network.violation(connection, "not-logged-in", "/".join(key))
        _reply_error(connection, iq, 401, "not-authorized")
        return
    account = connection.account
    if account is not None and network.impairments.refuses_request(account.phone):
        _reply_error(connection, iq, RATE_OVERLIMIT, "rate-overlimit")
        return
    try:
        content = handler(network, connection, iq)
    except RefusedError as error:
        _reply_error(connection, iq, error.code, error.text)
        return
    _reply(connection, iq, content)
    after = _AFTERWARDS.get(key)
    if after is not None:
        after(network, connection, iq)


def request_key(iq: Node) -> tuple[str, str, str]:
    """Name a request: namespace, type, and the tag of its first child (may be empty)."""
    child = iq.children[0] if iq.children else None
    return iq.text("xmlns", ""), iq.text("type", ""), child.tag if child else ""


def _reply(connection: Connection, iq: Node, content: list[Node] | None) -> None:
    attrs: Attrs = {"from": iq.attrs.get("to", SERVER_JID), "type": "result", "id": iq.text("id")}
    connection.send(node("iq", attrs, content))


def _reply_error(connection: Connection, iq: Node, code: int, text: str) -> None:
    attrs: Attrs = {"from": iq.attrs.get("to", SERVER_JID), "type": "error", "id": iq.text("id")}
    connection.send(node("iq", attrs, [node("error", {"code": code, "text": text})]))


def _empty(_network: Network, _connection: Connection, _iq: Node) -> None:
    """Answer with an empty result: all that the real server says to these.

    Sources: whatsmeow `keepalive.go` (w:p), `connectionevents.go` (SetPassive); Baileys
    `src/Socket/socket.ts` (w:p with a ping), `src/Socket/chats.ts` (cleanDirtyBits).
    """


def _flush(network: Network, connection: Connection, _iq: Node) -> None:
    """After <active/>: first what waited, then what the phone shares with a new device."""
    network.flush(connection)
    account, device = connection.require_login()
    if not device.app_state_shared:
        share_app_state(network, account, device)
        share_history(network, account, device)


def _go_passive(_network: Network, connection: Connection, _iq: Node) -> None:
    connection.active = False


def _app_state(_network: Network, connection: Connection, iq: Node) -> list[Node]:
    account, _ = connection.require_login()
    answers = []
    for request in iq.require("sync").all("collection"):
        name = request.text("name")
        collection = account.app_state.collection(name)
        upload = request.find("patch")
        attrs: dict[str, str | int | Jid | None] = {"name": name}
        patches = []
        if upload is not None:
            attrs["type"] = "result"
            collection.append_foreign(upload.data)
        else:
            known = request.number("version", 0)
            patches = [node("patch", content=patch) for patch in collection.patches[known:]]
        attrs["version"] = collection.version
        content = [node("patches", content=list(patches))] if patches else None
        answers.append(node("collection", attrs, content))
    return [node("sync", content=answers)]


def _link_by_code(network: Network, connection: Connection, iq: Node) -> list[Node] | None:
    request = iq.require("link_code_companion_reg")
    if request.text("stage") == "companion_hello":
        return linking.companion_hello(network, connection, request)
    if request.text("stage") == "companion_finish":
        linking.companion_finish(network, connection, request)
        return None
    raise RefusedError(400, "bad-request")


def _finish_link(network: Network, _connection: Connection, iq: Node) -> None:
    request = iq.require("link_code_companion_reg")
    phone = request.jid("jid").user
    if request.text("stage") == "companion_finish" and phone in network.links:
        linking.finish_code_link(network, network.links[phone], phone)


def _log_out(_network: Network, connection: Connection, iq: Node) -> None:
    account, _ = connection.require_login()
    device_id = iq.require("remove-companion-device").jid("jid").device
    if device_id not in account.devices:
        raise RefusedError(404, "item-not-found")


def _after_log_out(network: Network, connection: Connection, iq: Node) -> None:
    account, device = connection.require_login()
    device_id = iq.require("remove-companion-device").jid("jid").device
    log.info("device_logged_out", device=device_id)
    if device_id == device.id:
        network.note(f"device {device_id} of +{account.phone} logged itself out")
        linking.forget_device(network, account, device_id)
        connection.finish()
    else:
        linking.unlink(network, account, device_id, f"device {device.id}")


_HANDLERS: Final[dict[tuple[str, str, str], Handler]] = {
    ("encrypt", "get", "count"): prekeys.count,
    ("encrypt", "get", "digest"): prekeys.digest,
    ("encrypt", "get", "key"): prekeys.fetch,
    ("encrypt", "set", "list"): prekeys.upload,
    ("encrypt", "set", "registration"): prekeys.upload,
    ("encrypt", "set", "rotate"): prekeys.rotate,
    ("abt", "get", "props"): defaults.props,
    ("w", "get", "props"): defaults.props,
    ("passive", "set", "active"): _empty,
    ("passive", "set", "passive"): _go_passive,
    ("usync", "get", "usync"): usync,
    ("w:sync:app:state", "set", "sync"): _app_state,
    ("w:m", "set", "media_conn"): media_conn,
    ("privacy", "get", "privacy"): profiles.get_privacy,
    ("privacy", "set", "privacy"): profiles.set_privacy,
    ("privacy", "set", "tokens"): privacytokens.take_tokens,
    ("blocklist", "get", ""): profiles.get_blocklist,
    ("blocklist", "set", "item"): profiles.set_blocklist,
    ("w:profile:picture", "get", "picture"): profiles.get_picture,
    ("w:profile:picture", "set", "picture"): profiles.set_picture,
    ("w:profile:picture", "set", ""): profiles.set_picture,
    ("w:mex", "get", "query"): profiles.mex,
    ("w:biz", "get", "business_profile"): defaults.business_profile,
    ("bot", "get", "bot"): defaults.bots,
    ("status", "set", "status"): profiles.set_about,
    ("disappearing_mode", "set", "disappearing_mode"): profiles.set_disappearing,
    ("w:g2", "get", "participating"): groups.participating,
    ("w:g2", "get", "query"): groups.query,
    ("w:g2", "set", "leave"): groupchanges.leave,
    ("w:g2", "set", "subject"): groupchanges.set_subject,
    ("w:g2", "set", "add"): groupchanges.add,
    ("w:g2", "set", "remove"): groupchanges.remove,
    ("w:p", "get", ""): _empty,
    ("w:p", "get", "ping"): _empty,
    ("urn:xmpp:whatsapp:dirty", "set", "clean"): _empty,
    ("md", "set", "link_code_companion_reg"): _link_by_code,
    ("md", "set", "remove-companion-device"): _log_out,
}
_BEFORE_LOGIN: Final = {
    ("md", "set", "link_code_companion_reg"),
    ("w:p", "get", ""),
    ("w:p", "get", "ping"),
}
_AFTERWARDS: Final[dict[tuple[str, str, str], Callable[[Network, Connection, Node], None]]] = {
    ("passive", "set", "active"): _flush,
    ("md", "set", "link_code_companion_reg"): _finish_link,
    ("md", "set", "remove-companion-device"): _after_log_out,
}
