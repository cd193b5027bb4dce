"""kill -9 of workers while they write without being asked: nothing twice, nothing forgotten, no budget broken."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from chaos.unasked.business import Business, FastBusiness, SmallBusiness
from chaos.unasked.forking import fork_workers
from chaos.unasked.killing import Killer
from chaos.unasked.proof import idle_quarters, missing
from chaos.unasked.shop import UnaskedShop, quiet_minute

from oxy_dev.stack import Stack, petshop, running_stack
from oxy_operator.decide.instance import Instance
from oxy_simulator.client import SimulatorClient

KILLS = int(os.environ.get("OXY_CHAOS_KILLS", "200"))
LONG = 30
"""Kills of a run in which everything happens; a shorter one has campaigns, reminders and reports of one business."""
WORKERS = 3
PAUSE = 1.2 if KILLS < LONG else 5.0
"""Seconds between two kills at most. A lease of the dead lasts up to four, and what is due has to go on."""
HOUR = 13
"""Of the day, where the businesses are: what is due in the morning was, nothing waits for the next one, and no day ends
meanwhile, for which a number has a budget."""
QUIET_AFTER = timedelta(seconds=240)
"""When the quiet hours of the fast business begin, from the start of the processes."""
SETTLE_SECONDS = 900.0
WORKER = {
    "OXY_LEASE_SECONDS": "3",
    "OXY_TURNS_PER_SECOND": "0",
    "OXY_TURNS_EACH": "0",
    "OXY_JOB_CLAIMS": "1000",
    "OXY_AUTOMATIONS_CHECK_SECONDS": "1",
    "OXY_SCHEDULES_CHECK_SECONDS": "1",
    "OXY_RELEASE_LOOK_SECONDS": "2",
    "OXY_RELEASE_HELD_SECONDS": "2",
    "OXY_RELEASE_PAUSE_SECONDS": "0.2",
    "OXY_RELEASE_MARGIN_SECONDS": "5",
}
AT_ONCE = {"pacing": "None", "inboundPerSecond": 0, "contactTurnsPerHour": 0}

pytestmark = pytest.mark.timeout(3600)


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is killed, and what happens meanwhile."""

    killer: Killer
    businesses: tuple[Business, ...]


@pytest.fixture
async def scene(tmp_path: Path, dice: random.Random) -> AsyncIterator[Scene]:
    """The whole system, with a model that answers with what it was told."""
    tenants, quiet = described(datetime.now(UTC))
    stack = Stack(tmp_path, tenants, workers=WORKERS, worker_environment=WORKER, model_arguments=("--echo",))
    fork_workers(stack)
    async with running_stack(stack) as running, SimulatorClient(running.control_url) as simulator:
        killer = Killer(running, dice, PAUSE)
        kinds: tuple[type[Business], ...] = (SmallBusiness,) if KILLS < LONG else (FastBusiness, Business)
        shops = [
            UnaskedShop(running, simulator, tenant, customers(number, kind.people), quiet if number == 0 else None)
            for number, (tenant, kind) in enumerate(zip(tenants, kinds, strict=True))
        ]
        chances = [random.Random(dice.random()) for _ in shops]
        made = zip(kinds, shops, chances, strict=True)
        yield Scene(killer, tuple(kind(shop, chance, lambda: killer.kills / KILLS) for kind, shop, chance in made))
        assert await simulator.violations() == []


def described(now: datetime) -> tuple[tuple[Instance, ...], tuple[float, float] | None]:
    """Return the businesses, and the quiet hours of the first one that fall into the run, in Unix time."""
    zone = afternoon(now)
    if KILLS < LONG:
        limits = {"outboundPerMinute": 60, "campaignPerDay": 16, "warmUp": [], "quietHours": ""}
        return (petshop(timezone=zone, limits=AT_ONCE | limits),), None
    begin, end = quiet_minute(now.astimezone(ZoneInfo(zone)), QUIET_AFTER)
    limits = {"outboundPerMinute": 120, "warmUp": [], "quietHours": f"{begin:%H:%M}-{end:%H:%M}"}
    fast = petshop(timezone=zone, limits=AT_ONCE | limits)
    other = petshop(
        "other",
        organizationId="other",
        phoneNumber="+5511987650099",
        owners=["+5511987651199"],
        timezone=zone,
        limits=AT_ONCE,
    )
    return (fast, other), (begin.timestamp(), end.timestamp())


def afternoon(now: datetime) -> str:
    """Return a time zone in which it is early in the afternoon."""
    ahead = HOUR - now.hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def customers(shop: int, how_many: int) -> tuple[str, ...]:
    return tuple(f"+5511912{shop:03}{number:04}" for number in range(how_many))


async def test_what_nobody_asked_for_is_sent_once_whatever_dies(scene: Scene) -> None:
    killer = scene.killer
    await asyncio.gather(*(business.open() for business in scene.businesses))
    began = datetime.now(UTC).timestamp()
    async with asyncio.TaskGroup() as group:
        for business in scene.businesses:
            group.create_task(business.live())
        await killer.kill(KILLS)
    ended = datetime.now(UTC).timestamp()
    told: Counter[str] = Counter()
    complaints: list[str] = []
    for business in scene.businesses:
        await business.shop.settled(SETTLE_SECONDS)
        found = await business.audited(told, (began, ended))
        complaints += found.complaints
        print(f"{business.shop.tenant.name}: {found.shown}")  # noqa: T201 the figures
        if KILLS >= LONG:
            complaints += idle_quarters(business.shop.tenant.name, found.released, began, ended)
    print(f"{killer.shown} in {ended - began:.0f} s; each as often as it should: {dict(sorted(told.items()))}")  # noqa: T201 likewise
    assert complaints == []
    if KILLS >= LONG:
        assert list(missing(told, KILLS, killer.hits)) == []
