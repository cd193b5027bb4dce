"""Errors of the tenant runtime.

OxyError
├── JournalError     the journal cannot be used; nothing may be received or sent without it
├── SessionError     the stored WhatsApp session cannot be read
├── VolumeError      the session volume is used by another runtime, or cannot be written
├── LinkError …      a request to the WhatsApp link failed (`oxy_tenant.links.errors`)
├── LinkBrokenError  the library stopped delivering events; only a new process helps (also there)
└── EndedError       a terminal cause: the process writes a termination message and exits (`connection.ending`)
"""

from oxy_core.errors import OxyError


class JournalError(OxyError):
    """The journal cannot be used."""


class SessionError(OxyError):
    """The stored WhatsApp session cannot be read."""


class VolumeError(OxyError):
    """The session volume is used by another runtime, or cannot be written."""
