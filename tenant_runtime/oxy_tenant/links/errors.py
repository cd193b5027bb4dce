"""Errors of a link. The class says what a caller may conclude about the message.

OxyError
├── LinkError                 a request to the WhatsApp link failed
│   ├── LinkUnavailableError  there is no connection now; certainly nothing was sent
│   ├── SendDeferredError     WhatsApp refused the message for now; certainly nothing was sent
│   ├── SendRefusedError      WhatsApp or the library refused the message permanently
│   └── SendUnconfirmedError  nobody knows whether WhatsApp received the message
└── LinkBrokenError           the library stopped delivering events; only a new process helps
"""

from oxy_core.errors import OxyError


class LinkError(OxyError):
    """A request to the WhatsApp link failed."""


class LinkUnavailableError(LinkError):
    """There is no connection now; certainly nothing was sent."""


class SendDeferredError(LinkError):
    """WhatsApp refused the message for now, for example because of a rate limit; certainly nothing was sent."""


class SendRefusedError(LinkError):
    """WhatsApp or the library refused the message permanently."""


class SendUnconfirmedError(LinkError):
    """Nobody knows whether WhatsApp received the message."""


class LinkBrokenError(OxyError):
    """The library stopped delivering events; only a new process helps."""
