"""Errors of the AI worker. The texts about them for owners are in `oxy_ai.assistants.fixed_texts`.

OxyError
├── TurnError                an attempt at a turn failed: it counts and is retried, then becomes a dead letter
│   ├── ModelRejectedError   the model's endpoint rejects the request
│   │   └── ModelUnknownError  it does not serve the model, or not with this key
│   ├── ModelInvalidError    the answer is not a valid completion
│   ├── ModelRefusalError    the model, or its provider's filter, declined to answer
│   ├── TurnUnreadableError  the turn's stored data cannot be read
│   ├── ProfileUnknownError  no vertical of the instance's profile is installed
│   └── TurnAbandonedError   too many claims of the turn did not end; it is not tried again
├── ModelOutageError         the model's endpoint cannot answer anybody now: no attempt counts, and the turn waits
│   └── EndpointOutageError  no model of it can be asked, so none but the first is tried
├── BudgetError              the model may not be asked: people answer, and no attempt counts
│   ├── BudgetExhaustedError   the month's budget has no room for the call
│   └── PriceUnknownError      there is a budget, but nobody knows what the model costs
├── JobError                 an attempt at a job failed: it counts and is retried, then becomes a dead letter
│   ├── JobUnreadableError   what is stored of it cannot be read
│   ├── JobTimeoutError      it took too long
│   └── JobAbandonedError    too many claims of it did not end; it is not tried again
├── FileLostError            a file of a message cannot be had or kept; trying again does not help
├── UnreadableFileError      a file is not what it should be, or damaged: nobody can hear or see anything in it
├── FileTooLargeError        a file would take too much to hear or see
├── StoreMissingError        a file is in an object store that is not configured
├── FenceLostError           another worker has claimed the conversation or job; further writes are refused
└── AdministrationError      a command cannot do what it was asked; the message says what to do
"""

from collections.abc import Sequence
from enum import StrEnum

from oxy_ai.usage import Usage
from oxy_core.errors import OxyError
from oxy_core.files import FileFailure


class TurnError(OxyError):
    """An attempt at a turn failed."""

    retry_after_seconds: float = 0.0
    """Shortest pause before the next attempt."""
    usage: Usage | None = None
    """Of the model's answer that is of no use; None: there was none, or it does not say."""


class ModelRejectedError(TurnError):
    """The model's endpoint rejects this request: to send it again will hardly help."""


class ModelUnknownError(ModelRejectedError):
    """The model's endpoint does not serve the model, or not with this key; it may serve another."""


class OutageCause(StrEnum):
    """Why a model's endpoint answers nobody."""

    UNREACHABLE = "unreachable"
    """No connection, or no complete answer in time."""
    BUSY = "busy"
    """It asks to come back later, or reports an error of its own."""
    UNAUTHORIZED = "unauthorized"
    """It does not accept the key, or the account has no credit left: somebody must mend the configuration."""
    MISCONFIGURED = "misconfigured"
    """It may not be called, or leads elsewhere: somebody must mend the configuration."""


class ModelOutageError(OxyError):
    """The model's endpoint cannot answer now, whatever it is asked."""

    def __init__(
        self, message: str, cause: OutageCause, retry_after_seconds: float = 0.0, unsettled: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.retry_after_seconds = retry_after_seconds
        """Shortest pause before it is asked again: its Retry-After, if any."""
        self.unsettled = unsettled
        """Models that were asked and may have cost something: no answer of theirs arrived. Empty: nothing was spent."""


class EndpointOutageError(ModelOutageError):
    """No model of the endpoint can be asked now: it cannot be reached, may not be called, or its key cannot be used."""


class ModelInvalidError(TurnError):
    """The model's endpoint answered with something other than a usable completion."""


class ModelRefusalError(TurnError):
    """The model, or its provider's filter, declined to answer."""


class TurnUnreadableError(TurnError):
    """The turn's stored data cannot be read, by this version of the worker or by any."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TurnAbandonedError(TurnError):
    """So many claims of the turn ended neither it nor an attempt at it that it may be what ends the workers."""

    def __init__(self, claims: int) -> None:
        super().__init__(f"{claims} workers in a row began this turn and did not end it")


class JobError(OxyError):
    """An attempt at a job failed; the message is shown to administrators and quotes nobody."""


class JobUnreadableError(JobError):
    """What is stored of a job cannot be read, by this version of the worker or by any."""


class JobTimeoutError(JobError):
    """A job took too long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the job has not ended within {seconds:g} seconds")


class JobAbandonedError(JobError):
    """So many claims of a job ended neither it nor an attempt at it that it may be what ends the workers."""

    def __init__(self, claims: int) -> None:
        super().__init__(f"{claims} workers in a row began this job and did not end it")


class JobKindUnknownError(JobError):
    """No worker has known the kind of a job for so long that none will."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"no worker knows the kind of job {kind!r}; upgrade the workers, then replay it")


class ProfileUnknownError(TurnError):
    """No installed package provides the vertical that an instance's profile names."""

    def __init__(self, profile: str, installed: Sequence[str]) -> None:
        super().__init__(
            f"spec.ai.profile: no installed package provides a vertical {profile!r} (installed: "
            f"{', '.join(installed) or 'none'}); correct the profile or install the package"
        )


class BudgetError(OxyError):
    """The model may not be asked."""


class BudgetExhaustedError(BudgetError):
    """The month's budget has no room for the largest cost of the call."""

    def __init__(self) -> None:
        super().__init__("the month's budget (spec.ai.monthlyBudgetUsd) has no room for another call of the model")


class PriceUnknownError(BudgetError):
    """There is a budget, but nobody knows what the model costs."""

    def __init__(self, model: str) -> None:
        super().__init__(f"nobody knows what the model {model!r} costs: add it to spec.ai.prices")
        self.model = model


class FileLostError(OxyError):
    """A file of a message cannot be had or kept."""

    def __init__(self, reason: FileFailure) -> None:
        super().__init__(f"the file is lost: {reason}")
        self.reason = reason


class UnreadableFileError(OxyError):
    """A file is damaged, or of another kind than can be heard or seen."""


class FileTooLargeError(OxyError):
    """A file would take more memory, time or money to hear or see than is allowed."""


class StoreMissingError(OxyError):
    """A file is in an object store that is not configured."""


class FenceLostError(OxyError):
    """Another worker has claimed the conversation or job since; further writes under the old fence are refused."""


class AdministrationError(OxyError):
    """A command cannot do what it was asked; the message says what to do instead."""
