"""Answers about what nobody here has: settings of their own, businesses, bots.

Clients ask for some of it at every start. Sources: Baileys `src/Socket/chats.ts` (fetchProps, getBusinessProfile,
getBotListV2), whatsmeow `user.go` (GetBusinessProfile, GetBotListV2).
"""

from oxy_simulator.connection import Connection
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node


def props(_network: Network, _connection: Connection, iq: Node) -> list[Node]:
    """Answer that no setting differs from what clients have built in; they ask again with the hash that this names.

    The namespace is `abt`, in Baileys 6 `w`. Source of the attributes: zapo `src/client/events/abprops.ts`
    (github.com/vinikjkkj/zapo).
    """
    asked = iq.require("props")
    attrs: Attrs = {
        "protocol": asked.text("protocol"),
        "hash": "none",
        "refresh": "86400",
        "refresh_id": "1",
        "delta_update": "false",
    }
    return [node("props", attrs)]


def business_profile(_network: Network, _connection: Connection, iq: Node) -> list[Node]:
    """Answer with a business profile that is empty but for its address."""
    asked = iq.require("business_profile")
    profile = node("profile", {"jid": asked.require("profile").jid("jid")})
    return [node("business_profile", {"v": asked.text("v")}, [profile])]


def bots(_network: Network, _connection: Connection, iq: Node) -> list[Node]:
    """Answer that there are no bots."""
    return [node("bot", {"v": iq.require("bot").text("v")})]
