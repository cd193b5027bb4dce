"""Runs the workers' administration command in one of their pods: only workers reach the database.

`Cluster.ready_pod` picks the pod.
"""

import json
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from typing import Any, Final

from oxy_cli.cluster import Cluster, Completed
from oxy_cli.errors import AdminError

WORKER_LABELS: Final = {"app.kubernetes.io/name": "oxy", "app.kubernetes.io/component": "ai"}

KILLED: Final = 137
"""Exit code of a command that was killed with SIGKILL."""


def administer(
    system: Cluster, arguments: Sequence[str], stdin: Iterable[bytes] = (), *, accepted: Collection[int] = (0,)
) -> Any:  # noqa: ANN401 the JSON it prints
    """Run ``python -m oxy_ai.admin`` with these arguments in a ready worker; return the JSON that it printed.

    `system` is the namespace in which Oxy is installed, `accepted` the exit codes with which it may answer. Raises
    AdminError with the worker's message if it refuses.
    """
    pod = _ready_worker(system)
    return answer_of(system.execute(pod, _command(arguments), stdin), pod, accepted)


def administer_each(
    system: Cluster, arguments: Sequence[str], stdin: Iterable[bytes] = (), *, accepted: Collection[int] = (0,)
) -> Iterator[Any]:
    """Run it as `administer` does, and yield the JSON of each line that it prints, as they come.

    Raises AdminError with the worker's message if it refuses, or breaks off.
    """
    pod = _ready_worker(system)
    completed = yield from _documents(system.follow(pod, _command(arguments), stdin), pod)
    _require(completed, pod, accepted)


def _ready_worker(system: Cluster) -> str:
    pod = system.ready_pod(WORKER_LABELS)
    if pod is None:
        message = (
            f"no AI worker is ready in namespace {system.namespace}. Is Oxy installed there (--system-namespace)? A "
            f"worker is not ready while NATS or PostgreSQL is away: `kubectl get pods -n {system.namespace}` tells."
        )
        raise AdminError(message)
    return pod


def _command(arguments: Sequence[str]) -> list[str]:
    return ["python", "-m", "oxy_ai.admin", *arguments]


def _documents(lines: Generator[str, None, Completed], pod: str) -> Generator[Any, None, Completed]:
    while True:
        try:
            line = next(lines)
        except StopIteration as end:
            completed: Completed = end.value
            return completed
        yield _document(line, pod)


def answer_of(completed: Completed, pod: str, accepted: Collection[int] = (0,)) -> Any:  # noqa: ANN401 as `administer`
    """Return the JSON that the command printed; raises AdminError with its error message."""
    _require(completed, pod, accepted)
    return _document(completed.output, pod)


def _require(completed: Completed, pod: str, accepted: Collection[int] = (0,)) -> None:
    if completed.exit_code not in accepted:
        complaint = (completed.errors.strip() or completed.output.strip()).removeprefix("error: ")
        why = ": it was killed, as when the pod has no memory left" if completed.exit_code == KILLED else ""
        raise AdminError(complaint or f"the command in {pod} exited with code {completed.exit_code}, no message{why}")


def _document(text: str, pod: str) -> Any:  # noqa: ANN401 as `administer`
    try:
        return json.loads(text)
    except ValueError as error:
        message = f"the worker in {pod} did not answer with JSON; are it and this command the same version?"
        raise AdminError(message) from error
