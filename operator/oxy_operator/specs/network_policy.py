"""What may reach an instance's pod."""

from oxy_operator.kubernetes_api import Object
from oxy_operator.resource import Instance
from oxy_operator.specs.names import INSTANCE_LABEL, metadata, runtime_name
from oxy_operator.specs.stateful_set import PROBE_PORT


def ingress_policy(instance: Instance) -> Object:
    """Return the policy that lets probes and metrics in, and nothing else; a pod serves nobody."""
    return {
        "metadata": metadata(instance, runtime_name(instance.name)),
        "spec": {
            "podSelector": {"matchLabels": {INSTANCE_LABEL: instance.name}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": PROBE_PORT, "protocol": "TCP"}]}],
        },
    }
