"""Errors of the operator, one class per decision of the caller.

OxyError
├── AccountRefusedError   NATS refused to add or delete an account
├── LeadershipLostError   another operator may lead by now: this process must end
├── ResourceError         a custom resource that this version cannot use
└── ApiError              the Kubernetes API refused a request or did not answer
    ├── ConflictError     the object already exists, or another object has its name
    ├── InvalidError      the object is invalid or we may not write it; retrying does not help
    └── MissingError      the object does not exist
"""

from http import HTTPStatus

from oxy_core.errors import BusError, OxyError


class AccountRefusedError(BusError):
    """NATS refused to add or delete an account; the message is the server's."""


class LeadershipLostError(OxyError):
    """Another operator may lead by now: this process must end."""


class ResourceError(OxyError):
    """A custom resource that this version cannot use; the message names the fields."""


class ApiError(OxyError):
    """The Kubernetes API refused a request, or did not answer it (status 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @staticmethod
    def of(status: int, message: str) -> "ApiError":
        """Return an error of the class that matches an HTTP status."""
        kinds: dict[int, type[ApiError]] = {
            HTTPStatus.CONFLICT: ConflictError,
            HTTPStatus.UNPROCESSABLE_ENTITY: InvalidError,
            HTTPStatus.BAD_REQUEST: InvalidError,
            HTTPStatus.FORBIDDEN: InvalidError,
            HTTPStatus.NOT_FOUND: MissingError,
        }
        return kinds.get(status, ApiError)(status, message)


class ConflictError(ApiError):
    """The object already exists, or another object has its name."""


class InvalidError(ApiError):
    """The object is invalid, or the operator may not write it; retrying does not help."""


class MissingError(ApiError):
    """The object does not exist."""
