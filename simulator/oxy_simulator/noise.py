"""Noise XX, as WhatsApp Web uses it: both sides of the handshake, without any I/O.

Pattern `Noise_XX_25519_AESGCM_SHA256` with the connection header as prologue; the server's static
key is vouched for by a two-link certificate chain under a root key that clients carry built in.
Source: noiseprotocol.org revision 34, whatsmeow `handshake.go` and `socket/noisehandshake.go`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError

from oxy_simulator import curve
from oxy_simulator.curve import KEY_SIZE, KeyPair
from oxy_simulator.errors import HandshakeError
from oxy_simulator.frames import CONNECTION_HEADER
from oxy_simulator.kdf import hkdf
from oxy_simulator.proto.handshake_pb2 import CertChain, ClientPayload, HandshakeMessage

_T = TypeVar("_T")

_PATTERN: Final = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"


def _nonce(counter: int) -> bytes:
    return counter.to_bytes(12, "big")


class CipherStream:
    """One direction of the encrypted transport: AES-GCM with a counter as nonce."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._counter = 0

    def encrypt(self, plaintext: bytes) -> bytes:
        """Encrypt the next frame."""
        ciphertext = self._cipher.encrypt(_nonce(self._counter), plaintext, None)
        self._counter += 1
        return ciphertext

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt the next frame; raise HandshakeError if it was changed or reordered."""
        try:
            plaintext = self._cipher.decrypt(_nonce(self._counter), ciphertext, None)
        except InvalidTag as error:
            msg = f"frame {self._counter} cannot be authenticated"
            raise HandshakeError(msg) from error
        self._counter += 1
        return plaintext


class _SymmetricState:
    """Noise's symmetric state: chaining key, handshake hash and current cipher."""

    def __init__(self, prologue: bytes) -> None:
        self._hash = self._chaining_key = _PATTERN
        self._cipher = AESGCM(_PATTERN)
        self._counter = 0
        self.authenticate(prologue)

    def authenticate(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def encrypt(self, plaintext: bytes) -> bytes:
        ciphertext = self._cipher.encrypt(self._next_nonce(), plaintext, self._hash)
        self.authenticate(ciphertext)
        return ciphertext

    def decrypt(self, ciphertext: bytes) -> bytes:
        try:
            plaintext = self._cipher.decrypt(self._next_nonce(), ciphertext, self._hash)
        except InvalidTag as error:
            msg = "a handshake message cannot be authenticated"
            raise HandshakeError(msg) from error
        self.authenticate(ciphertext)
        return plaintext

    def mix(self, secret: bytes) -> None:
        output = hkdf(secret, self._chaining_key, b"", 2 * KEY_SIZE)
        self._chaining_key = output[:KEY_SIZE]
        self._cipher = AESGCM(output[KEY_SIZE:])
        self._counter = 0

    def split(self) -> tuple[CipherStream, CipherStream]:
        """Return the streams client → server and server → client."""
        output = hkdf(b"", self._chaining_key, b"", 2 * KEY_SIZE)
        return CipherStream(output[:KEY_SIZE]), CipherStream(output[KEY_SIZE:])

    def _next_nonce(self) -> bytes:
        self._counter += 1
        return _nonce(self._counter - 1)


@dataclass(frozen=True, slots=True)
class Established:
    """A finished handshake, as the server sees it."""

    client_key: bytes
    payload: ClientPayload
    receiving: CipherStream
    sending: CipherStream


class ServerHandshake:
    """The server's side: `hello` answers the first message, `finish` takes the second."""

    def __init__(
        self, static: KeyPair, certificate: bytes, ephemeral: KeyPair, prologue: bytes = CONNECTION_HEADER
    ) -> None:
        self._static = static
        self._certificate = certificate
        self._ephemeral = ephemeral
        self._state = _SymmetricState(prologue)

    def hello(self, frame: bytes) -> bytes:
        """Read ClientHello and return ServerHello; raise HandshakeError if it is malformed."""
        client_ephemeral = _parse(frame).client_hello.ephemeral
        state = self._state
        state.authenticate(_public_key(client_ephemeral, "ClientHello.ephemeral"))
        state.authenticate(self._ephemeral.public)
        state.mix(self._ephemeral.agree(client_ephemeral))
        static = state.encrypt(self._static.public)
        state.mix(self._static.agree(client_ephemeral))
        reply = HandshakeMessage.ServerHello(
            ephemeral=self._ephemeral.public, static=static, payload=state.encrypt(self._certificate)
        )
        return HandshakeMessage(server_hello=reply).SerializeToString()

    def finish(self, frame: bytes) -> Established:
        """Read ClientFinish; raise HandshakeError if it is malformed or not authentic."""
        message = _parse(frame).client_finish
        state = self._state
        client_key = _public_key(state.decrypt(message.static), "ClientFinish.static")
        state.mix(self._ephemeral.agree(client_key))
        payload = _decode(ClientPayload.FromString, state.decrypt(message.payload))
        receiving, sending = state.split()
        return Established(client_key, payload, receiving, sending)


class ClientHandshake:
    """The client's side, for tests and load generators."""

    def __init__(self, static: KeyPair, root: bytes, ephemeral: KeyPair, prologue: bytes = CONNECTION_HEADER) -> None:
        self._static = static
        self._root = root
        self._ephemeral = ephemeral
        self._state = _SymmetricState(prologue)

    def hello(self) -> bytes:
        """Return ClientHello."""
        self._state.authenticate(self._ephemeral.public)
        message = HandshakeMessage.ClientHello(ephemeral=self._ephemeral.public)
        return HandshakeMessage(client_hello=message).SerializeToString()

    def finish(self, frame: bytes, payload: ClientPayload) -> tuple[bytes, CipherStream, CipherStream]:
        """Read ServerHello; return ClientFinish and the streams for receiving and sending."""
        reply = _parse(frame).server_hello
        state = self._state
        state.authenticate(_public_key(reply.ephemeral, "ServerHello.ephemeral"))
        state.mix(self._ephemeral.agree(reply.ephemeral))
        server_static = state.decrypt(reply.static)
        state.mix(self._ephemeral.agree(server_static))
        verify_certificate(state.decrypt(reply.payload), server_static, self._root)
        static = state.encrypt(self._static.public)
        state.mix(self._static.agree(reply.ephemeral))
        message = HandshakeMessage.ClientFinish(static=static, payload=state.encrypt(payload.SerializeToString()))
        sending, receiving = state.split()
        return HandshakeMessage(client_finish=message).SerializeToString(), receiving, sending


def make_certificate(root: KeyPair, intermediate: KeyPair, static: bytes, not_before: int, not_after: int) -> bytes:
    """Sign the chain root → intermediate → static key; validity in Unix seconds.

    Source of the rules (issuer serial 0, leaf names the intermediate's serial): whatsmeow
    `handshake.go`, verifyServerCert.
    """
    details = CertChain.NoiseCertificate.Details
    window = {"not_before": not_before, "not_after": not_after}
    middle = details(serial=1, issuer_serial=0, key=intermediate.public, **window).SerializeToString()
    leaf = details(serial=2, issuer_serial=1, key=static, **window).SerializeToString()
    return CertChain(
        leaf=CertChain.NoiseCertificate(details=leaf, signature=intermediate.sign(leaf)),
        intermediate=CertChain.NoiseCertificate(details=middle, signature=root.sign(middle)),
    ).SerializeToString()


def verify_certificate(chain: bytes, static: bytes, root: bytes) -> None:
    """Check a chain as clients do; raise HandshakeError if it does not vouch for the static key."""
    certificates = _decode(CertChain.FromString, chain)
    details = CertChain.NoiseCertificate.Details
    middle = _decode(details.FromString, certificates.intermediate.details)
    leaf = _decode(details.FromString, certificates.leaf.details)
    signed = curve.verify(root, certificates.intermediate.details, certificates.intermediate.signature)
    signed = signed and curve.verify(middle.key, certificates.leaf.details, certificates.leaf.signature)
    if not signed or leaf.issuer_serial != middle.serial or leaf.key != static:
        msg = "the server's Noise certificate was not signed by the trusted root key"
        raise HandshakeError(msg)


def _parse(frame: bytes) -> HandshakeMessage:
    return _decode(HandshakeMessage.FromString, frame)


def _decode(parse: Callable[[bytes], _T], data: bytes) -> _T:
    try:
        return parse(data)
    except DecodeError as error:
        msg = f"a handshake message cannot be parsed: {error}"
        raise HandshakeError(msg) from error


def _public_key(data: bytes, name: str) -> bytes:
    if len(data) != KEY_SIZE:
        msg = f"{name} has {len(data)} bytes instead of {KEY_SIZE}"
        raise HandshakeError(msg)
    return data
