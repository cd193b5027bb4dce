"""Carries on what is left to do of erasures, whichever worker or command has begun them."""

import asyncio
from datetime import timedelta

import structlog
from pydantic import Field

from oxy_ai.engine.outages import report_failure
from oxy_ai.erasures.erasing import Erasing
from oxy_ai.erasures.records import DueErasure
from oxy_core.settings import ProcessSettings

log = structlog.get_logger()


class ErasureSettings(ProcessSettings):
    """How erasures are carried on."""

    erasures_check_seconds: float = Field(
        default=10, gt=0, description="How often a worker looks for erasures of which something is left to do."
    )
    erasures_lease_seconds: float = Field(default=120, gt=0, description="A worker's lease on an erasure.")
    erasures_retry_seconds: float = Field(
        default=60, gt=0, description="How often a pod is asked that has not done its part; shorter than the lease."
    )
    erasures_at_once: int = Field(default=4, ge=1, description="Erasures that a worker carries on, one by one.")
    erased_addresses_days: int = Field(
        default=60,
        ge=31,
        description="How long digests of addresses are kept of people who were forgotten, so that no report and no "
        "restored volume of before brings them back: longer than dead letters (30 days) and backups are.",
    )


class ErasureWatch:
    """The part of a worker that carries erasures on."""

    def __init__(self, erasing: Erasing, settings: ErasureSettings) -> None:
        self._erasing = erasing
        self._settings = settings
        self._kept = timedelta(days=settings.erased_addresses_days)

    async def run(self) -> None:
        """Carry on until cancelled; raises the error of an outage."""
        lease = timedelta(seconds=self._settings.erasures_lease_seconds)
        while True:
            for due in await self._erasing.table.claim(self._settings.erasures_at_once, lease):
                await self._carry_on(due)
            await asyncio.sleep(self._settings.erasures_check_seconds)

    async def _carry_on(self, due: DueErasure) -> None:
        try:
            done = await self._erasing.carry_on(due)
        except Exception as error:  # noqa: BLE001 reported; the others are carried on, and this one after its lease
            report_failure("erasures", error)
            return
        if not done:
            await self._erasing.table.postpone(due, timedelta(seconds=self._settings.erasures_retry_seconds))
        elif await self._erasing.table.age(due) < self._kept:
            await self._erasing.table.postpone(due, self._kept, rest=True)
            log.info("person_erased", erasure=str(due.erasure))
        else:
            await self._erasing.table.end(due)
            log.info("erased_addresses_forgotten", erasure=str(due.erasure))
