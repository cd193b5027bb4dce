"""The API server as the command uses it: plain objects in and out, errors in words."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Self

from kubernetes import client, config, stream
from kubernetes.client.exceptions import ApiException
from kubernetes.stream.ws_client import ERROR_CHANNEL, STDIN_CHANNEL, V5_CHANNEL_PROTOCOL, WSClient
from urllib3.exceptions import HTTPError

from oxy_cli.errors import ClusterError

Object = dict[str, Any]
"""A Kubernetes object, as its JSON."""

GROUP: Final = "oxy.dev"
VERSION: Final = "v1alpha1"
PLURAL: Final = "whatsappinstances"

REQUEST_SECONDS: Final = 15
"""Longest time that an answer of the API server may take."""

_HINTS: Final = {
    401: "The kubeconfig's credentials are not valid (any more).",
    403: "Ask a cluster administrator for this permission.",
}

_MERGE_PATCH: Final = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command in a container ended."""

    output: str
    errors: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, and the namespace to look in unless another is named."""

    api: Any
    namespace: str

    @classmethod
    def connect(cls, context: str | None, namespace: str | None) -> Self:
        """Read the kubeconfig (``$KUBECONFIG``, else ``~/.kube/config``); raises ClusterError when it is unusable."""
        try:
            api = config.new_client_from_config(context=context)
            _, current = config.list_kube_config_contexts()
            contexts = {item["name"]: item for item in config.list_kube_config_contexts()[0]}
        except (config.ConfigException, OSError) as error:
            message = (
                f"no usable kubeconfig: {str(error).rstrip('.')}. "
                "Point KUBECONFIG at one, or name a context of it with --context: `kubectl config get-contexts`."
            )
            raise ClusterError(message) from error
        chosen = contexts[context] if context else current
        return cls(api, namespace or chosen["context"].get("namespace") or "default")

    def instances(self, *, everywhere: bool = False) -> list[Object]:
        """Return the instances of the namespace, or of all namespaces."""
        api = client.CustomObjectsApi(self.api)
        where = "in the cluster" if everywhere else f"in namespace {self.namespace}"
        with explained(f"cannot list WhatsAppInstances {where}"):
            if everywhere:
                found = api.list_cluster_custom_object(GROUP, VERSION, PLURAL, _request_timeout=REQUEST_SECONDS)
            else:
                found = api.list_namespaced_custom_object(
                    GROUP, VERSION, self.namespace, PLURAL, _request_timeout=REQUEST_SECONDS
                )
        items: list[Object] = found["items"]
        return items

    def instance(self, name: str) -> Object:
        """Return one instance; raises ClusterError when there is none of that name."""
        with explained(f"cannot read WhatsAppInstance {name} in namespace {self.namespace}"):
            found: Object = client.CustomObjectsApi(self.api).get_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURAL, name, _request_timeout=REQUEST_SECONDS
            )
        return found

    def patch_instance(self, name: str, patch: Object) -> None:
        """Merge `patch` (RFC 7386) into an instance."""
        with explained(f"cannot change WhatsAppInstance {name} in namespace {self.namespace}"):
            client.CustomObjectsApi(self.api).patch_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                name,
                patch,
                _content_type=_MERGE_PATCH,
                _request_timeout=REQUEST_SECONDS,
            )

    def secret(self, name: str) -> dict[str, str] | None:
        """Return the text of each key of a Secret, or None where there is none."""
        try:
            with explained(f"cannot read Secret {name} in namespace {self.namespace}", absent_is_error=False):
                found = client.CoreV1Api(self.api).read_namespaced_secret(
                    name, self.namespace, _request_timeout=REQUEST_SECONDS
                )
        except ApiException:
            return None
        return {key: b64decode(value).decode() for key, value in (found.data or {}).items()}

    def log(self, pod: str, *, follow: bool, tail: int | None, previous: bool) -> Iterator[str]:
        """Yield the lines that a pod's container has printed, and with `follow` those that it prints from now on."""
        options: dict[str, Any] = {"tail_lines": tail} if tail is not None else {}
        with explained(f"cannot read the log of pod {pod} in namespace {self.namespace}"):
            response = client.CoreV1Api(self.api).read_namespaced_pod_log(
                pod, self.namespace, follow=follow, previous=previous, _preload_content=False, **options
            )
            rest = b""
            for chunk in response.stream():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
            if rest:
                yield rest.decode(errors="replace")

    def ready_pod(self, labels: Mapping[str, str]) -> str | None:
        """Return the name of a ready pod of the namespace with these labels, if there is one."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        with explained(f"cannot list pods in namespace {self.namespace}"):
            pods = client.CoreV1Api(self.api).list_namespaced_pod(
                self.namespace, label_selector=selector, _request_timeout=REQUEST_SECONDS
            )
        return next((str(pod.metadata.name) for pod in pods.items if _is_ready(pod)), None)

    def execute(self, pod: str, command: Sequence[str], stdin: str = "") -> Completed:
        """Run a command in a pod's first container and give it `stdin`; raises ClusterError when it cannot run."""
        with explained(f"cannot run a command in pod {pod} of namespace {self.namespace}"):
            session: WSClient = stream.stream(
                client.CoreV1Api(self.api).connect_get_namespaced_pod_exec,
                pod,
                self.namespace,
                command=list(command),
                stdin=True,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
                # Bytes: the library decodes text frame by frame, which breaks characters on their borders.
                binary=True,
            )
            try:
                return _completed(session, stdin)
            finally:
                session.close()


