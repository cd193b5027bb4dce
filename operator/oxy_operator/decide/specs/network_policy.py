"""What may reach an instance's pod."""

from oxy_core.instance.custom_resource import INSTANCE_LABEL, runtime_name
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.specs.metadata import metadata
from oxy_operator.decide.specs.stateful_set import PROBE_PORT
from oxy_operator.objects import Object


def ingress_policy(instance: Instance) -> Object:
    """Return the policy that lets in probes and metrics scrapes, and nothing else: a pod serves nothing more."""
    return {
        "metadata": metadata(instance, runtime_name(instance.name)),
        "spec": {
            "podSelector": {"matchLabels": {INSTANCE_LABEL: instance.name}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": PROBE_PORT, "protocol": "TCP"}]}],
        },
    }
