"""Processor and memory of an instance's pod: the defaults, and what ``spec.runtime.resources`` changes."""

from typing import Final

from oxy_operator.decide.instance import RuntimeSpec
from oxy_operator.decide.specs.quantity import amount, canonical
from oxy_operator.objects import Object

_REQUESTS: Final = {"cpu": "20m", "memory": "64Mi"}
_LIMITS: Final[dict[str, str | int]] = {"memory": "160Mi"}


def pod_resources(runtime: RuntimeSpec) -> Object:
    """Return the container's ``resources``."""
    limits = _LIMITS | runtime.resources.limits
    # The API server refuses a request above its limit, so a lower limit also lowers the default request.
    defaults = {name: min(value, limits.get(name, value), key=amount) for name, value in _REQUESTS.items()}
    requests = defaults | runtime.resources.requests
    return {
        "requests": {name: canonical(value) for name, value in requests.items()},
        "limits": {name: canonical(value) for name, value in limits.items()},
    }
