"""Groups: who is in them, and what devices are told about them.

What clients change about them is in `groupchanges`. Source: whatsmeow `group.go` (parseGroupNode,
parseGroupCreate, parseGroupChange, GetJoinedGroups).
"""

import secrets
from collections.abc import Iterable

from oxy_simulator.accounts import Account
from oxy_simulator.connection import Connection
from oxy_simulator.errors import RefusedError, RequestError
from oxy_simulator.jid import GROUP_SERVER, GROUP_SERVER_JID, Jid
from oxy_simulator.network import Group, Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.notices import tell


def create_group(network: Network, creator: Account, subject: str, members: Iterable[Account]) -> Group:
    """Make a group and tell the devices of its members."""
    phones = list(dict.fromkeys([creator.phone, *(member.phone for member in members)]))
    # Eighteen digits that begin like those of groups that are made now.
    group_id = f"120363{secrets.randbelow(10**12):012d}"
    group = Group(group_id, subject, creator.phone, phones, int(network.clock()))
    network.state.groups[group_id] = group
    for phone in phones:
        _notify(network, network.account(phone), group, node("create", {"type": "new"}, [_describe(network, group)]))
    network.changed()
    return group


def change_members(
    network: Network,
    group: Group,
    added: Iterable[Account],
    removed: Iterable[Account],
    *,
    by: Account | None = None,
) -> None:
    """Add and remove members and tell the devices of those who were and are there; the creator does it without `by`."""
    new = [account for account in added if account.phone not in group.members]
    gone = [account for account in removed if account.phone in group.members]
    witnesses = [*group.members, *(account.phone for account in new)]
    left = {account.phone for account in gone}
    group.members = [phone for phone in witnesses if phone not in left]
    for change, accounts in (("add", new), ("remove", gone)):
        if accounts:
            listing = node(change, content=[_participant(group, account) for account in accounts])
            for phone in witnesses:
                _notify(network, network.account(phone), group, listing, by=by)
    for phone in group.members if gone else []:
        network.account(phone).sender_keys.pop(str(group.jid), None)  # who left must not read on
    network.changed()


def rename(network: Network, group: Group, subject: str, by: Account) -> None:
    """Give a group another name and tell its members' devices."""
    group.subject, group.named_at, group.named_by = subject, int(network.clock()), by.phone
    change = node("subject", {"subject": subject, "s_t": group.named_at, "s_o": by.lid, "s_o_pn": by.pn})
    for phone in group.members:
        _notify(network, network.account(phone), group, change, by=by)
    network.changed()


def find_group(network: Network, name: str) -> Group:
    """Return a group by its id or address; raise RequestError if there is none."""
    group = network.state.groups.get(name.partition("@")[0])
    if group is None:
        msg = f"there is no group {name}; make it first (POST /groups)"
        raise RequestError(msg)
    return group


def member_group(network: Network, account: Account, jid: Jid) -> Group:
    """Return a group that an account is in; raise RefusedError otherwise."""
    group = network.state.groups.get(jid.user) if jid.server == GROUP_SERVER else None
    if group is None:
        raise RefusedError(404, "item-not-found")
    if account.phone not in group.members:
        raise RefusedError(403, "forbidden")
    return group


def query(network: Network, connection: Connection, iq: Node) -> list[Node]:
    """Answer what a group is and who is in it."""
    account, _ = connection.require_login()
    return [_describe(network, member_group(network, account, iq.jid("to")))]


def participating(network: Network, connection: Connection, iq: Node) -> list[Node]:
    """Answer with every group that the account is in."""
    account, _ = connection.require_login()
    if iq.attrs.get("to") != GROUP_SERVER_JID and iq.attrs.get("to") != GROUP_SERVER:
        raise RefusedError(400, "bad-request")
    mine = [group for group in network.state.groups.values() if account.phone in group.members]
    return [node("groups", content=[_describe(network, group) for group in mine])]


def _describe(network: Network, group: Group) -> Node:
    creator = network.account(group.creator)
    attrs: Attrs = {
        "id": group.id,
        "subject": group.subject,
        "s_t": group.named_at or group.created_at,
        "s_o": network.account(group.named_by or group.creator).lid,
        "creation": group.created_at,
        "creator": creator.lid,
        "creator_pn": creator.pn,
        "addressing_mode": "lid",
        "size": len(group.members),
    }
    return node("group", attrs, [_participant(group, network.account(phone)) for phone in group.members])


def _participant(group: Group, account: Account) -> Node:
    rank = "superadmin" if account.phone == group.creator else None
    return node("participant", {"jid": account.lid, "phone_number": account.pn, "type": rank})


def _notify(network: Network, account: Account, group: Group, change: Node, *, by: Account | None = None) -> None:
    author = by or network.account(group.creator)
    attrs: Attrs = {
        "participant": author.lid,
        "participant_pn": author.pn,
        "addressing_mode": "lid",
        "notify": author.name,
    }
    tell(network, account, "w:gp2", [change], sender=group.jid, attrs=attrs)
