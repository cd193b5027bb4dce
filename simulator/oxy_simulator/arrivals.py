"""What phones do with what linked devices send them: read, confirm, and ask again for what they cannot decrypt."""

from typing import NamedTuple

import structlog
from google.protobuf.message import DecodeError

from oxy_simulator.accounts import Account, Device
from oxy_simulator.errors import ContentError, DecryptionError, DuplicateCiphertextError, ProtocolError
from oxy_simulator.inbox import Telling, flag_duplicate, tell
from oxy_simulator.jid import Jid
from oxy_simulator.labels import check_labels
from oxy_simulator.ledger import LifeLine, line_key, mark
from oxy_simulator.mediadesk import MediaArrival
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.proto.message_pb2 import Message, ProtocolMessage
from oxy_simulator.reading import Reading
from oxy_simulator.sending import MAX_RETRIES, damaged, retry_content, share_app_state

log = structlog.get_logger(__name__)


class Arrival(NamedTuple):
    """A ciphertext from a linked device on its way to a phone."""

    message_id: str
    sender: Account
    device: Device
    chat: Account
    enc: Node
    line: LifeLine | None
    stanza: Node


def receive(network: Network, phone: Account, arrival: Arrival) -> bytes | None:
    """Let a phone read a ciphertext from a linked device, confirm it or ask for it again.

    Return the plaintext if it is a request of the phone's own device, which others answer.
    """
    address = str(arrival.sender.device_lid(arrival.device.id))
    kind, data = arrival.enc.text("type"), arrival.enc.data
    if phone is arrival.chat and network.impairments.damages_message(arrival.sender.phone, phone.phone, "outbound"):
        data = damaged(data)
    try:
        plaintext = phone.session(address).decrypt(phone.keys, kind, data)
    except DuplicateCiphertextError as error:
        if not _is_own_copy(phone, arrival):
            _note_used_key(network, phone, arrival, str(error))
        _confirm(network, phone, arrival)
        return None
    except DecryptionError as error:
        log.warning("message_undecryptable", message=arrival.message_id, reason=str(error))
        mark(arrival.line, "undecryptable", network.clock(), latest=True)
        _ask_again(network, phone, arrival)
        return None
    return _read(network, phone, arrival, plaintext)


def _read(network: Network, phone: Account, arrival: Arrival, plaintext: bytes) -> bytes | None:
    try:
        message = Message.FromString(plaintext)
    except DecodeError as error:
        msg = f"the plaintext of message {arrival.message_id} is no message: {error}"
        raise ProtocolError(msg) from error
    own = phone is arrival.sender
    if own and message.HasField("protocol_message"):
        return _serve_peer(network, phone, arrival, message.protocol_message, plaintext)
    _check_wrapping(network, arrival, message, own=own)
    if message.HasField("device_sent_message"):
        message = message.device_sent_message.message
    mark(arrival.line, "own_phone" if own and arrival.chat is not phone else "decrypted", network.clock())
    telling = _telling(network, phone, arrival)
    reading = tell(network, telling, message, None if _is_own_copy(phone, arrival) else arrival.line)
    if arrival.line is not None:
        arrival.line.text, arrival.line.kind = reading.text, reading.kind
    if not own or arrival.chat is phone:
        _judge(network, arrival, message, reading)
        if reading.media is not None:
            key = line_key("outbound", arrival.sender.phone, arrival.device.id, arrival.chat.phone, arrival.message_id)
            network.media.arrived(
                MediaArrival(phone.phone, telling.chat.phone, arrival.message_id, arrival.sender.phone, key)
            )
    _confirm(network, phone, arrival)
    return None


def _telling(network: Network, phone: Account, arrival: Arrival) -> Telling:
    chat = arrival.chat if phone is arrival.sender else arrival.sender
    return Telling(arrival.message_id, phone, chat, arrival.sender, network.clock())


