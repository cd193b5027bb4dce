"""``python -m oxy_ai.admin settings``: what owners have changed of an instance's settings, and what they get when."""

import argparse

from pydantic import BaseModel

from oxy_ai.database import organization_transaction
from oxy_ai.engine.known_names import require_known
from oxy_ai.engine.store import Engine
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.reputation import Reputation, reputation_of
from oxy_ai.schedules.shown import ScheduleShown, schedules_shown
from oxy_ai.setting_overlays import OverlaidSetting, overlaid_settings


class OverlaysReport(BaseModel):
    """The fields that have another value than the custom resource says, and what follows from the settings in force."""

    settings: list[OverlaidSetting]
    schedules: list[ScheduleShown]
    """What Aurora writes to owners on her own, what comes next first."""
    sending: Reputation | None
    """What the number may send without being asked, and what waits."""


def add_settings_parser(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``settings``."""
    parser.add_argument("--organization", required=True, help="spec.organizationId of its WhatsAppInstance")
    parser.add_argument("--instance", required=True, help="name of the WhatsAppInstance")


async def show_settings(engine: Engine, options: argparse.Namespace) -> OverlaysReport:
    """Return what is changed; raises AdministrationError for an unknown instance."""
    await require_known(engine, options.organization, options.instance)
    key = organization_id(options.organization)
    async with organization_transaction(engine.pool, key) as connection:
        instance = instance_id(options.organization, options.instance)
        return OverlaysReport(
            settings=await overlaid_settings(connection, key, instance),
            schedules=await schedules_shown(connection, key, instance),
            sending=await reputation_of(connection, key, instance),
        )
