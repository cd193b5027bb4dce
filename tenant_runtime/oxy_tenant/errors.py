"""Errors of the tenant runtime.

OxyError
├── JournalError              the journal cannot be used; nothing may be received or sent without it
├── SessionError              the stored WhatsApp session cannot be read
├── VolumeError               the session volume is used by another runtime, or cannot be written
├── LinkError                 the WhatsApp link did not do what it was asked
│   ├── LinkUnavailableError  there is no connection now; certainly nothing was sent
│   ├── SendRefusedError      WhatsApp or the library refused the message for good
│   └── SendUnconfirmedError  nobody knows whether WhatsApp took the message
├── EndedError                a terminal cause: the process leaves a message and exits with its code
└── LinkBrokenError           the library stopped delivering events; only a new process helps
"""

from oxy_core.errors import OxyError
from oxy_tenant.ending import Ending


class JournalError(OxyError):
    """The journal cannot be used."""


class SessionError(OxyError):
    """The stored WhatsApp session cannot be read."""


class VolumeError(OxyError):
    """The session volume is used by another runtime, or cannot be written."""


class LinkError(OxyError):
    """The WhatsApp link did not do what it was asked."""


class LinkUnavailableError(LinkError):
    """There is no connection now; certainly nothing was sent."""


class SendRefusedError(LinkError):
    """WhatsApp or the library refused the message for good."""


class SendUnconfirmedError(LinkError):
    """Nobody knows whether WhatsApp took the message."""


class EndedError(OxyError):
    """A terminal cause ended the connection; carries what the process says and exits with."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


class LinkBrokenError(OxyError):
    """The library stopped delivering events; only a new process helps."""
