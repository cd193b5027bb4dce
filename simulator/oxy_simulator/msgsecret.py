"""Answers encrypted with the secret of the message they are about: poll votes, event responses.

Source: whatsmeow msgsecret.go, generateMsgSecretKey.
"""

import os
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oxy_simulator.errors import DecryptionError
from oxy_simulator.jid import Jid
from oxy_simulator.kdf import hkdf

SECRET_SIZE: Final = 32  # bytes; whatsmeow msgsecret.go, BuildPollCreation

_KEY_SIZE: Final = 32
_IV_SIZE: Final = 12


class SecretUse(StrEnum):
    """What a message secret is used for; the value goes into the key."""

    POLL_VOTE = "Poll Vote"
    EVENT_RESPONSE = "Event Response"


def seal(use: SecretUse, secret: bytes, target: str, people: tuple[Jid, Jid], plaintext: bytes) -> tuple[bytes, bytes]:
    """Encrypt an answer; `people` are the author of the message and who answers. Return ciphertext and IV."""
    iv = os.urandom(_IV_SIZE)
    key, extra = _key(use, secret, target, people)
    return AESGCM(key).encrypt(iv, plaintext, extra), iv


def unseal(use: SecretUse, secret: bytes, target: str, people: tuple[Jid, Jid], sealed: tuple[bytes, bytes]) -> bytes:
    """Decrypt an answer (ciphertext and IV); raise DecryptionError if it is not of these people and message."""
    key, extra = _key(use, secret, target, people)
    try:
        return AESGCM(key).decrypt(sealed[1], sealed[0], extra)
    except (InvalidTag, ValueError) as error:
        msg = f"the {use.value.lower()} on {target} cannot be decrypted with that message's secret"
        raise DecryptionError(msg) from error


def _key(use: SecretUse, secret: bytes, target: str, people: tuple[Jid, Jid]) -> tuple[bytes, bytes]:
    author, answerer = (str(jid.bare) for jid in people)
    info = f"{target}{author}{answerer}{use.value}".encode()
    return hkdf(secret, None, info, _KEY_SIZE), f"{target}\x00{answerer}".encode()
