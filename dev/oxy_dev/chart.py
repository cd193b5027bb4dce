"""Renders the chart: the objects that it would install."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from oxy_dev.cluster import binary
from oxy_dev.cluster.shell import run

CHART: Final = Path(__file__).resolve().parents[2] / "charts" / "oxy"

Object = dict[str, Any]
"""A Kubernetes object, as its JSON."""


def lint() -> str:
    """Return the output of `helm lint --strict`; raises CommandError where it finds errors."""
    return run([binary.ensure().tool("helm"), "lint", "--strict", CHART])


def render(*settings: str, release: str = "oxy", namespace: str = "oxy") -> list[Object]:
    """Return the objects of a release; each setting is ``name=value`` in JSON, as for ``helm --set-json``.

    Raises CommandError with helm's message where the values are refused.
    """
    arguments = [f"--set-json={setting}" for setting in settings]
    text = run([binary.ensure().tool("helm"), "template", release, CHART, f"--namespace={namespace}", *arguments])
    return [item for item in yaml.safe_load_all(text) if item is not None]


def of_kind(objects: Sequence[Object], kind: str) -> dict[str, Object]:
    """Return the objects of a kind by name."""
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def pod_templates(objects: Sequence[Object]) -> Mapping[str, Object]:
    """Return the pod template of every workload, by the workload's name."""
    kinds = {"Deployment", "StatefulSet", "Job"}
    return {item["metadata"]["name"]: item["spec"]["template"] for item in objects if item["kind"] in kinds}
