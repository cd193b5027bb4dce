"""Errors of a link. The class says what a caller may conclude about the message.

OxyError
├── LinkError                 the WhatsApp link did not do what it was asked
│   ├── LinkUnavailableError  there is no connection now; certainly nothing was sent
│   ├── SendRefusedError      WhatsApp or the library refused the message for good
│   └── SendUnconfirmedError  nobody knows whether WhatsApp took the message
└── LinkBrokenError           the library stopped delivering events; only a new process helps
"""

from oxy_core.errors import OxyError


class LinkError(OxyError):
    """The WhatsApp link did not do what it was asked."""


class LinkUnavailableError(LinkError):
    """There is no connection now; certainly nothing was sent."""


class SendRefusedError(LinkError):
    """WhatsApp or the library refused the message for good."""


class SendUnconfirmedError(LinkError):
    """Nobody knows whether WhatsApp took the message."""


class LinkBrokenError(OxyError):
    """The library stopped delivering events; only a new process helps."""
