"""Profiles: about text, picture, privacy settings and the list of blocked contacts.

Sources: whatsmeow `user.go` (picture, blocklist, about), `privacysettings.go`, `types/user.go`
(the values of each setting), `group.go` (setting a picture).
"""

import base64
import hashlib
import json
from typing import Final

from oxy_simulator.accounts import Account, Device
from oxy_simulator.connection import Connection
from oxy_simulator.errors import RefusedError, RequestError
from oxy_simulator.jid import Jid
from oxy_simulator.network import Network
from oxy_simulator.node import Node, node
from oxy_simulator.notices import tell, tell_contacts

_AUDIENCE: Final = frozenset({"all", "contacts", "contact_blacklist", "none"})
PRIVACY_VALUES: Final[dict[str, frozenset[str]]] = {
    "groupadd": _AUDIENCE,
    "last": _AUDIENCE,
    "status": _AUDIENCE,
    "profile": _AUDIENCE,
    "readreceipts": frozenset({"all", "none"}),
    "online": frozenset({"all", "match_last_seen"}),
    "calladd": frozenset({"all", "known"}),
    "messages": frozenset({"all", "contacts"}),
    "defense": frozenset({"on_standard", "off"}),
    "stickers": frozenset({"contacts", "contact_allowlist", "none"}),
}
# Query id of the mutation that sets the about text. Source: whatsmeow `user.go`.
SET_ABOUT_QUERY: Final = "9152604461510864"
# Query id of the question whether writing to strangers is locked. Source: Baileys `src/Types/Mex.ts`.
REACHOUT_QUERY: Final = "23983697327930364"
# For ever, a day, a week, 90 days. Source: whatsmeow `send.go`, DisappearingTimer….
DISAPPEARING_SECONDS: Final = frozenset({0, 86400, 604800, 7776000})
# The simulator's own: clients take the path from the answer.
PICTURE_PATH: Final = "/v/t61.24694-24/{id}.jpg"

_HASH_BYTES: Final = 6


def get_privacy(_network: Network, connection: Connection, _iq: Node) -> list[Node]:
    """Answer with every privacy setting."""
    account, _ = connection.require_login()
    return [node("privacy", content=[_category(name, privacy_of(account, name)) for name in PRIVACY_VALUES])]


def default_privacy(name: str) -> str:
    """Return the value of a setting that was never touched."""
    return {"defense": "off", "stickers": "contacts"}.get(name, "all")


def set_privacy(network: Network, connection: Connection, iq: Node) -> list[Node]:
    """Change privacy settings for a device; raise RefusedError on an unknown name or value."""
    account, device = connection.require_login()
    categories = list(iq.require("privacy").all("category"))
    for category in categories:
        try:
            change_privacy(network, account, category.text("name"), category.text("value"), by=device)
        except RequestError as error:
            network.violation(connection, "privacy-setting", str(error))
            raise RefusedError(400, "bad-request") from error
    return [node("privacy", content=categories)]


def change_privacy(network: Network, account: Account, name: str, value: str, *, by: Device | None = None) -> None:
    """Change one setting, from a device or (without one) from the phone; raise RequestError if wrong."""
    allowed = PRIVACY_VALUES.get(name)
    if allowed is None or value not in allowed:
        choices = ", ".join(sorted(allowed or PRIVACY_VALUES))
        msg = f"privacy setting {name!r} cannot be {value!r}; choose from {choices}"
        raise RequestError(msg)
    account.profile.privacy[name] = value
    tell(
        network,
        account,
        "account_sync",
        [node("privacy", content=[_category(name, value)])],
        sender=account.pn,
        without=by,
    )
    network.changed()


def privacy_of(account: Account, name: str) -> str:
    """Return an account's value of a setting."""
    return account.profile.privacy.get(name, default_privacy(name))


def get_blocklist(network: Network, connection: Connection, _iq: Node) -> list[Node]:
    """Answer with whom the account has blocked."""
    account, _ = connection.require_login()
    return [_blocklist(network, account)]


def set_blocklist(network: Network, connection: Connection, iq: Node) -> list[Node]:
    """Block or unblock a contact for a device; raise RefusedError if it is nobody."""
    account, device = connection.require_login()
    item = iq.require("item")
    contact = network.find(item.jid("jid"))
    if contact is None or contact is account:
        raise RefusedError(400, "bad-request")
    block(network, account, contact, blocked=item.text("action") == "block", by=device)
    return [_blocklist(network, account)]


def block(network: Network, account: Account, contact: Account, *, blocked: bool, by: Device | None = None) -> None:
    """Block or unblock a contact, from a device or (without one) from the phone."""
    before, kept = _blocklist_hash(account), [phone for phone in account.profile.blocked if phone != contact.phone]
    account.profile.blocked = [*kept, contact.phone] if blocked else kept
    item = node("item", {"jid": contact.lid, "action": "block" if blocked else "unblock"})
    attrs = {"action": "modify", "dhash": _blocklist_hash(account), "prev_dhash": before}
    tell(network, account, "account_sync", [node("blocklist", attrs, [item])], sender=account.pn, without=by)
    network.changed()


