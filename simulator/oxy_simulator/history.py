"""History: what a phone tells a linked device about its past messages, as real HistorySync blobs.

A blob is a compressed protobuf inside the end-to-end encryption. Sources: whatsmeow `message.go`
(DownloadHistorySync, ParseWebMessage) and `send.go` (BuildHistorySyncRequest).
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Final

from oxy_simulator.accounts import Account
from oxy_simulator.chats import KnownMessage
from oxy_simulator.network import Network
from oxy_simulator.proto.history_pb2 import (
    Conversation,
    HistorySync,
    HistorySyncMsg,
    HistorySyncNotification,
    PeerMessage,
    PhoneNumberToLIDMapping,
    Pushname,
    WebMessageInfo,
)
from oxy_simulator.proto.message_pb2 import Message, MessageKey

# HistorySyncType and ProtocolMessage.Type. Source: whatsmeow `proto/waE2E`.
INITIAL_BOOTSTRAP: Final = 0
FULL: Final = 2
PUSH_NAMES: Final = 4
ON_DEMAND: Final = 6
_NOTIFICATION: Final = 5

BOOTSTRAP_MESSAGES: Final = 50  # of each chat; the simulator's own
_COMPLETE: Final = 100  # percent; HistorySync.progress
_DAY: Final = 86400.0


def past_messages(account: Account, since: float = 0.0) -> dict[str, list[KnownMessage]]:
    """Return what a phone remembers by chat, oldest first; `since` in Unix seconds."""
    chats: dict[str, list[KnownMessage]] = {}
    for known in account.chats.messages.values():
        if known.at >= since and known.revoked_at is None:
            chats.setdefault(known.chat, []).append(known)
    return chats


def initial_history(network: Network, account: Account, *, days: int | None, full: bool) -> list[PeerMessage]:
    """Return what a phone sends to a device that was just linked."""
    since = network.clock() - days * _DAY if days else 0.0
    chats = past_messages(account, since)
    recent = {chat: known[-BOOTSTRAP_MESSAGES:] for chat, known in chats.items()}
    syncs = [_sync(network, account, INITIAL_BOOTSTRAP, recent), _push_names(network, chats)]
    if full:
        syncs.append(_sync(network, account, FULL, past_messages(account)))
    return [_notify(sync, index) for index, sync in enumerate(syncs)]


def no_history() -> PeerMessage:
    """Return what a phone that has nothing to tell sends to a device that was just linked."""
    return _notify(HistorySync(sync_type=INITIAL_BOOTSTRAP, progress=_COMPLETE), 0)


def earlier_history(  # noqa: PLR0913 - what the device asked for, all by name
    network: Network, account: Account, contact: Account, *, before: str, count: int, request: str
) -> PeerMessage:
    """Return the `count` messages of a chat before one that the device knows."""
    known = past_messages(account).get(contact.phone, [])
    position = next((index for index, message in enumerate(known) if message.id == before), len(known))
    found = known[max(position - count, 0) : position]
    sync = _sync(network, account, ON_DEMAND, {contact.phone: found})
    sync.conversations[0].end_of_history_transfer = position - count <= 0
    answer = _notify(sync, 0)
    answer.protocol_message.history_sync_notification.peer_data_request_session_id = request
    return answer


def web_message(network: Network, account: Account, known: KnownMessage) -> WebMessageInfo:
    """Write a message as phones hand it over to another device."""
    chat = network.account(known.chat)
    own = known.sender == account.phone
    message = Message(conversation=known.text)
    message.message_context_info.message_secret = known.secret
    return WebMessageInfo(
        key=MessageKey(remote_jid=str(chat.lid), from_me=own, id=known.id),
        message=message,
        message_timestamp=int(known.at),
        push_name=network.account(known.sender).name,
        message_secret=known.secret,
    )


def _sync(network: Network, account: Account, kind: int, chats: dict[str, list[KnownMessage]]) -> HistorySync:
    others = [network.account(chat) for chat in chats]
    return HistorySync(
        sync_type=kind,
        conversations=[_conversation(network, account, network.account(chat), known) for chat, known in chats.items()],
        phone_number_to_lid_mappings=[
            PhoneNumberToLIDMapping(pn_jid=str(other.pn), lid_jid=str(other.lid)) for other in others
        ],
        progress=_COMPLETE,
    )


def _conversation(network: Network, account: Account, chat: Account, known: Sequence[KnownMessage]) -> Conversation:
    return Conversation(
        id=str(chat.lid),
        messages=[
            HistorySyncMsg(message=web_message(network, account, message), msg_order_id=index)
            for index, message in reversed(list(enumerate(known, 1)))
        ],
        conversation_timestamp=int(known[-1].at) if known else None,
    )


def _push_names(network: Network, chats: Iterable[str]) -> HistorySync:
    others = [network.account(chat) for chat in chats]
    names = [Pushname(id=str(other.lid), pushname=other.name) for other in others]
    return HistorySync(sync_type=PUSH_NAMES, pushnames=names, progress=_COMPLETE)


def _notify(sync: HistorySync, order: int) -> PeerMessage:
    """Wrap a blob, inline, in the message that brings it."""
    sync.chunk_order = order
    message = PeerMessage()
    message.protocol_message.type = _NOTIFICATION
    message.protocol_message.history_sync_notification.CopyFrom(
        HistorySyncNotification(
            sync_type=sync.sync_type,
            chunk_order=order,
            progress=_COMPLETE,
            initial_hist_bootstrap_inline_payload=zlib.compress(sync.SerializeToString()),
        )
    )
    return message