def _note_used_key(network: Network, phone: Account, arrival: Arrival, reason: str) -> None:
    """Note that a message came again, or that another one was encrypted with its key: nobody will see that one.

    A phone cannot tell the two by the ciphertext, drops either and confirms. Clients that encrypt while they decrypt
    roll a chain back so (whatsmeow's pull request 1168).
    """
    if _telling(network, phone, arrival).known:
        flag_duplicate(network, arrival.line)
        return
    log.warning("message_dropped_unseen", message=arrival.message_id, reason=reason)
    mark(arrival.line, "key_reused", network.clock(), latest=True)


def _judge(network: Network, arrival: Arrival, message: Message, reading: Reading) -> None:
    """Record what a client sent that phones do not allow: its content, or the labels on its stanza."""
    problem = reading.problem
    try:
        check_labels(arrival.stanza, message)
    except ContentError as error:
        problem = problem or error
    if problem is not None:
        _violation(network, arrival, problem.rule, f"message {arrival.message_id}: {problem}")


def _check_wrapping(network: Network, arrival: Arrival, message: Message, *, own: bool) -> None:
    """Own devices get a message inside a `deviceSentMessage`, contacts never do. Source: whatsmeow marshalMessage."""
    wrapped = message.HasField("device_sent_message")
    if own and not wrapped:
        _violation(network, arrival, "own-copy", f"message {arrival.message_id} came to the own phone unwrapped")
    if wrapped and not own:
        _violation(network, arrival, "own-copy", f"message {arrival.message_id} is wrapped for the own phone")


def _violation(network: Network, arrival: Arrival, rule: str, detail: str) -> None:
    network.violation(network.connection_of(arrival.sender, arrival.device), rule, detail)


def _serve_peer(
    network: Network, phone: Account, arrival: Arrival, request: ProtocolMessage, plaintext: bytes
) -> bytes | None:
    """Serve what a linked device asks of its own phone, or return it; anything else is a violation."""
    if request.type == ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE:
        return plaintext
    if request.type == ProtocolMessage.APP_STATE_SYNC_KEY_REQUEST:
        share_app_state(network, phone, arrival.device)
    else:
        _violation(network, arrival, "unknown-peer-request", f"message {arrival.message_id}: {request}")
    return None


def _is_own_copy(phone: Account, arrival: Arrival) -> bool:
    """Tell the copy for the sender's own phone from the message to its chat: only the latter counts."""
    return phone is arrival.sender and arrival.chat is not phone


def _confirm(network: Network, phone: Account, arrival: Arrival) -> None:
    attrs: dict[str, str | int | Jid | None] = {
        "from": phone.lid,
        "id": arrival.message_id,
        "t": int(network.clock()),
    }
    if phone is arrival.sender:
        own = {**attrs, "type": "sender", "recipient": arrival.chat.lid}
        network.post(arrival.sender, arrival.device, node("receipt", own))
        return
    network.post(arrival.sender, arrival.device, node("receipt", attrs))
    mark(arrival.line, "receipted", network.clock())
    if phone.sends_read_receipts:
        network.post(arrival.sender, arrival.device, node("receipt", {**attrs, "type": "read"}))
        mark(arrival.line, "read", network.clock())


def _ask_again(network: Network, phone: Account, arrival: Arrival) -> None:
    count = arrival.enc.number("count", 0) + 1
    if count > MAX_RETRIES:
        log.warning("retries_exhausted", message=arrival.message_id)
        mark(arrival.line, "abandoned", network.clock())
        return
    now = int(network.clock())
    own = phone is arrival.sender
    attrs: Attrs = {
        "from": phone.lid,
        "id": arrival.message_id,
        "type": "retry",
        "t": now,
        "recipient": arrival.chat.lid if own else None,
    }
    mark(arrival.line, "retried", network.clock(), latest=True)
    content = retry_content(network, phone, arrival.message_id, count)
    network.post(arrival.sender, arrival.device, node("receipt", attrs, content))
