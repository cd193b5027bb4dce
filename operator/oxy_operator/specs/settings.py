"""An instance's settings in the forms that its runtime and the AI workers read."""

from oxy_core.envelopes import AiSettings, InstanceSettings
from oxy_core.tenant import SETTINGS_FILE, Reconnect, TenantSettings
from oxy_operator.kubernetes_api import Object
from oxy_operator.lifecycle import Memory
from oxy_operator.resource import AiSpec, Instance
from oxy_operator.specs.names import metadata, runtime_name


def tenant_settings(instance: Instance, memory: Memory) -> TenantSettings:
    """Return what the runtime reads from its settings file."""
    spec = instance.spec
    return TenantSettings(
        organization=spec.organization_id,
        instance=instance.name,
        phone_number=spec.phone_number,
        timezone=spec.timezone,
        owners=spec.owners,
        pairing_method=spec.pairing.method,
        pairing_until=memory.pairing_until,
        reconnect=Reconnect(
            base_delay_seconds=spec.reconnect.base_delay_seconds,
            multiplier=float(spec.reconnect.multiplier),
            max_delay_seconds=spec.reconnect.max_delay_seconds,
            max_attempts=spec.reconnect.max_attempts,
        ),
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
        ai=_ai_settings(spec.ai),
        suspended=spec.suspend,
    )


def _ai_settings(ai: AiSpec) -> AiSettings:
    return AiSettings(
        enabled=ai.enabled,
        base_url=ai.base_url,
        model=ai.model,
        temperature=float(ai.temperature),
        max_tokens=ai.max_tokens,
        context_messages=ai.context_messages,
        debounce_seconds=ai.debounce_seconds,
        debounce_max_seconds=ai.debounce_max_seconds,
        takeover_minutes=ai.takeover_minutes,
        system_prompt_extra=ai.system_prompt_extra,
        aurora_enabled=ai.aurora.enabled,
        aurora_model=ai.aurora.model,
        aurora_temperature=float(ai.aurora.temperature),
        aurora_max_tokens=ai.aurora.max_tokens,
    )
