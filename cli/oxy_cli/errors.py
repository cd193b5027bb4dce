"""Errors that the command shows to people: what happened, why, what to do next. Exit codes: `oxy_cli.exit_codes`.

CliError
├── ClusterError         the API server refused, could not be reached, or lacks the requested object
├── AdminError           an administration command in a pod refused or failed
├── FreezeError          a freeze or a thaw is not confirmed by all instances, or cannot be recorded
├── PairingError         an instance cannot be linked now, or was not linked in time
├── SendError            a message cannot be sent as it was asked for
├── SessionCommandError  a session cannot be backed up, restored or deleted as it was asked for
└── UnansweredError      a question needs an answer that nobody can give
"""

from oxy_core.errors import OxyError


class CliError(OxyError):
    """Base of all errors that end the command with a message."""


class ClusterError(CliError):
    """The API server refused, could not be reached, or lacks the requested object."""


class AdminError(CliError):
    """An administration command in a pod refused or failed."""


class FreezeError(CliError):
    """A freeze or a thaw is not confirmed by all instances, or cannot be recorded."""


class PairingError(CliError):
    """An instance cannot be linked now, or was not linked in time."""


class SendError(CliError):
    """A message cannot be sent as it was asked for."""


class SessionCommandError(CliError):
    """A session cannot be backed up, restored or deleted as it was asked for."""


class UnansweredError(CliError):
    """A question needs an answer that nobody can give."""
