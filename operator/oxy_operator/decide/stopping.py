"""When the pod of an earlier spec must end, whatever else is wrong with the spec of now. Pure.

A spec that cannot be used, or not even be read, leaves the objects of the earlier one as they are. Two of its wishes
are carried out all the same: a pause, and that nothing connects past a proxy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from oxy_operator.decide.instance import Instance
from oxy_operator.decide.proxy import rules_direct_out
from oxy_operator.decide.workload import Workload
from oxy_operator.objects import Object


@dataclass(frozen=True, slots=True)
class Halt:
    """What a spec says about pods that it did not make."""

    paused: bool = False
    proxied: bool = False
    """Whether it names a proxy, past which none may connect."""

    @classmethod
    def of(cls, instance: Instance) -> Self:
        """Return what the spec says."""
        return cls(instance.spec.suspend, rules_direct_out(instance))

    @classmethod
    def of_unreadable(cls, resource: Object) -> Self:
        """Return what a custom resource says that this version can read nothing else of."""
        spec = _mapping(resource.get("spec"))
        return cls(spec.get("suspend") is True, _mapping(spec.get("network")).get("proxySecretRef") is not None)

    def ends(self, workload: Workload) -> bool:
        """Whether the pod of this StatefulSet must end."""
        return workload.replicas > 0 and (self.paused or (self.proxied and workload.proxy is None))


NO_HALT: Final = Halt()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
