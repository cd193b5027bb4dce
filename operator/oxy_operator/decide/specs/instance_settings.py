"""An instance's settings for AI workers, pushed to the bus."""

from oxy_core.envelopes import InstanceSettings
from oxy_core.freeze import Freeze
from oxy_core.identity import LID_SERVER
from oxy_core.instance.settings import AiSettings, LimitsSettings
from oxy_operator.decide.instance import Instance


def instance_settings(instance: Instance, account: str, freeze: Freeze | None = None) -> InstanceSettings:
    """Return what AI workers need to know; `account` is the public key of the instance's account.

    `freeze`: whether what it is to send is to be held back; None: nobody has ever wanted that.
    """
    spec = instance.spec
    hidden = tuple(owner for owner in spec.owners if owner.endswith(f"@{LID_SERVER}"))
    return InstanceSettings(
        organization=spec.organization_id,
        instance=instance.name,
        account=account,
        generation=instance.generation,
        uid=instance.uid,
        created_at=instance.created_at,
        display_name=spec.display_name,
        phone_number=spec.phone_number,
        timezone=spec.timezone,
        owners=tuple(owner for owner in spec.owners if owner not in hidden),
        owner_lids=hidden,
        max_answer_age_seconds=spec.inbound.max_answer_age_seconds,
        ask_to_repeat=spec.inbound.ask_to_repeat,
        ai=AiSettings.model_validate(spec.ai.model_dump()),
        limits=LimitsSettings.model_validate(spec.limits.model_dump()),
        queues=spec.queues,
        retention=spec.retention,
        suspended=spec.suspend,
        frozen=freeze,
    )
