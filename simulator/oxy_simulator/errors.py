"""Errors of the simulator.

SimulatorError
├── ProtocolError      the client sent what the real server would refuse
│   ├── FrameError     a frame or binary node cannot be read
│   ├── HandshakeError the Noise handshake failed
│   └── RefusedError   a request is answered with an error code
├── ContentError       a message's content is not what WhatsApp allows
├── DecryptionError    a phone cannot read a message (it asks for it again)
│   └── DuplicateCiphertextError
├── SetupError         keys, files, folders, addresses or settings that it is to run with cannot be used
├── UnreachableError   no simulator answers at the address that was given
└── RequestError       a request to the control API or a Python call is wrong
    ├── UnknownPhoneError
    └── PairingError   a QR or phone code is wrong, expired or refused
"""


class SimulatorError(Exception):
    """Base of everything this package raises on purpose."""


class ProtocolError(SimulatorError):
    """The client sent something that the real server would refuse."""


class FrameError(ProtocolError):
    """A frame or a binary node cannot be read."""


class HandshakeError(ProtocolError):
    """The Noise handshake failed; the connection is of no further use."""


class RefusedError(ProtocolError):
    """The server answers a client's request with an error code and text.

    Source of both: whatsmeow `errors.go`, ErrIQ…; 501 is feature-not-implemented in XEP-0086.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text


class DecryptionError(SimulatorError):
    """A phone cannot decrypt a message; real phones answer with a retry receipt."""


class ContentError(SimulatorError):
    """A message's content is not what WhatsApp allows; `rule` names what it breaks."""

    def __init__(self, detail: str, rule: str) -> None:
        super().__init__(detail)
        self.rule = rule


class SetupError(SimulatorError):
    """What the simulator is to run with cannot be used; the message says what, why, and what to do."""


class UnreachableError(SimulatorError):
    """No simulator answers at the address that was given, or no more; the message says what to do."""


class RequestError(SimulatorError):
    """The person or test asked for something impossible; the message says what to do instead."""


class UnknownPhoneError(RequestError):
    """The phone was never added."""

    def __init__(self, phone: str) -> None:
        super().__init__(f"phone {phone} does not exist; add it first (POST /phones)")


class PairingError(RequestError):
    """Linking a device failed; the message says why and what to try."""


class DuplicateCiphertextError(DecryptionError):
    """The same ciphertext was decrypted before (Signal's "old counter")."""
