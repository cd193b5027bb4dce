"""What a neonize child process can ask the server, beyond sending and receiving.

Every function takes the client's command arguments and returns facts for one event.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import MessageToDict
from neonize import _binder
from neonize.proto import Neonize_pb2 as wire

GO = _binder.gocode
Facts = dict[str, Any]


def address(text: str) -> wire.JID:
    """Read `digits`, `user@server` or `user:device@server`."""
    user, _, server = text.partition("@")
    name, _, device = user.partition(":")
    return wire.JID(
        User=name,
        RawAgent=0,
        Device=int(device or 0),
        Integrator=0,
        Server=server or "s.whatsapp.net",
        IsEmpty=False,
    )


def encoded(text: str) -> tuple[bytes, int]:
    data = address(text).SerializeToString()
    return data, len(data)


def encoded_list(texts: str) -> tuple[bytes, int]:
    data = wire.JIDArray(JIDS=[address(text) for text in texts.split()]).SerializeToString()
    return data, len(data)


def text_of(result: object) -> str:
    return result.decode() if isinstance(result, bytes) else str(result or "")


def facts(reply: Any) -> Facts:  # noqa: ANN401 - any protobuf message
    found: Facts = MessageToDict(reply)
    return {"error": found.pop("Error", ""), "facts": found}


def numbers(uuid: bytes, phones: str) -> Facts:
    reply = wire.IsOnWhatsAppReturnFunction.FromString(GO.IsOnWhatsApp(uuid, phones.encode()))
    rows = [(row.Query, row.JID.User, row.JID.Server, row.IsIn) for row in reply.IsOnWhatsAppResponse]
    return {"numbers": rows, "error": reply.Error}


def users(uuid: bytes, jids: str) -> Facts:
    return facts(wire.GetUserInfoReturnFunction.FromString(GO.GetUserInfo(uuid, *encoded_list(jids))))


def devices(uuid: bytes, jids: str) -> Facts:
    reply = wire.GetUserDevicesreturnFunction.FromString(GO.GetUserDevices(uuid, *encoded_list(jids)))
    return {"devices": sorted((jid.User, jid.Device) for jid in reply.JID), "error": reply.Error}


def lid(uuid: bytes, phone: str) -> Facts:
    reply = wire.GetJIDFromStoreReturnFunction.FromString(GO.GetLIDFromPN(uuid, *encoded(phone)))
    return {"lid": reply.Jid.User, "error": reply.Error}


def blocklist(uuid: bytes) -> Facts:
    return facts(wire.GetBlocklistReturnFunction.FromString(GO.GetBlocklist(uuid)))


def block(uuid: bytes, jid: str, action: str) -> Facts:
    reply = GO.UpdateBlocklist(uuid, *encoded(jid), action.encode())
    return facts(wire.GetBlocklistReturnFunction.FromString(reply))


def privacy(uuid: bytes) -> Facts:
    return facts(wire.PrivacySettings.FromString(GO.GetPrivacySettings(uuid)))


def set_privacy(uuid: bytes, name: str, value: str) -> Facts:
    reply = GO.SetPrivacySetting(uuid, name.encode(), value.encode())
    return facts(wire.SetPrivacySettingReturnFunction.FromString(reply))


def picture(uuid: bytes, jid: str) -> Facts:
    params = wire.GetProfilePictureParams(Preview=False).SerializeToString()
    reply = GO.GetProfilePicture(uuid, *encoded(jid), params, len(params))
    return facts(wire.GetProfilePictureReturnFunction.FromString(reply))


def set_about(uuid: bytes, text: str) -> Facts:
    return {"error": text_of(GO.SetStatusMessage(uuid, text.encode()))}


def subscribe(uuid: bytes, jid: str) -> Facts:
    return {"error": text_of(GO.SubscribePresence(uuid, *encoded(jid)))}


def groups(uuid: bytes) -> Facts:
    return facts(wire.GetJoinedGroupsReturnFunction.FromString(GO.GetJoinedGroups(uuid)))


def group(uuid: bytes, jid: str) -> Facts:
    return facts(wire.GetGroupInfoReturnFunction.FromString(GO.GetGroupInfo(uuid, *encoded(jid))))


def passive(uuid: bytes, value: str) -> Facts:
    return {"error": text_of(GO.SetPassive(uuid, value == "true"))}


def leave(uuid: bytes, jid: str) -> Facts:
    return {"error": text_of(GO.LeaveGroup(uuid, *encoded(jid)))}


def rename(uuid: bytes, jid: str, name: str) -> Facts:
    return {"error": text_of(GO.SetGroupName(uuid, *encoded(jid), name.encode()))}


def members(uuid: bytes, jid: str, jids: str, change: str) -> Facts:
    reply = GO.UpdateGroupParticipants(uuid, *encoded(jid), *encoded_list(jids), change.encode())
    return facts(wire.UpdateGroupParticipantsReturnFunction.FromString(reply))


QUERIES: dict[str, Callable[..., Facts]] = {
    query.__name__: query
    for query in (
        numbers,
        users,
        devices,
        lid,
        blocklist,
        block,
        privacy,
        set_privacy,
        picture,
        set_about,
        subscribe,
        groups,
        group,
        passive,
        leave,
        rename,
        members,
    )
}
