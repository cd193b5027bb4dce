"""``oxy logs``: the log of an instance's pod, in readable form."""

import json
import sys
from typing import Annotated

import typer
from kubernetes.client.exceptions import ApiException

from oxy_cli.cluster import Cluster
from oxy_cli.errors import ClusterError
from oxy_cli.instance import InstanceView
from oxy_cli.options import Context, Format, Name, Namespace, Output


def logs(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep streaming new lines.")] = False,
    tail: Annotated[int | None, typer.Option(min=0, help="Start with the last N lines (default: all).")] = None,
    previous: Annotated[bool, typer.Option("--previous", "-p", help="Log of the previous container.")] = False,
    namespace: Namespace = None,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Print the log of an instance's pod."""
    cluster = Cluster.connect(context, namespace)
    instance = InstanceView.of(cluster.instance(name))
    try:
        for line in cluster.log(instance.pod, follow=follow, tail=tail, previous=previous):
            sys.stdout.write(f"{line if output is Output.JSON else readable(line)}\n")
            sys.stdout.flush()
    except ApiException as error:
        raise ClusterError(without_pod(instance)) from error


def without_pod(instance: InstanceView) -> str:
    """Explain why there is no log to read: the instance has no pod, and its status says why."""
    message = f"cannot read the log of pod {instance.pod} in namespace {instance.namespace}: there is no such pod. "
    reason = f" ({instance.ready.reason})" if instance.ready.reason else ""
    return f"{message}{instance.name} is {instance.phase}{reason}: {instance.ready.message}"


def readable(line: str) -> str:
    """Return a JSON event as a readable line, and any other line unchanged.

    >>> readable('{"timestamp": "2026-01-02T03:04:05.678Z", "level": "info", "event": "pod_started", "epoch": 1}')
    '2026-01-02T03:04:05 info    pod_started epoch=1'
    """
    try:
        event = json.loads(line)
        moment, level, what = event.pop("timestamp"), event.pop("level"), event.pop("event")
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
    event.pop("component", None)
    rest = " ".join(f"{key}={value}" for key, value in event.items())
    return f"{moment[:19]} {level:7} {what} {rest}".rstrip()