def get_picture(network: Network, connection: Connection, iq: Node) -> list[Node]:
    """Answer with where a profile picture is; raise RefusedError if there is none or it is hidden."""
    account, _ = connection.require_login()
    target = network.find(iq.jid("target")) if isinstance(iq.attrs.get("target"), Jid) else None
    if target is None:
        raise RefusedError(404, "item-not-found")
    if target is not account and is_hidden(target, "profile", account):
        raise RefusedError(401, "not-authorized")
    request, picture_id = iq.require("picture"), target.profile.picture_id
    if picture_id is None:
        raise RefusedError(404, "item-not-found")
    if request.text("id", "") == picture_id:
        return [node("picture", {"status": "304"})]
    path = PICTURE_PATH.format(id=picture_id)
    url = f"https://pps.whatsapp.net{path}"
    kind = request.text("type", "image")
    return [node("picture", {"id": picture_id, "type": kind, "url": url, "direct_path": path})]


def set_picture(network: Network, connection: Connection, iq: Node) -> list[Node] | None:
    """Set or remove the account's own picture for a device; raise RefusedError for anyone else's."""
    account, device = connection.require_login()
    target = iq.attrs.get("target")
    if isinstance(target, Jid) and network.find(target) is not account:
        raise RefusedError(403, "forbidden")
    picture = iq.find("picture")
    change_picture(network, account, picture.data if picture else None, by=device)
    picture_id = account.profile.picture_id
    return [node("picture", {"id": picture_id})] if picture_id is not None else None


def change_picture(network: Network, account: Account, image: bytes | None, *, by: Device | None = None) -> None:
    """Set or remove a profile picture; its id derives from its bytes."""
    profile, sender = account.profile, account.lid if account.addressing == "lid" else account.pn
    profile.picture_id = str(int.from_bytes(hashlib.sha256(image).digest()[:_HASH_BYTES], "big")) if image else None
    attrs = {"jid": sender, "author": sender}
    change = node("set", {**attrs, "id": profile.picture_id}) if image else node("delete", attrs)
    tell_contacts(network, account, "picture", [change])
    tell(network, account, "account_sync", [node("picture")], sender=account.pn, without=by)
    network.changed()


def set_about(network: Network, connection: Connection, iq: Node) -> None:
    """Change the about text for a device, by the request that came before the query. Source: Baileys `chats.ts`."""
    account, _ = connection.require_login()
    change_about(network, account, iq.require("status").data.decode(errors="replace"))


def set_disappearing(network: Network, connection: Connection, iq: Node) -> None:
    """Change how long messages of new chats live; raise RefusedError if it is no time that phones offer."""
    account, _ = connection.require_login()
    duration = iq.require("disappearing_mode").number("duration", -1)
    if duration not in DISAPPEARING_SECONDS:
        network.violation(connection, "privacy-setting", f"messages cannot disappear after {duration} s")
        raise RefusedError(400, "bad-request")
    account.profile.disappearing, account.profile.disappearing_at = duration, int(network.clock())
    network.changed()


def mex(network: Network, connection: Connection, iq: Node) -> list[Node]:
    """Answer a GraphQL query: set the about text, tell if writing to strangers is locked; others are violations."""
    account, _ = connection.require_login()
    query = iq.require("query")
    if query.text("query_id") == REACHOUT_QUERY:
        locked = network.impairments.locks_strangers(account.phone)
        answer = {"data": {"xwa2_fetch_account_reachout_timelock": {"is_active": locked}}}
        return [node("result", content=json.dumps(answer).encode())]
    if query.text("query_id") != SET_ABOUT_QUERY:
        network.violation(connection, "unknown-query", f"w:mex query {query.text('query_id')}")
        raise RefusedError(501, "feature-not-implemented")
    try:
        text = json.loads(query.data)["variables"]["input"]["text"]
    except (ValueError, KeyError, TypeError) as error:
        network.violation(connection, "bad-query", f"the variables of query {SET_ABOUT_QUERY} lack input.text")
        raise RefusedError(400, "bad-request") from error
    change_about(network, account, str(text))
    return [node("result", content=b'{"data":{"xwa2_update_text_status":{"__typename":"XWA2TextStatus"}}}')]


def change_about(network: Network, account: Account, text: str) -> None:
    """Change the about text and tell the contacts."""
    account.profile.about, account.profile.about_at = text, int(network.clock())
    tell_contacts(network, account, "status", [node("set", content=text.encode())])
    network.changed()


def is_hidden(target: Account, setting: str, viewer: Account) -> bool:
    """Whether a setting of one account hides something from another; contacts know each other."""
    value = privacy_of(target, setting)
    if viewer.phone in target.profile.blocked:
        return True
    return value == "none" or (value == "contacts" and viewer.phone not in target.contacts)


def _category(name: str, value: str) -> Node:
    return node("category", {"name": name, "value": value})


def _blocklist(network: Network, account: Account) -> Node:
    items = [node("item", {"jid": network.account(phone).lid}) for phone in account.profile.blocked]
    return node("list", {"dhash": _blocklist_hash(account)}, items or None)


def _blocklist_hash(account: Account) -> str:
    return base64.b64encode(hashlib.sha256(",".join(account.profile.blocked).encode()).digest()[:_HASH_BYTES]).decode()
