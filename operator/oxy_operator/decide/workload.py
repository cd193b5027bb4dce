"""An instance's StatefulSet: the few values that decisions need of it, read once, as those of a pod are."""

from dataclasses import dataclass
from typing import Final, Self

from oxy_core.instance.custom_resource import EPOCH_ANNOTATION
from oxy_operator.decide.pod import CONTAINER
from oxy_operator.lenient import plain_text, whole_number
from oxy_operator.objects import Object

PROXY_ANNOTATION: Final = "oxy.dev/proxy"
"""Of a pod: the digest of its proxy's URL (`oxy_operator.decide.proxy`)."""

VOLUME_VARIABLE: Final = "OXY_VOLUME_ID"
"""Of a pod: the uid of its session's claim."""

_LONGEST: Final = 64
"""Of a digest or a uid, in characters."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A StatefulSet, and what its pods are made with."""

    epoch: int
    replicas: int
    volume: str = ""
    """uid of the session's claim."""
    proxy: str | None = None
    """Digest of the proxy's URL; None: none was known to be usable."""

    @classmethod
    def of(cls, stateful_set: Object) -> Self:
        """Read a StatefulSet."""
        spec = stateful_set.get("spec", {})
        template = spec.get("template", {})
        annotations = template.get("metadata", {}).get("annotations", {})
        return cls(
            epoch=whole_number(annotations.get(EPOCH_ANNOTATION)) or 0,
            replicas=spec.get("replicas", 1),
            volume=plain_text(_variables(template).get(VOLUME_VARIABLE), _LONGEST),
            proxy=plain_text(annotations.get(PROXY_ANNOTATION), _LONGEST) or None,
        )


def _variables(template: Object) -> dict[str, object]:
    containers = template.get("spec", {}).get("containers", ())
    variables = [item.get("env", ()) for item in containers if item.get("name") == CONTAINER]
    return {item.get("name"): item.get("value") for item in (variables[0] if variables else ())}
