"""A device that finds a file expired asks its own phone to upload it again.

Source: whatsmeow mediaretry.go.
"""

import os
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oxy_simulator.chats import KnownMessage
from oxy_simulator.connection import Connection
from oxy_simulator.errors import ProtocolError
from oxy_simulator.kdf import hkdf
from oxy_simulator.mediadesk import MediaFaultKind, file_at, publish
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.proto.message_pb2 import MediaRetryNotification, ServerErrorReceipt

_INFO: Final = b"WhatsApp Media Retry Notification"
_KEY_SIZE: Final = 32
_IV_SIZE: Final = 12
_NOT_ON_PHONE: Final = 2  # whatsmeow `proto/waMmsRetry`, ResultType NOT_FOUND

log = structlog.get_logger(__name__)


def on_media_retry(network: Network, connection: Connection, receipt: Node) -> None:
    """Answer a `server-error` receipt: upload the file again and say where, or that it is no more."""
    account, device = connection.require_login()
    message_id, request = receipt.text("id"), receipt.require("rmr")
    chat = network.find(request.jid("jid"))
    known = account.chats.find(chat.phone, message_id) if chat else None
    content = _refusal()
    if known is not None and known.media is not None:
        _check_request(receipt, known.media.media_key, message_id)
        content = _answer(network, known)
    attrs: Attrs = {"from": account.pn, "id": message_id, "type": "mediaretry", "t": int(network.clock())}
    rmr = node("rmr", {"jid": request.jid("jid"), "from_me": request.text("from_me", "false")})
    log.info("media_retry_answered", message=message_id, found=content.tag == "encrypt")
    network.post(account, device, node("notification", attrs, [content, rmr]))


def reupload(network: Network, known: KnownMessage) -> str | None:
    """Let a phone upload a file that it has; return its new path, or None if it has it no more."""
    if known.media is None or network.media.take(MediaFaultKind.NOT_ON_PHONE) is not None:
        return None
    old = file_at(network, known.media.direct_path)
    if old is None:
        return None
    log.info("media_uploaded_again", message=known.id)
    return publish(network, old.kind, old.sha256, old.size).direct_path


def _answer(network: Network, known: KnownMessage) -> Node:
    media = known.media
    path = reupload(network, known)
    if media is None or path is None:
        return _refusal()
    answer = MediaRetryNotification(stanza_id=known.id, direct_path=path, result=MediaRetryNotification.SUCCESS)
    iv = os.urandom(_IV_SIZE)
    sealed = AESGCM(retry_key(media.media_key)).encrypt(iv, answer.SerializeToString(), known.id.encode())
    return node("encrypt", content=[node("enc_p", content=sealed), node("enc_iv", content=iv)])


def _refusal() -> Node:
    return node("error", {"code": _NOT_ON_PHONE})


def _check_request(receipt: Node, media_key: bytes, message_id: str) -> None:
    encrypt = receipt.require("encrypt")
    iv, sealed = encrypt.require("enc_iv").data, encrypt.require("enc_p").data
    try:
        plaintext = AESGCM(retry_key(media_key)).decrypt(iv, sealed, message_id.encode())
    except (InvalidTag, ValueError) as error:
        msg = f"the media retry of message {message_id} is not encrypted with that file's key"
        raise ProtocolError(msg) from error
    if ServerErrorReceipt.FromString(plaintext).stanza_id != message_id:
        msg = f"the media retry of message {message_id} names another message inside"
        raise ProtocolError(msg)


def retry_key(media_key: bytes) -> bytes:
    """Derive the key with which a device and its phone talk about a file. Source: whatsmeow getMediaRetryKey."""
    return hkdf(media_key, None, _INFO, _KEY_SIZE)
