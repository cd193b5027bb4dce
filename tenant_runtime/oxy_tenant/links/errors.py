"""Errors of a link. The class says what a caller may conclude about the message or the file.

OxyError
├── LinkError                 a request to the WhatsApp link failed
│   ├── LinkUnavailableError  there is no connection now; certainly nothing was sent
│   ├── SendDeferredError     WhatsApp refused the message for now; certainly nothing was sent
│   │   ├── RateLimitedError     the account sends too much (429)
│   │   └── ReachOutLockedError  only for people who have not written to the account; others can be answered
│   ├── SendRefusedError      WhatsApp or the library refused the message permanently
│   ├── SendUnconfirmedError  nobody knows whether WhatsApp received the message
│   └── MediaError            a file could not be transferred
│       ├── MediaExpiredError      WhatsApp no longer has it; only the phone that sent it might
│       ├── MediaTooLargeError     it is larger than was asked for
│       ├── MediaCorruptError      it is not the file that the message announced
│       └── MediaUnavailableError  not now: the network, WhatsApp's servers, or there is no connection
└── LinkBrokenError           the library stopped delivering events; only a new process helps
"""

from enum import StrEnum

from oxy_core.errors import OxyError


class LinkError(OxyError):
    """A request to the WhatsApp link failed."""


class LinkUnavailableError(LinkError):
    """There is no connection now; certainly nothing was sent."""


class SendDeferredError(LinkError):
    """WhatsApp refused the message for now, for example because of a rate limit; certainly nothing was sent."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to leave the chat alone; None: nothing is known."""


class RateLimitedError(SendDeferredError):
    """The account sends too much (429)."""


class ReachOutLockedError(SendDeferredError):
    """WhatsApp lets the account write to nobody who has not written to it (463); others can be answered."""


class RefusalReason(StrEnum):
    """Why a message was refused for good."""

    NOT_ON_WHATSAPP = "not_on_whatsapp"
    """Nobody has this address."""
    FORBIDDEN = "forbidden"
    """The account may not write there."""
    INVALID = "invalid"
    """WhatsApp or the library does not accept such a message."""
    OTHER = "other"
    """WhatsApp gave a reason that is not known."""


class SendRefusedError(LinkError):
    """WhatsApp or the library refused the message permanently."""

    def __init__(self, message: str, *, reason: RefusalReason = RefusalReason.OTHER) -> None:
        super().__init__(message)
        self.reason = reason


class SendUnconfirmedError(LinkError):
    """Nobody knows whether WhatsApp received the message."""


class MediaError(LinkError):
    """A file could not be transferred."""


class MediaExpiredError(MediaError):
    """WhatsApp no longer has the file; only the phone that sent it might."""


class MediaTooLargeError(MediaError):
    """The file is larger than was asked for, or than WhatsApp takes."""


class MediaCorruptError(MediaError):
    """What was downloaded is not the file that the message announced."""


class MediaUnavailableError(MediaError):
    """The file cannot be transferred now: the network, WhatsApp's servers, or there is no connection."""


class LinkBrokenError(OxyError):
    """The library stopped delivering events; only a new process helps."""
