"""What a phone says to its own linked devices, and what it answers when they ask.

Sources: whatsmeow `message.go` (handleProtocolMessage, handlePlaceholderResendResponse,
storeLIDSyncMessage), `send.go` (BuildUnavailableMessageRequest, BuildHistorySyncRequest).
"""

from collections.abc import Iterable
from typing import Final

import structlog

from oxy_simulator.accounts import Account, Device
from oxy_simulator.errors import FrameError
from oxy_simulator.history import earlier_history, initial_history, no_history, web_message
from oxy_simulator.jid import parse_jid
from oxy_simulator.network import Network
from oxy_simulator.proto.history_pb2 import (
    LIDMigrationMapping,
    LIDMigrationMappingSyncPayload,
    PeerDataOperationRequestMessage,
    PeerDataOperationRequestResponseMessage,
    PeerMessage,
)
from oxy_simulator.sending import send_to_own_device

# PeerDataOperationRequestType and ProtocolMessage.Type. Source: whatsmeow `proto/waE2E`.
HISTORY_ON_DEMAND: Final = 3
PLACEHOLDER_RESEND: Final = 4
REQUEST: Final = 16
RESPONSE: Final = 17
LID_MAPPING: Final = 22

log = structlog.get_logger(__name__)


def share_history(network: Network, account: Account, device: Device) -> None:
    """Give a newly linked device the history that the phone shares and the device wants, were it nothing.

    Baileys waits 20 s for it before it tells of any message that waited. Source: `src/Socket/chats.ts`, syncState.
    """
    if account.shares_history == "none":
        _say(network, account, device, no_history())
        return
    described = device.described
    full = account.shares_history == "full" and described.full_history
    for message in initial_history(network, account, days=described.recent_days, full=full):
        _say(network, account, device, message)


def share_mapping(network: Network, account: Account) -> None:
    """Tell an account's devices the LIDs of its contacts, as when its chats move from numbers to LIDs."""
    contacts = [network.account(phone) for phone in sorted(account.contacts)]
    payload = LIDMigrationMappingSyncPayload(
        pn_to_lid_mappings=[
            LIDMigrationMapping(pn=int(contact.phone), assigned_lid=int(contact.lid_user)) for contact in contacts
        ],
        chat_db_migration_timestamp=int(network.clock()),
    )
    message = PeerMessage()
    message.protocol_message.type = LID_MAPPING
    message.protocol_message.lid_migration_mapping_sync_message.encoded_mapping_payload = payload.SerializeToString()
    for device in list(account.devices.values()):
        _say(network, account, device, message)


def serve(network: Network, account: Account, device: Device, request_id: str, plaintext: bytes) -> None:
    """Answer what a linked device asks of its own phone; a request that phones do not know is a violation."""
    request = PeerMessage.FromString(plaintext).protocol_message.peer_data_operation_request_message
    kind = request.peer_data_operation_request_type
    if kind == PLACEHOLDER_RESEND:
        _resend(network, account, device, request_id, request)
    elif kind == HISTORY_ON_DEMAND:
        _send_earlier(network, account, device, request_id, request)
    else:
        connection = network.connection_of(account, device)
        network.violation(connection, "unknown-peer-request", f"request {request_id} has the type {kind}")


def _resend(
    network: Network, account: Account, device: Device, request_id: str, request: PeerDataOperationRequestMessage
) -> None:
    results = PeerDataOperationRequestResponseMessage.PeerDataOperationResult
    answers = []
    for wanted in request.placeholder_message_resend_request:
        contact = _contact(network, wanted.message_key.remote_jid)
        known = account.chats.find(contact.phone, wanted.message_key.id) if contact else None
        if known is None:
            log.warning("resend_refused", message=wanted.message_key.id)
            continue
        blob = web_message(network, account, known).SerializeToString()
        answers.append(
            results(
                placeholder_message_resend_response=results.PlaceholderMessageResendResponse(
                    web_message_info_bytes=blob
                )
            )
        )
    _respond(network, account, device, request_id, answers)


def _respond(
    network: Network,
    account: Account,
    device: Device,
    request_id: str,
    answers: Iterable[PeerDataOperationRequestResponseMessage.PeerDataOperationResult],
) -> None:
    message = PeerMessage()
    message.protocol_message.type = RESPONSE
    response = message.protocol_message.peer_data_operation_request_response_message
    response.peer_data_operation_request_type = PLACEHOLDER_RESEND
    response.stanza_id = request_id
    response.peer_data_operation_result.extend(answers)
    _say(network, account, device, message)


def _send_earlier(
    network: Network, account: Account, device: Device, request_id: str, request: PeerDataOperationRequestMessage
) -> None:
    wanted = request.history_sync_on_demand_request
    contact = _contact(network, wanted.chat_jid)
    if contact is None:
        connection = network.connection_of(account, device)
        network.violation(connection, "unknown-recipient", f"history of {wanted.chat_jid!r}")
        return
    answer = earlier_history(
        network,
        account,
        contact,
        before=wanted.oldest_msg_id,
        count=wanted.on_demand_msg_count,
        request=request_id,
    )
    _say(network, account, device, answer)


def _contact(network: Network, jid: str) -> Account | None:
    try:
        return network.find(parse_jid(jid))
    except FrameError:
        return None


def _say(network: Network, account: Account, device: Device, message: PeerMessage) -> None:
    send_to_own_device(network, account, device, message.SerializeToString())
