"""kill -9 of workers while they write without being asked: nothing twice, nothing forgotten, no budget broken."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
from chaos.shop_unasked import (
    CUSTOMERS,
    FIRST_CAMPAIGN,
    FORGOTTEN,
    PER_DAY,
    PER_MINUTE,
    ZONE,
    UnaskedShop,
    quiet_minute,
)
from chaos.unasked import ARRIVED, complaints

from oxy_dev.programs import Program
from oxy_dev.stack import Stack, petshop, running_stack
from oxy_simulator.client import SimulatorClient

KILLS = int(os.environ.get("OXY_CHAOS_KILLS", "200"))
WORKERS = 3
QUIET_AFTER = timedelta(seconds=150)
"""When the quiet hours begin, in a long run."""
LONG = 30
"""Kills of a run that is long enough for quiet hours."""
BOOKING_EVERY = 4.0
STARTING = 0.02
"""Chance, at each look, that a worker is killed that is not ready yet."""
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

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[UnaskedShop]:
    """A shop on the whole system, with three workers and a model that answers with what it was told."""
    quiet = quiet_minute(datetime.now(ZONE), QUIET_AFTER) if KILLS >= LONG else None
    hours = "" if quiet is None else f"{quiet[0]:%H:%M}-{quiet[1]:%H:%M}"
    limits = {
        "pacing": "None",
        "inboundPerSecond": 0,
        "contactTurnsPerHour": 0,
        "outboundPerMinute": PER_MINUTE,
        "campaignPerDay": PER_DAY,
        "warmUp": [],
        "quietHours": hours,
    }
    stack = Stack(
        tmp_path,
        tenants=(petshop(limits=limits),),
        workers=WORKERS,
        worker_environment=WORKER,
        model_arguments=("--echo",),
    )
    async with running_stack(stack) as running, SimulatorClient(running.control_url) as simulator:
        span = None if quiet is None else (quiet[0].timestamp(), quiet[1].timestamp())
        yield UnaskedShop(running, simulator, span)
        assert await simulator.violations() == []


async def test_what_nobody_asked_for_is_sent_once_whatever_dies(shop: UnaskedShop, dice: random.Random) -> None:
    await shop.open()
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(shop.live(BOOKING_EVERY, enough))
        await kill_workers(shop, dice)
        enough.set()
    await shop.settled()
    rows, inboxes = await shop.rows(), await shop.inboxes()
    assert complaints(rows, inboxes, shop.budget) == []
    assert await shop.fetch(FORGOTTEN) == []
    told = {pet: sum(pet in entry.text for entry in inboxes[phone]) for pet, phone in shop.pets.items()}
    assert {pet: times for pet, times in told.items() if times != 1} == {}
    arrived = [row for row in rows if row.state in ARRIVED]
    promotions = [row for row in arrived if row.purpose == "promotion"]
    assert FIRST_CAMPAIGN <= len(promotions) <= PER_DAY
    reports = {row.reference for row in arrived if row.purpose == "report"}
    assert len(reports) >= shop.reports
    print(  # noqa: T201 the figures
        f"{KILLS} kills of workers; each sent once: {len(promotions)} promotions of two campaigns "
        f"({FIRST_CAMPAIGN} and {len(CUSTOMERS)} recipients), reminders of {len(shop.pets)} bookings, "
        f"{len(reports)} reports in {sum(row.purpose == 'report' for row in arrived)} messages"
    )


async def kill_workers(shop: UnaskedShop, dice: random.Random) -> None:
    """Kill workers at any point: mostly one that works, now and then one that starts."""
    for _ in range(KILLS):
        workers = shop.stack.worker_programs
        ready = [one for one in workers if await is_ready(one)]
        while not ready and dice.random() > STARTING:
            await asyncio.sleep(0.05)
            ready = [one for one in workers if await is_ready(one)]
        await asyncio.sleep(dice.uniform(0.0, 1.2))
        target = dice.choice(ready or workers)
        await asyncio.to_thread(target.kill)
        await asyncio.to_thread(target.start)


async def is_ready(worker: Program) -> bool:
    url = f"http://127.0.0.1:{worker.environment['OXY_PROBE_PORT']}/readyz"
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == HTTPStatus.OK
    except aiohttp.ClientError:
        return False
