"""Leader election: of several operator processes, only the holder of one Lease acts.

The rules are those of client-go. A process may acquire a lease that it has not seen renewed for the lease's whole
duration, by its own clock. The holder gives up earlier: if it cannot renew in time, for whatever reason, its process
ends without another act, and one that begins anew takes its place.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn, Self

import structlog

from oxy_operator.errors import ApiError, ConflictError, LeadershipLostError, MissingError
from oxy_operator.kube.client import Kubernetes
from oxy_operator.objects import LEASES, Object

LEASE_NAME: Final = "oxy-operator"

LEASE_SECONDS: Final = 15
"""Default lease duration, which the setting `OperatorSettings.lease_seconds` overrides."""

RENEW_WITHIN: Final = 2 / 3
"""Fraction of the lease duration after which its holder gives up; the rest is a margin for requests in flight."""

RETRY_EVERY: Final = 1 / 6
"""Fraction of the lease duration between two attempts to acquire or renew it."""

log = structlog.get_logger()


def boot_clock() -> float:
    """Return seconds since the machine started, including those in which it was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as the API server holds it."""

    holder: str
    """Empty if it was released."""
    seconds: float
    version: str
    """``metadata.resourceVersion``: changes with each renewal."""

    @classmethod
    def of(cls, lease: Object) -> Self:
        """Read a Lease object."""
        spec = lease.get("spec", {})
        seconds = float(spec.get("leaseDurationSeconds") or 0)
        return cls(spec.get("holderIdentity") or "", seconds, lease["metadata"]["resourceVersion"])


class Elector:
    """Acquires, renews and releases the lease for one process."""

    def __init__(
        self,
        api: Kubernetes,
        *,
        namespace: str,
        identity: str,
        seconds: int,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._identity = identity
        self._seconds = seconds
        self._clock = clock
        self._seen: Lease | None = None
        self._seen_at = 0.0
        self._until = 0.0

    @property
    def leads(self) -> bool:
        """Whether this process may act now."""
        return self._clock() < self._until

    async def acquire(self) -> None:
        """Wait until this process leads."""
        reported = ""
        while not self.leads:
            try:
                await self._attempt()
            except ApiError as error:
                log.warning("lease_not_acquired", error=str(error))
            if not self.leads:
                holder = self._seen.holder if self._seen else ""
                if holder != reported:
                    reported = holder
                    log.info("leader_awaited", leader=holder)
                await asyncio.sleep(self._seconds * RETRY_EVERY)
        log.info("lease_acquired", identity=self._identity)

    async def hold(self) -> NoReturn:
        """Renew the lease until cancelled; raises LeadershipLostError once that has failed for too long."""
        while True:
            await asyncio.sleep(self._seconds * RETRY_EVERY)
            try:
                async with asyncio.timeout(max(self._until - self._clock(), 0.0)):
                    await self._attempt()
            except (ApiError, TimeoutError) as error:
                log.warning("lease_not_renewed", error=str(error) or "no answer in time")
            if not self.leads:
                message = f"the lease {LEASE_NAME} could not be renewed in time; another operator may lead by now"
                raise LeadershipLostError(message)

    async def release(self) -> None:
        """Release the lease, if this process still holds it, so that another may lead at once."""
        if not self.leads or self._seen is None:
            return
        self._until = 0.0
        try:
            await self._write(holder="", version=self._seen.version)
        except ApiError as error:
            log.warning("lease_not_released", error=str(error))

    async def _attempt(self) -> None:
        """Acquire or renew the lease if it is ours, free, or expired. Raises ApiError."""
        asked_at = self._clock()
        try:
            found = Lease.of(await self._api.get(LEASES, self._namespace, LEASE_NAME))
        except MissingError:
            found = None
        # Expiry counts from when this process first saw this version of the lease, not from the timestamps in it:
        # the clocks of two machines need not agree.
        self._observe(found, asked_at)
        if found is not None and not self._may_acquire(found, asked_at):
            self._until = 0.0
            return
        try:
            written = await self._write(holder=self._identity, version=found.version if found else None)
        except ConflictError:
            # Another process was faster; the next attempt will see its lease.
            return
        self._observe(Lease.of(written), asked_at)
        # Counted from before the request: others count from when they saw it, which is later.
        self._until = asked_at + self._seconds * RENEW_WITHIN

    def _observe(self, lease: Lease | None, now: float) -> None:
        if lease != self._seen:
            self._seen, self._seen_at = lease, now

    def _may_acquire(self, lease: Lease, now: float) -> bool:
        return lease.holder in {"", self._identity} or now - self._seen_at >= lease.seconds

    async def _write(self, *, holder: str, version: str | None) -> Object:
        spec: Object = {
            "holderIdentity": holder,
            "leaseDurationSeconds": self._seconds,
            "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        metadata: Object = {"name": LEASE_NAME, "namespace": self._namespace}
        if version is None:
            return await self._api.create(LEASES, self._namespace, {"metadata": metadata, "spec": spec})
        return await self._api.replace(LEASES, {"metadata": {**metadata, "resourceVersion": version}, "spec": spec})
