"""What linked devices change about groups: leaving, naming, who is in them.

What else they may ask for (promoting, descriptions, invites …) is an unknown request, refused and recorded.
Source: whatsmeow `group.go` (LeaveGroup, SetGroupName, UpdateGroupParticipants, parseParticipant).
"""

from typing import Final

from oxy_simulator.accounts import Account
from oxy_simulator.connection import Connection
from oxy_simulator.errors import RefusedError
from oxy_simulator.groups import change_members, member_group, rename
from oxy_simulator.jid import Jid
from oxy_simulator.network import Group, Network
from oxy_simulator.node import Node, node

# "Group names are limited to 25 characters. A longer group name will cause a 406 not acceptable error."
# Source: whatsmeow `group.go`, ReqCreateGroup.
LONGEST_NAME: Final = 25

# Source: whatsmeow `errors.go`, ErrIQNotAcceptable and ErrIQNotFound. 409 is the simulator's own: HTTP's conflict.
_NOT_ACCEPTABLE: Final = 406
_NO_SUCH_MEMBER: Final = 404
_MEMBER_ALREADY: Final = 409


def leave(network: Network, connection: Connection, iq: Node) -> list[Node]:
    """Take a device's account out of the groups named; raise RefusedError if it is not in one."""
    account, _ = connection.require_login()
    named = list(iq.require("leave").all("group"))
    groups = [member_group(network, account, each.jid("id")) for each in named]
    for group in groups:
        change_members(network, group, [], [account], by=account)
    return [node("leave", content=[node("group", {"id": group.jid}) for group in groups])]


def set_subject(network: Network, connection: Connection, iq: Node) -> None:
    """Name a group; raise RefusedError if the account is not in it, or the name is empty or too long."""
    account, _ = connection.require_login()
    group = member_group(network, account, iq.jid("to"))
    subject = iq.require("subject").data.decode()
    if not 1 <= len(subject) <= LONGEST_NAME:
        raise RefusedError(_NOT_ACCEPTABLE, "not-acceptable")
    rename(network, group, subject, account)


def add(network: Network, connection: Connection, iq: Node) -> list[Node]:
    """Add participants, which any member may do; each that cannot be added is answered with an error."""
    account, group = _asked(network, connection, iq)
    found = _participants(network, iq, "add")
    answers = [_answer(jid, _refusal_to_add(group, contact)) for jid, contact in found.items()]
    new = [contact for contact in found.values() if contact is not None]
    change_members(network, group, new, [], by=account)
    return [node("add", content=list(answers))]


def remove(network: Network, connection: Connection, iq: Node) -> list[Node]:
    """Remove participants, which only the group's creator may do; raise RefusedError for anyone else."""
    account, group = _asked(network, connection, iq)
    if account.phone != group.creator:
        raise RefusedError(403, "forbidden")
    found = _participants(network, iq, "remove")
    gone = [contact for contact in found.values() if contact is not None and contact.phone in group.members]
    answers = [_answer(jid, None if contact in gone else _NO_SUCH_MEMBER) for jid, contact in found.items()]
    change_members(network, group, [], gone, by=account)
    return [node("remove", content=list(answers))]


def _asked(network: Network, connection: Connection, iq: Node) -> tuple[Account, Group]:
    account, _ = connection.require_login()
    return account, member_group(network, account, iq.jid("to"))


def _participants(network: Network, iq: Node, change: str) -> dict[Jid, Account | None]:
    """Return whom a change names; None for an address that is nobody's."""
    named = [each.jid("jid") for each in iq.require(change).all("participant")]
    return {jid: network.find(jid) for jid in named}


def _refusal_to_add(group: Group, contact: Account | None) -> int | None:
    if contact is None:
        return _NO_SUCH_MEMBER
    return _MEMBER_ALREADY if contact.phone in group.members else None


def _answer(jid: Jid, error: int | None) -> Node:
    return node("participant", {"jid": jid, "error": error})
