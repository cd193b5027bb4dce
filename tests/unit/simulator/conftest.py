"""A network in memory."""

from collections.abc import Callable, Iterator

import pytest
from unit.simulator.memory import ANA, BOT, ROOT, Clock, MemoryClient, World

from oxy_simulator.accounts import Account
from oxy_simulator.connection import NoiseIdentity
from oxy_simulator.curve import KeyPair
from oxy_simulator.network import Network, State
from oxy_simulator.noise import make_certificate


@pytest.fixture
def make_world() -> Callable[[State], World]:
    def make(state: State) -> World:
        clock = Clock()
        network = Network(state, clock, pairing_seconds=160)
        static = KeyPair.generate()
        start = int(clock.now)
        chain = make_certificate(ROOT, KeyPair.generate(), static.public, start - 60, start + 3600)
        for phone, name in ((BOT, "Clínica"), (ANA, "Ana")):
            if phone not in state.accounts:
                network.add_account(Account(phone, name))
        accounts = network.state.accounts
        return World(network, clock, NoiseIdentity(static, chain), accounts[BOT], accounts[ANA])

    return make


@pytest.fixture
def world(make_world: Callable[[State], World]) -> Iterator[World]:
    """A fresh world; a test that expects violations clears them."""
    made = make_world(State())
    yield made
    assert made.network.state.violations == []


@pytest.fixture
def client(world: World) -> MemoryClient:
    """A linked client that is online and has read what its phone sends at first."""
    online = world.linked()
    for stanza in online.go_online():
        if stanza.tag == "message":
            online.read(stanza)
            online.confirm(stanza, "peer_msg")
    online.received()
    return online