def _completed(session: WSClient, stdin: str) -> Completed:
    if session.subprotocol != V5_CHANNEL_PROTOCOL:
        message = "the cluster's API server is too old to end a command's input; Kubernetes 1.30 or newer is needed"
        raise ClusterError(message)
    if stdin:
        session.write_channel(STDIN_CHANNEL, stdin.encode())
    session.close_channel(STDIN_CHANNEL)
    session.run_forever()
    output, errors = session.read_stdout().decode(), session.read_stderr().decode()
    return Completed(output, errors, exit_code_of(session.read_channel(ERROR_CHANNEL).decode()))


def exit_code_of(status: str) -> int:
    """Return a command's exit code from the Status that ends it, in JSON; raises ClusterError where it did not run."""
    found: Object = json.loads(status or "{}")
    if found.get("status") == "Success":
        return 0
    for cause in found.get("details", {}).get("causes", ()):
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    message = f"the command did not end: {found.get('message') or 'the connection was lost'}; try again"
    raise ClusterError(message)


def reason_of(status: int | None, body: str | None) -> str:
    """Return in words why the API server refused, from the HTTP status and the body of its answer."""
    try:
        said = str(json.loads(body or "")["message"])
    except (ValueError, KeyError, TypeError):
        said = (body or "").strip() or f"HTTP status {status}"
    hint = _HINTS.get(status or 0)
    if status == HTTPStatus.NOT_FOUND:
        unknown = "page not found" in said or "could not find the requested resource" in said
        hint = (
            "Oxy is not installed in this cluster." if unknown else "`oxy status --all-namespaces` lists what there is."
        )
    return f"{said.rstrip('.')}. {hint}" if hint else said


def _is_ready(pod: Any) -> bool:  # noqa: ANN401 the client library has no types
    conditions = pod.status.conditions or []
    return pod.metadata.deletion_timestamp is None and any(
        item.type == "Ready" and item.status == "True" for item in conditions
    )


@contextmanager
def explained(what: str, *, absent_is_error: bool = True) -> Iterator[None]:
    """Turn the client library's errors into ClusterError, beginning with `what` failed.

    Without `absent_is_error` a 404 passes as it is.
    """
    try:
        yield
    except ApiException as error:
        if error.status == HTTPStatus.NOT_FOUND and not absent_is_error:
            raise
        message = f"{what}: {reason_of(error.status, error.body or error.reason)}"
        raise ClusterError(message) from error
    except (HTTPError, OSError) as error:
        message = f"{what}: the API server does not answer ({error}). Is the cluster up, and is this the right context?"
        raise ClusterError(message) from error
