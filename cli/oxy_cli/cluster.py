"""A small client for the Kubernetes API: plain objects in and out, errors that say what to do.

The client library provides configuration, authentication and the connection. Its models are not used: importing them
takes longer than most commands run.
"""

import json
import os
import re
from base64 import b64decode
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, Self
from urllib.parse import quote

from kubernetes import config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import kube_config
from kubernetes.stream.ws_client import ERROR_CHANNEL, STDIN_CHANNEL, V5_CHANNEL_PROTOCOL, WSClient, websocket_call
from urllib3.exceptions import HTTPError
from websocket import WebSocketException
from yaml import YAMLError

from oxy_cli.errors import ClusterError
from oxy_core.identity import SLUG_PATTERN
from oxy_core.instance.custom_resource import API_VERSION, MANAGED_BY, PLURAL
from oxy_core.memory_file import keep_kubeconfig_in_memory

Object = dict[str, Any]
"""A Kubernetes object, as its JSON."""

Query = Sequence[tuple[str, str]]

_GROUP: Final = f"/apis/{API_VERSION}"

_NAMES: Final = {
    "namespace": (re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"), 63),
    "WhatsAppInstance": (re.compile(SLUG_PATTERN), 40),
}
"""What they can be called, by the API server, and in how many characters. Much else would change a request's path."""

_MANAGED: Final = f"app.kubernetes.io/managed-by={MANAGED_BY}"

REQUEST_SECONDS: Final = 15
"""Default time limit of a request to the API server."""

_HINTS: Final = {
    401: "The kubeconfig's credentials are invalid or have expired.",
    403: "Ask a cluster administrator for this permission.",
}

_MERGE_PATCH: Final = "application/merge-patch+json"

_ABSENT: Final = frozenset({HTTPStatus.NOT_FOUND})
_CONFLICT: Final = frozenset({HTTPStatus.CONFLICT})
_FORBIDDEN: Final = frozenset({HTTPStatus.FORBIDDEN})


@dataclass(frozen=True, slots=True)
class Completed:
    """Result of a command that ran in a container."""

    output: str
    errors: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, and the namespace that requests go to; raises ClusterError for what no namespace can be called."""

    api: Any
    namespace: str

    def __post_init__(self) -> None:
        """Check the name."""
        _checked("namespace", self.namespace)

    @classmethod
    def connect(cls, context: str | None, namespace: str | None) -> Self:
        """Read the kubeconfig (``$KUBECONFIG``, else ``~/.kube/config``); raises ClusterError if it is unusable."""
        keep_kubeconfig_in_memory(kube_config)
        try:
            api = config.new_client_from_config(context=context)
            contexts, current = config.list_kube_config_contexts()
        except Exception as error:  # the library raises whatever it stumbles over in a file that is no kubeconfig
            where = os.environ.get("KUBECONFIG") or "~/.kube/config"
            is_explained = isinstance(error, (config.ConfigException, OSError, YAMLError, UnicodeError))
            why = " ".join(str(error).rstrip(".").split()) if is_explained else "its content is malformed"
            message = (
                f"no usable kubeconfig at {where}: {why}. "
                "Point KUBECONFIG at one, or choose a context with --context: `kubectl config get-contexts` lists them."
            )
            raise ClusterError(message) from error
        chosen = next(item for item in contexts if item["name"] == context) if context else current
        return cls(api, namespace or chosen["context"].get("namespace") or "default")

    def clock_ahead(self) -> timedelta:
        """Return by how much the cluster's clock is ahead of ours, to a second: a laptop's may be hours off."""
        with explained("cannot reach the cluster"):
            answer = self._request("GET", "/version")
            answer.read()
        try:
            return parsedate_to_datetime(answer.headers.get("Date", "")) - datetime.now(UTC)
        except ValueError:
            return timedelta()

    def instances(self, *, everywhere: bool = False) -> list[Object]:
        """Return the instances of the namespace, or of all namespaces."""
        where = "in the cluster" if everywhere else f"in namespace {self.namespace}"
        with explained(f"cannot list WhatsAppInstances {where}"):
            items: list[Object] = self._get(f"{_GROUP}/{PLURAL}" if everywhere else self._instances)["items"]
        return items

    def instance(self, name: str) -> Object:
        """Return one instance; raises ClusterError if there is none with this name."""
        _checked("WhatsAppInstance", name)
        with explained(f"cannot read WhatsAppInstance {name} in namespace {self.namespace}"):
            return self._get(f"{self._instances}/{name}")

    def patch_instance(self, name: str, patch: Object) -> None:
        """Merge `patch` (RFC 7386) into an instance."""
        _checked("WhatsAppInstance", name)
        with explained(f"cannot change WhatsAppInstance {name} in namespace {self.namespace}"):
            self._request("PATCH", f"{self._instances}/{name}", body=patch).read()

    def patch_unchanged_instance(self, instance: Object, spec: Object) -> Object | None:
        """Merge `spec` into an instance's spec and return the instance; None if it has changed since it was read."""
        metadata = instance["metadata"]
        name, version = metadata["name"], metadata["resourceVersion"]
        try:
            with explained(f"cannot change WhatsAppInstance {name} in namespace {self.namespace}", unchanged=_CONFLICT):
                body = {"metadata": {"resourceVersion": version}, "spec": spec}
                found: Object = json.loads(
                    self._request("PATCH", f"{self._instances}/{quote(name, safe='')}", body=body).read()
                )
        except ApiException:
            return None
        return found

    def within(self, namespace: str) -> Self:
        """Return the same cluster with another namespace."""
        return replace(self, namespace=namespace)

    def claims(self, *, everywhere: bool = False) -> list[Object]:
        """Return the claims of sessions in the namespace, or in all namespaces."""
        where = "in the cluster" if everywhere else f"in namespace {self.namespace}"
        path = "/api/v1/persistentvolumeclaims" if everywhere else f"{self._core}/persistentvolumeclaims"
        with explained(f"cannot list volume claims {where}"):
            items: list[Object] = self._get(path, [("labelSelector", _MANAGED)])["items"]
        return items

    def delete_claim(self, name: str, uid: str) -> None:
        """Delete the volume claim that has this uid, and no other of its name."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        with explained(f"cannot delete volume claim {name} in namespace {self.namespace}"):
            path = f"{self._core}/persistentvolumeclaims/{quote(name, safe='')}"
            self._request("DELETE", path, body=body, form="application/json").read()

    def deployed_in(self, labels: Mapping[str, str], *, everywhere: bool = False) -> set[str] | None:
        """Return which namespaces have a Deployment with these labels, this one or all; None: that may not be seen."""
        where = "in the cluster" if everywhere else f"in namespace {self.namespace}"
        path = "/apis/apps/v1/deployments" if everywhere else f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        try:
            with explained(f"cannot list Deployments {where}", unchanged=_FORBIDDEN):
                found = self._get(path, [("labelSelector", selector)])
        except ApiException:
            return None
        return {item["metadata"]["namespace"] for item in found["items"]}

    def secret(self, name: str) -> dict[str, str] | None:
        """Return the decoded data of a Secret; None if the Secret does not exist."""
        try:
            with explained(f"cannot read Secret {name} in namespace {self.namespace}", unchanged=_ABSENT):
                found = self._get(f"{self._core}/secrets/{quote(name, safe='')}")
        except ApiException:
            return None
        return {key: b64decode(value).decode() for key, value in found.get("data", {}).items()}

    def config_map(self, name: str) -> Object | None:
        """Return a ConfigMap; None if it does not exist."""
        try:
            with explained(f"cannot read ConfigMap {name} in namespace {self.namespace}", unchanged=_ABSENT):
                return self._get(f"{self._core}/configmaps/{quote(name, safe='')}")
        except ApiException:
            return None

    def write_config_map(self, name: str, content: Object) -> bool:
        """Create a ConfigMap, or change it if `content` has the resource version that it still has.

        Returns False if somebody else was faster.
        """
        metadata = {**content["metadata"], "name": name}
        body = {"apiVersion": "v1", "kind": "ConfigMap", **content, "metadata": metadata}
        path = f"{self._core}/configmaps"
        try:
            with explained(f"cannot write ConfigMap {name} in namespace {self.namespace}", unchanged=_CONFLICT):
                if "resourceVersion" in metadata:
                    self._request("PUT", f"{path}/{quote(name, safe='')}", body=body, form="application/json").read()
                else:
                    self._request("POST", path, body=body, form="application/json").read()
        except ApiException:
            return False
        return True

    def log(self, pod: str, *, follow: bool, tail: int | None, previous: bool) -> Iterator[str]:
        """Yield the last `tail` lines of a pod's log (None: all) and, with `follow`, new ones until the pod ends.

        Raises ApiException with the status 404 if there is no such pod.
        """
        query = {"follow": str(follow).lower(), "previous": str(previous).lower()}
        query |= {} if tail is None else {"tailLines": str(tail)}
        with explained(f"cannot read the log of pod {pod} in namespace {self.namespace}", unchanged=_ABSENT):
            # No time limit: a pod may log nothing for hours.
            response = self._request("GET", f"{self._core}/pods/{pod}/log", list(query.items()), seconds=None)
            rest = b""
            # With amt=None urllib3 yields each chunk as it arrives; with a number it would wait for that many bytes.
            for chunk in response.response.stream(amt=None):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
            if rest:
                yield rest.decode(errors="replace")

    def ready_pod(self, labels: Mapping[str, str]) -> str | None:
        """Return the name of a ready pod with these labels in the namespace; None if there is none."""
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        with explained(f"cannot list pods in namespace {self.namespace}"):
            pods = self._get(f"{self._core}/pods", [("labelSelector", selector)])["items"]
        return next((str(pod["metadata"]["name"]) for pod in pods if _is_ready(pod)), None)

    def execute(self, pod: str, command: Sequence[str], stdin: Iterable[bytes] = ()) -> Completed:
        """Run a command in a pod's first container with this input; raises ClusterError if it cannot run."""
        with explained(f"cannot run a command in pod {pod} of namespace {self.namespace}"):
            session = self._session(pod, command)
            try:
                return _completed(session, stdin)
            finally:
                session.close()

    def follow(self, pod: str, command: Sequence[str], stdin: Iterable[bytes] = ()) -> Generator[str, None, Completed]:
        """Run a command as `execute` does, and yield its output line by line as it comes.

        Returns how it ended, without the output. Nothing is read that nobody has asked for yet.
        """
        what = f"cannot run a command in pod {pod} of namespace {self.namespace}"
        with explained(what):
            session = self._session(pod, command)
        try:
            _send(session, stdin)
            rest = b""
            while session.is_open():
                with explained(what):
                    session.update(timeout=None)
                    *lines, rest = (rest + session.read_stdout()).split(b"\n")
                yield from (line.decode() for line in lines)
            if rest:
                yield rest.decode()
            return _ended(session)
        finally:
            session.close()

    def _session(self, pod: str, command: Sequence[str]) -> WSClient:
        streams = [("stdin", "true"), ("stdout", "true"), ("stderr", "true")]
        query = [*streams, *(("command", word) for word in command)]
        method, url, headers, *_ = self._serialized("GET", f"{self._core}/pods/{pod}/exec", query)
        # Bytes, because the library decodes text frame by frame, which breaks characters that span two frames.
        session: WSClient = websocket_call(
            self.api.configuration, method, url, headers=headers, _preload_content=False, binary=True, capture_all=False
        )
        return session

    @property
    def _core(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}"

    @property
    def _instances(self) -> str:
        return f"{_GROUP}/namespaces/{self.namespace}/{PLURAL}"

    def _get(self, path: str, query: Query = ()) -> Object:
        found: Object = json.loads(self._request("GET", path, query).read())
        return found

    def _request(  # noqa: PLR0913 what a request has
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        body: Object | None = None,
        form: str = _MERGE_PATCH,
        seconds: int | None = REQUEST_SECONDS,
    ) -> Any:  # noqa: ANN401 the client library has no types
        """Return the library's answer, unread; raises ApiException for an error status."""
        answer = self.api.call_api(*self._serialized(method, path, query, body, form), _request_timeout=seconds)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise ApiException(status=answer.status, reason=answer.reason, body=answer.read().decode(errors="replace"))
        return answer

    def _serialized(self, method: str, path: str, query: Query, body: Object | None = None, form: str = "") -> Any:  # noqa: ANN401 as above
        headers = {"Accept": "application/json"} | ({"Content-Type": form} if body is not None else {})
        return self.api.param_serialize(
            method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
        )


def _completed(session: WSClient, stdin: Iterable[bytes]) -> Completed:
    _send(session, stdin)
    session.run_forever()
    return _ended(session)


def _send(session: WSClient, stdin: Iterable[bytes]) -> None:
    """Write a command's whole input and close it; raises ClusterError."""
    if session.subprotocol != V5_CHANNEL_PROTOCOL:
        message = "the cluster's API server cannot close a command's input; Kubernetes 1.30 or newer is needed"
        raise ClusterError(message)
    # A command that ends before it has read everything closes the connection; its output says why it did.
    with suppress(WebSocketException, OSError):
        _write(session, stdin)


def _ended(session: WSClient) -> Completed:
    output, errors = session.read_stdout().decode(), session.read_stderr().decode()
    return Completed(output, errors, exit_code_of(session.read_channel(ERROR_CHANNEL).decode()))


def _write(session: WSClient, stdin: Iterable[bytes]) -> None:
    for part in stdin:
        # Reads what has come, without waiting: a command that talks while it listens must not fill the connection.
        session.update(timeout=0)
        if not session.is_open():
            return
        session.write_channel(STDIN_CHANNEL, part)
    session.close_channel(STDIN_CHANNEL)


def exit_code_of(status: str) -> int:
    """Return a command's exit code from its final Status, in JSON; raises ClusterError if it did not run or finish."""
    found: Object = json.loads(status or "{}")
    if found.get("status") == "Success":
        return 0
    for cause in found.get("details", {}).get("causes", ()):
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    message = f"the command did not finish: {found.get('message') or 'the connection was lost'}; try again"
    raise ClusterError(message)


def reason_of(status: int | None, body: str | None) -> str:
    """Return why the API server refused, and what to do, from the HTTP status and body of its response."""
    try:
        said = str(json.loads(body or "")["message"])
    except (ValueError, KeyError, TypeError):
        said = (body or "").strip() or f"HTTP status {status}"
    hint = _HINTS.get(status or 0)
    if status == HTTPStatus.NOT_FOUND:
        unknown = "page not found" in said or "could not find the requested resource" in said
        hint = (
            "Oxy is not installed in this cluster." if unknown else "`oxy status --all-namespaces` lists all instances."
        )
    return f"{said.rstrip('.')}. {hint}" if hint else said


def _is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions", ())
    return "deletionTimestamp" not in pod["metadata"] and any(
        item["type"] == "Ready" and item["status"] == "True" for item in conditions
    )


def cause_of(error: BaseException) -> str:
    """Return briefly why a server could not be reached: the innermost cause, without the errors that wrap it.

    >>> cause_of(ConnectionRefusedError(111, "Connection refused"))
    'Connection refused'
    """
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    # ssl.SSLCertVerificationError says why in an attribute that str() does not show.
    return str(getattr(error, "verify_message", None) or getattr(error, "strerror", None) or error)


def _checked(kind: str, name: str) -> None:
    pattern, longest = _NAMES[kind]
    if not pattern.fullmatch(name):
        message = (
            f"{name!r} is not the name of a {kind}: such a name is at most {longest} lower-case letters, digits and "
            "hyphens, beginning and ending with a letter or digit"
        )
        raise ClusterError(message)


@contextmanager
def explained(what: str, *, unchanged: Collection[int] = ()) -> Iterator[None]:
    """Turn the client library's errors into ClusterError, whose message begins with `what`.

    ApiException with one of the HTTP statuses in `unchanged` is raised as it is.
    """
    try:
        yield
    except ApiException as error:
        if error.status in unchanged:
            raise
        message = f"{what}: {reason_of(error.status, error.body or error.reason)}"
        raise ClusterError(message) from error
    except (HTTPError, OSError) as error:
        hint = "Is the cluster up, and is this the right context?"
        message = f"{what}: the API server does not answer ({cause_of(error)}). {hint}"
        raise ClusterError(message) from error
