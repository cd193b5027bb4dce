"""Does for a plain process what the kubelet does for a pod: folders for its volumes, values for its environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

Object = Mapping[str, Any]
"""A Kubernetes object, as its JSON."""

TERMINATION_LOG: Final = "termination-log"


def pod_environment(
    template: Object, folder: Path, *, uid: str, secrets: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Return the environment of a pod template's only container.

    Paths below a volume's mount lead to that volume's folder below `folder`, the termination log to a file there.
    `secrets` is the content of the Secrets that variables refer to. Raises KeyError for a reference that it lacks.
    """
    (container,) = template["spec"]["containers"]
    folders = {mount["mountPath"]: folder / mount["name"] for mount in container["volumeMounts"]}
    paths = {**folders, container["terminationMessagePath"]: folder / TERMINATION_LOG}
    annotations = template["metadata"]["annotations"]
    fields = {f"metadata.annotations['{name}']": value for name, value in annotations.items()} | {"metadata.uid": uid}
    return {variable["name"]: _value(variable, paths, fields, secrets) for variable in container["env"]}


def _value(
    variable: Object,
    paths: Mapping[str, Path],
    fields: Mapping[str, str],
    secrets: Mapping[str, Mapping[str, str]],
) -> str:
    match variable:
        case {"value": str() as text}:
            mount = next((path for path in paths if text == path or text.startswith(f"{path}/")), None)
            return text if mount is None else f"{paths[mount]}{text.removeprefix(mount)}"
        case {"valueFrom": {"fieldRef": {"fieldPath": path}}}:
            return fields[path]
        case {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}:
            return secrets[name][key]
    message = f"{variable['name']} has a source that plain processes do not have"
    raise KeyError(message)
