"""How a companion asks its account's phone for a file that expired, and reads the answer. No I/O.

Source: whatsmeow `mediaretry.go` (SendMediaRetryReceipt, DecryptMediaRetryNotification).
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oxy_simulator.errors import DecryptionError
from oxy_simulator.jid import Jid
from oxy_simulator.mediaretry import retry_key
from oxy_simulator.node import Node, node
from oxy_simulator.proto.message_pb2 import MediaRetryNotification, ServerErrorReceipt

_IV_SIZE: Final = 12  # bytes; whatsmeow encryptMediaRetryReceipt


def retry_request(own: Jid, chat: Jid, message_id: str, media_key: bytes) -> Node:
    """Return the receipt that asks for a contact's file again; `own` is the account's number."""
    iv = os.urandom(_IV_SIZE)
    plaintext = ServerErrorReceipt(stanza_id=message_id).SerializeToString()
    sealed = AESGCM(retry_key(media_key)).encrypt(iv, plaintext, message_id.encode())
    encrypt = node("encrypt", content=[node("enc_p", content=sealed), node("enc_iv", content=iv)])
    rmr = node("rmr", {"jid": chat, "from_me": "false"})
    return node("receipt", {"id": message_id, "to": own, "type": "server-error"}, [encrypt, rmr])


def retry_answer(notification: Node, media_key: bytes) -> str | None:
    """Return the file's new path, or None if the phone has it no more; raise DecryptionError if it is unreadable."""
    encrypt, message_id = notification.find("encrypt"), notification.text("id")
    if encrypt is None:
        return None
    iv, sealed = encrypt.require("enc_iv").data, encrypt.require("enc_p").data
    try:
        plaintext = AESGCM(retry_key(media_key)).decrypt(iv, sealed, message_id.encode())
    except InvalidTag as error:
        msg = f"the answer about the file of message {message_id} is not encrypted with that file's key"
        raise DecryptionError(msg) from error
    answer = MediaRetryNotification.FromString(plaintext)
    return answer.direct_path if answer.result == MediaRetryNotification.SUCCESS else None
