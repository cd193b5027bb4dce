"""An instance's settings in the forms that its runtime and the AI workers read."""

from oxy_core.envelopes import InstanceSettings
from oxy_core.instance.pairing import PairingMethod
from oxy_core.tenant import SETTINGS_FILE, TenantSettings
from oxy_operator.kubernetes_api import Object
from oxy_operator.lifecycle import Memory
from oxy_operator.resource import Instance
from oxy_operator.specs.names import metadata, runtime_name


def tenant_settings(instance: Instance, memory: Memory) -> TenantSettings:
    """Return what the runtime reads from its settings file."""
    spec = instance.spec
    return TenantSettings(
        organization=spec.organization_id,
        instance=instance.name,
        phone_number=spec.phone_number,
        pairing_method=PairingMethod(spec.pairing.method),
        pairing_until=memory.pairing_until,
        reconnect=spec.reconnect,
        pacing=spec.limits.pacing,
        browser=spec.client.browser,
        mark_online=spec.client.mark_online_on_connect,
    )


def settings_config_map(instance: Instance, memory: Memory) -> Object:
    """Return the ConfigMap with the runtime's settings file."""
    return {
        "metadata": metadata(instance, runtime_name(instance.name)),
        "data": {SETTINGS_FILE: tenant_settings(instance, memory).encode().decode()},
    }


def instance_settings(instance: Instance, account: str) -> InstanceSettings:
    """Return what AI workers need to know; `account` is the public key of the instance's account."""
    spec = instance.spec
    return InstanceSettings(
        organization=spec.organization_id,
        instance=instance.name,
        account=account,
        generation=instance.generation,
        display_name=spec.display_name,
        phone_number=spec.phone_number,
        timezone=spec.timezone,
        owners=spec.owners,
        max_answer_age_seconds=spec.inbound.max_answer_age_seconds,
        ai=spec.ai,
        suspended=spec.suspend,
    )
