"""The ConfigMap with the settings file of an instance's runtime. What AI workers read is in `instance_settings`."""

from oxy_core.instance.custom_resource import runtime_name
from oxy_core.tenant import SETTINGS_FILE, TenantSettings
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.specs.metadata import metadata
from oxy_operator.objects import Object


def tenant_settings(instance: Instance, record: EpochRecord) -> TenantSettings:
    """Return what the runtime reads from its settings file."""
    spec = instance.spec
    return TenantSettings(
        organization=spec.organization_id,
        instance=instance.name,
        phone_number=spec.phone_number,
        pairing_method=spec.pairing.method,
        pairing_until=record.pairing_until,
        reconnect=spec.reconnect,
        pacing=spec.limits.pacing,
        inbound_per_second=spec.limits.inbound_per_second,
        browser=spec.client.browser,
        mark_online=spec.client.mark_online_on_connect,
    )


def settings_config_map(instance: Instance, record: EpochRecord) -> Object:
    """Return the ConfigMap with the runtime's settings file."""
    return {
        "metadata": metadata(instance, runtime_name(instance.name)),
        "data": {SETTINGS_FILE: tenant_settings(instance, record).encode().decode()},
    }
