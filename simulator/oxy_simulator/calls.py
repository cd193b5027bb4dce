"""Calls that ring on linked devices, numbers that change, and receipts of any type.

Sources: whatsmeow `call.go` (handleCallEvent); Baileys `src/Utils/generics.ts` (getCallStatusFromNode: the reasons of
an end); WhatsApp Web's handler of notifications of type `contacts` (`modify`), which whatsmeow only acknowledges.
"""

from collections.abc import Sequence

from oxy_simulator.accounts import Account
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.notices import tell

# Why a call ended that the account's phone answered or declined, and one that nobody did.
_ELSEWHERE = {"accepted": "accepted_elsewhere", "rejected": "rejected_elsewhere"}
_UNANSWERED = "timeout"


def ring(network: Network, caller: Account, account: Account, *, video: bool = False, outcome: str = "missed") -> str:
    """Let a call of `caller` ring on an account's devices and end; return its id.

    Outcome: `missed`; or the account's phone `accepted` or `rejected` it.
    """
    call_id = network.next_stanza_id()
    media = [node("video", {"enc": "vp8"})] if video else []
    _send(network, caller, account, call_id, node("offer", {}, [node("audio", {"enc": "opus", "rate": 16000}), *media]))
    _send(network, caller, account, call_id, node("terminate", {"reason": _ELSEWHERE.get(outcome, _UNANSWERED)}))
    return call_id


def _send(network: Network, caller: Account, account: Account, call_id: str, content: Node) -> None:
    by_lid = caller.addressing == "lid"
    creator: Attrs = {"call-id": call_id, "call-creator": caller.lid if by_lid else caller.pn}
    alias: Attrs = {"caller_pn": caller.pn} if by_lid else {}
    child = node(content.tag, {**creator, **alias, **content.attrs}, content.content)
    attrs: Attrs = {
        "from": caller.lid if by_lid else caller.pn,
        "id": network.next_stanza_id(),
        "t": int(network.clock()),
        "platform": "android",
        "version": "2.25.1",
    }
    for device in list(account.devices.values()):
        network.post(account, device, node("call", attrs, [child]))


def change_number(network: Network, account: Account, new: Account) -> None:
    """Tell an account's contacts that it goes on under another number, that of `new`."""
    change: Attrs = {"old": account.pn, "new": new.pn, "old_lid": account.lid, "new_lid": new.lid}
    for phone in sorted(account.contacts - {account.phone, new.phone}):
        tell(network, network.account(phone), "contacts", [node("modify", change)], sender=account.pn)


def confirm(network: Network, phone: Account, account: Account, kind: str, ids: Sequence[str]) -> None:
    """Send an account's devices a receipt of any type, known to clients or not."""
    attrs: Attrs = {
        "from": phone.lid if phone.addressing == "lid" else phone.pn,
        "id": ids[0],
        "type": kind or None,
        "t": int(network.clock()),
    }
    others = [node("item", {"id": message_id}) for message_id in ids[1:]]
    content = [node("list", content=list(others))] if others else None
    for device in list(account.devices.values()):
        network.post(account, device, node("receipt", attrs, content))
