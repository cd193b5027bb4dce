"""kubectl and helm for one cluster, and waiting for conditions."""

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TextIO, TypeVar

from oxy_dev.cluster import binary
from oxy_dev.cluster.errors import ClusterError, CommandError
from oxy_dev.cluster.shell import child, cluster_environment, run, succeeds
from oxy_dev.servers import free_port, is_listening

T = TypeVar("T")

POLL_SECONDS: Final = 0.25
FORWARD_SECONDS: Final = 15.0
CHECK_SECONDS: Final = 2.0
"""How often to check that the API server answers while a program waits for the cluster."""
UNANSWERED: Final = 3
"""Failed checks in a row after which the cluster is gone: a busy machine may miss one."""
COMPLAINT_LINES: Final = 15


class GoneError(ClusterError):
    """The API server stopped answering while a program waited for the cluster."""


class WaitError(ClusterError):
    """A condition did not become true in time."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl and helm, bound to a kubeconfig (None: the user's current one)."""

    kubectl: str
    helm: str
    kubeconfig: Path | None

    @classmethod
    def of(cls, kubeconfig: Path | None) -> Self:
        """Return the commands on PATH for the user's own cluster, otherwise those that we build."""
        kubectl, helm = shutil.which("kubectl"), shutil.which("helm")
        if kubeconfig is None and kubectl and helm:
            return cls(kubectl, helm, None)
        tools = binary.ensure()
        return cls(str(tools.tool("kubectl")), str(tools.tool("helm")), kubeconfig)

    @property
    def _target(self) -> list[str]:
        return [] if self.kubeconfig is None else [f"--kubeconfig={self.kubeconfig}"]

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return its output; raises CommandError with its error message."""
        return run([self.kubectl, *self._target, *arguments], stdin=stdin)

    def run_long(self, *arguments: str) -> str:
        """Run a kubectl command that waits; raises CommandError, or GoneError soon after the API server is gone."""
        return self._watched([self.kubectl, *self._target, *arguments])

    def run_helm(self, *arguments: str) -> str:
        """Run helm and return its output; raises CommandError, or GoneError soon after the API server is gone.

        Helm alone would keep waiting for a missing cluster until its timeout.
        """
        return self._watched([self.helm, *self._target, *arguments])

    def unready_pods(self) -> list[str]:
        """Return one line for each pod that should be ready and is not: namespace, name, and the known reasons."""
        return [line for pod in self.get("pods", "--all-namespaces")["items"] if (line := unready(pod))]

    def answers(self) -> bool:
        """Return whether the API server answers."""
        return succeeds([self.kubectl, *self._target, "get", "--raw=/version", "--request-timeout=5s"])

    def _watched(self, argv: Sequence[str]) -> str:
        with (
            tempfile.TemporaryFile("w+") as output,
            child(argv, cluster_environment(), stdout=output) as process,
        ):
            self._wait(process)
            output.seek(0)
            text = output.read()
            if process.returncode:
                message = f"`{' '.join(argv[:3])} …` ended with status {process.returncode}: {complaint(text)}"
                raise CommandError(message)
            return text

    def _wait(self, process: subprocess.Popen[str]) -> None:
        """Wait for the end of a program that uses the API server; raises GoneError when that is gone."""
        unanswered = 0
        while unanswered < UNANSWERED:
            try:
                process.wait(CHECK_SECONDS)
            except subprocess.TimeoutExpired:
                unanswered = 0 if self.answers() else unanswered + 1
            else:
                return
        message = "the API server of the cluster no longer answers. Has the cluster been taken down?"
        raise GoneError(message)

    def get(self, *arguments: str) -> Any:  # noqa: ANN401 a Kubernetes object, as its JSON
        """Return the JSON of ``kubectl get …``; raises CommandError if there is no such object."""
        return json.loads(self("get", "--output=json", *arguments))

    def find(self, *arguments: str) -> Any | None:  # noqa: ANN401 as `get`
        """Return the JSON of ``kubectl get …``, or None if there is no such object."""
        text = self("get", "--output=json", "--ignore-not-found", *arguments)
        return json.loads(text) if text.strip() else None

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects server-side, with strict validation."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager=oxy-dev", "--filename=-"]
        self(*arguments, stdin=json.dumps(items))

    @contextlib.contextmanager
    def following(self, *arguments: str) -> Iterator[Path]:
        """Run a kubectl command that goes on, such as a watch; yields the file that its output is written to."""
        with (
            tempfile.NamedTemporaryFile("w") as output,
            child([self.kubectl, *self._target, *arguments], cluster_environment(), stdout=output),
        ):
            yield Path(output.name)

    @contextlib.contextmanager
    def forwarding(self, namespace: str, target: str, port: int) -> Iterator[int]:
        """Forward a free local port to a port of ``service/x`` or ``pod/x``; yields the local port."""
        local = free_port()
        arguments = ["--namespace", namespace, "port-forward", target, f"{local}:{port}"]
        with (
            tempfile.TemporaryFile("w+") as output,
            subprocess.Popen(
                [self.kubectl, *self._target, *arguments], stdout=output, stderr=output, env=cluster_environment()
            ) as process,
        ):
            try:
                wait_until(
                    f"forwarding to {target} in {namespace}", FORWARD_SECONDS, lambda: _forwards(process, output, local)
                )
                yield local
            finally:
                process.kill()


def unready(pod: Mapping[str, Any]) -> str | None:
    """Return one line about a pod that should be ready and is not; None for one that is ready or has succeeded."""
    status, metadata = pod["status"], pod["metadata"]
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions", ()))
    if ready or status.get("phase") == "Succeeded":
        return None
    states = [item.get("state", {}) for item in status.get("containerStatuses", ())]
    details = [state[kind] for state in states for kind in ("waiting", "terminated") if kind in state]
    unmet = [item for item in status.get("conditions", ()) if item["type"] == "PodScheduled" and item.get("message")]
    why = [str(item.get("message") or item.get("reason")) for item in [*details, *unmet]]
    return f"{metadata['namespace']}/{metadata['name']}: {'; '.join([status.get('phase', 'Unknown'), *why])}"


def complaint(output: str) -> str:
    r"""Return the last lines of a program's output, without log lines of Kubernetes' client library.

    >>> complaint("W1122 20:31:02.1 7 reflector.go:1] watch failed\nError: timed out\n")
    'Error: timed out'
    """
    lines = [line for line in output.splitlines() if not re.match(r"[IWEF]\d{4} \d\d:", line)]
    return "\n".join(lines[-COMPLAINT_LINES:]).strip()


def _forwards(process: subprocess.Popen[bytes], output: TextIO, port: int) -> bool | None:
    if process.poll() is not None:
        output.seek(0)
        message = f"port forwarding into the cluster ended: {complaint(output.read())}\n`make up` repairs the cluster."
        raise ClusterError(message)
    return is_listening(port) or None


def wait_until(what: str, seconds: float, check: Callable[[], T | None]) -> T:
    """Call `check` until it returns a result; raises WaitError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            message = f"{what}: not within {seconds:.0f} s"
            raise WaitError(message)
        time.sleep(POLL_SECONDS)
