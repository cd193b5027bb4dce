"""What kubectl says of instances whose connections fail: five causes side by side; `make e2e-node-matrix` has all."""

import asyncio

import pytest
from e2e.connection_causes import assert_exits, assert_heard, be_shown, fleet_of
from e2e.matrix_rows import rows_named

from oxy_dev.up import System

pytestmark = pytest.mark.timeout(1200)

FIVE = ("unlinked", "replaced", "temporary-ban", "login-unavailable", "proxy-secret")
"""One cause for each phase, and for each part that may be at fault."""


async def test_five_causes_are_shown_as_they_are(system: System) -> None:
    rows = rows_named(*FIVE)
    async with fleet_of(system, rows) as fleet:
        async with asyncio.TaskGroup() as tasks:
            for row in rows:
                tasks.create_task(be_shown(fleet, row))
        await assert_heard(fleet, rows)
        assert_exits(fleet, rows)
        assert "hush-hush" not in str([member.resource for member in fleet.members.values()])
