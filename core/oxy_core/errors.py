"""The root of every error that Oxy raises on purpose.

OxyError
├── BusError               the message bus refused or did not answer
│   └── StreamMismatchError  a stream exists in a shape that cannot be changed in place
├── ContractError          a message from the bus does not follow its contract
│   └── NewerVersionError    a newer version wrote it: keep it until this process is upgraded
└── SettingsError          a setting is missing or wrong; says which and what to do
"""


class OxyError(Exception):
    """Base of all errors that Oxy raises on purpose."""


class BusError(OxyError):
    """The message bus refused a request or did not answer it."""


class StreamMismatchError(BusError):
    """A stream exists with a property that NATS cannot change in place; nothing was changed."""


class ContractError(OxyError):
    """A message from the bus does not follow its contract, or claims an identity that is not its sender's."""


class NewerVersionError(ContractError):
    """A message of a newer version, which this code cannot read; keep it, do not refuse it, do not count an attempt."""

    def __init__(self, name: str, version: int) -> None:
        super().__init__(f"a {name} of version {version}, which needs a newer version of Oxy")


class SettingsError(OxyError):
    """A setting is missing or wrong; the message names it and says what to do."""
