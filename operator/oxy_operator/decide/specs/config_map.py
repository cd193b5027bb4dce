"""The ConfigMap with the settings file of an instance's runtime. What AI workers read is in `instance_settings`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import ValidationError

from oxy_core.freeze import Freeze
from oxy_core.instance.custom_resource import runtime_name
from oxy_core.instance.settings import InboundSettings
from oxy_core.session_backups import BackupPlan, LeaveWish
from oxy_core.tenant import SETTINGS_FILE, TenantSettings
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.specs.metadata import metadata
from oxy_operator.decide.specs.quantity import amount
from oxy_operator.lenient import plain_text
from oxy_operator.objects import Object

BUS_STATE_ANNOTATION: Final = "oxy.dev/bus-state"
"""Repeats `TenantSettings.bus_state`, so that an operator that starts while the bus is down does not change it."""

FREEZE_ANNOTATION: Final = "oxy.dev/freeze"
"""Repeats `TenantSettings.frozen`, so that an operator that starts without a readable record of it thaws nobody."""

_MAX_STATE: Final = 64
"""Longest name of a state, in characters."""


def bus_state_of(annotations: Mapping[str, str]) -> str | None:
    """Return the state of the bus that an instance's ConfigMap was last written with."""
    return plain_text(annotations.get(BUS_STATE_ANNOTATION), _MAX_STATE) or None


def freeze_of(annotations: Mapping[str, str]) -> Freeze | None:
    """Return what an instance's ConfigMap was last written with of a freeze; None: nothing, or nothing readable."""
    try:
        return Freeze.model_validate_json(annotations.get(FREEZE_ANNOTATION, ""))
    except ValidationError:
        return None


def tenant_settings(  # noqa: PLR0913 what settings depend on beside the spec, each by name
    instance: Instance,
    record: EpochRecord,
    bus_state: str | None = None,
    *,
    clock_ahead: timedelta = timedelta(),
    leave: LeaveWish | None = None,
    freeze: Freeze | None = None,
) -> TenantSettings:
    """Return what the runtime reads from its settings file.

    `clock_ahead`: by how much its clock is ahead of ours. The window would otherwise have closed before it began.
    `leave`: the instance is deleted with its session.
    `freeze`: whether what it is to send is to be held back; None: nobody has ever wanted that.
    """
    spec, backup = instance.spec, instance.spec.session.backup
    return TenantSettings(
        organization=spec.organization_id,
        instance=instance.name,
        phone_number=spec.phone_number,
        pairing_method=spec.pairing.method,
        pairing_until=record.pairing_until and record.pairing_until + clock_ahead,
        confirm_pairing=spec.pairing.confirm,
        reconnect=spec.reconnect,
        pacing=spec.limits.pacing,
        inbound_per_second=spec.limits.inbound_per_second,
        browser=spec.client.browser,
        mark_online=spec.client.mark_online_on_connect,
        inbound=InboundSettings.model_validate(spec.inbound.model_dump()),
        journal_percent=spec.session.journal_percent,
        volume_bytes=int(amount(spec.session.storage.size)) or None,
        bus_state=bus_state,
        backup=BackupPlan(enabled=backup.enabled, every_hours=backup.every_hours, request=instance.backup_nonce),
        restore=record.restore.wish if record.restore else None,
        leave=leave,
        frozen=freeze,
    )


def settings_config_map(  # noqa: PLR0913 those of `tenant_settings`
    instance: Instance,
    record: EpochRecord,
    bus_state: str | None = None,
    *,
    clock_ahead: timedelta = timedelta(),
    leave: LeaveWish | None = None,
    freeze: Freeze | None = None,
) -> Object:
    """Return the ConfigMap with the runtime's settings file; the arguments are those of `tenant_settings`."""
    repeated = {BUS_STATE_ANNOTATION: bus_state} if bus_state else {}
    if freeze is not None:
        repeated[FREEZE_ANNOTATION] = freeze.model_dump_json(exclude_none=True)
    annotations = {"annotations": repeated} if repeated else {}
    settings = tenant_settings(instance, record, bus_state, clock_ahead=clock_ahead, leave=leave, freeze=freeze)
    return {
        "metadata": metadata(instance, runtime_name(instance.name)) | annotations,
        "data": {SETTINGS_FILE: settings.encode().decode()},
    }
