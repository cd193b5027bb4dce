"""The whole system on a real Kubernetes, brought up once, the way `make up` does."""

from collections.abc import AsyncIterator, Iterator

import pytest

from oxy_dev.cluster.progress import Reporter
from oxy_dev.environment import forwarding_simulator
from oxy_dev.up import System, apply_instance, bring_up
from oxy_simulator.client import SimulatorClient


@pytest.fixture(scope="session")
def system(capfd_disabled: None) -> System:
    """The running system, from nothing or from what an earlier run left."""
    return bring_up(Reporter())


@pytest.fixture(scope="session")
def capfd_disabled(pytestconfig: pytest.Config) -> Iterator[None]:
    """Let the steps of bringing up be seen while they run."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        yield


@pytest.fixture
def example(system: System) -> Iterator[System]:
    """The system with the example instance as the repository describes it, before and after the test."""
    yield system
    apply_instance(system.kubectl)


@pytest.fixture
async def simulator(system: System) -> AsyncIterator[SimulatorClient]:
    """The simulated WhatsApp; fails the test that made a client break the protocol."""
    with forwarding_simulator(system.kubectl) as url:
        async with SimulatorClient(url) as client:
            before = len(await client.violations())
            yield client
            assert (await client.violations())[before:] == []
