"""Errors of the local cluster.

* `ClusterError`: base; its text says what happened, why, and what to do next
  * `PreflightError`: this machine lacks something; nothing was changed
  * `CommandError`: a program that we called failed
  * `StartError`: a part of the cluster did not become ready
  * `ApiError`: the API server refused a request
"""


class ClusterError(Exception):
    """Base of every error that the local cluster raises on purpose."""


class PreflightError(ClusterError):
    """This machine lacks something that the cluster needs."""


class CommandError(ClusterError):
    """A program that was called ended with a failure."""


class StartError(ClusterError):
    """A part of the cluster ended early or did not become ready in time."""


class ApiError(ClusterError):
    """The API server answered with an error status.

    ``status`` is the HTTP status code.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the API server answered {status}: {message}")
        self.status = status
