"""The whole system, once for all tests that need no settings of its workers: each has a business of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from integration.ai.open_days import calm_zones
from integration.custom_resources import serving
from integration.wai_operator.conftest import scene_before
from integration.wai_operator.scene import Scene

from oxy_dev.stack import Stack, petshop, running_stack

SHARED = pytest.mark.xdist_group("the whole system")
"""Of tests that use `stack`: it takes longer to start than they take."""
SHOP = petshop()
PROMOTER = petshop(
    "promoter",
    organizationId="promoter",
    phoneNumber="+5511987650099",
    owners=["+5511987651199"],
    timezone=calm_zones()[0],
    limits={
        "pacing": "None",
        "inboundPerSecond": 0,
        "contactTurnsPerHour": 0,
        "quietHours": "",
        "outboundPerMinute": 6_000,
    },
    queues={"message": {"attempts": 1}},
    ai={"debounceSeconds": 0, "debounceMaxSeconds": 0, "monthlyBudgetUsd": "100"},
)
"""A business that writes without being asked at any hour, and as fast as it can, where no day ends meanwhile."""
TELLER = petshop("teller", organizationId="teller", phoneNumber="+5511987650098")
"""A business whose pod may come to any harm."""
EAGER = {
    "OXY_AUTOMATIONS_CHECK_SECONDS": "1",
    "OXY_NOTICE_GROUPING_SECONDS": "0.5",
    "OXY_NOTICE_SWEEP_SECONDS": "0.5",
    "OXY_RELEASE_LOOK_SECONDS": "1",
    "OXY_RELEASE_HELD_SECONDS": "1",
    "OXY_RELEASE_PAUSE_SECONDS": "0.2",
    "OXY_RELEASE_MARGIN_SECONDS": "5",
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose model answers with what it was told."""
    folder = tmp_path_factory.mktemp("system")
    arguments = ("--echo",)
    one = Stack(folder, (SHOP, PROMOTER, TELLER), worker_environment=EAGER, model_arguments=arguments)
    async with running_stack(one):
        yield one


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """An operator that is not started, its NATS, and a namespace."""
    (tmp_path / "operator").mkdir()
    with serving(tmp_path / "kubernetes") as server, scene_before(server, tmp_path / "operator") as made:
        yield made
