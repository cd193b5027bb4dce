"""What a real pod tells of itself reaches integrators: through its journal, the bus and the workers."""

import json
from collections.abc import AsyncIterator

import pytest
from integration.system.conftest import SHARED, TELLER
from integration.system.test_outgoing import until
from nats.aio.client import Client

from oxy_ai.database import connected_pool
from oxy_ai.engine.outgoing import find_destination, queue_message
from oxy_ai.engine.store import Engine
from oxy_core import event_names, subjects
from oxy_core.bus import connected
from oxy_core.events import Event
from oxy_core.jetstream import EVENTS_STREAM
from oxy_core.session_backups import BACKUP_KEY_FILE, key_id, keys_text
from oxy_core.tenant import SETTINGS_FILE
from oxy_dev.stack import Stack
from oxy_operator.bus.backup_desk import BackupDesk
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.testing import WhatsApp

pytestmark = SHARED

CUSTOMER = "+5511912343001"
ORGANIZATION, OWN = TELLER.spec.organization_id, TELLER.spec.phone_number
Told = list[tuple[str, dict[str, object]]]


@pytest.fixture
async def bus(stack: Stack) -> AsyncIterator[Client]:
    """The platform's connection, on which pods are answered about backups, as the operator does."""
    desk = BackupDesk(stack.keys, settings_of=lambda _: None, on_backup=lambda _: None, restoring=frozenset)
    async with connected(stack.nats.url, stack.platform_credentials, name="test") as client, desk.serving(client):
        yield client


async def told(bus: Client) -> Told:
    """What integrators read of the instance, in the order of its journal."""
    subscription = await bus.jetstream().subscribe(
        subjects.event(ORGANIZATION, TELLER.name, "*"), stream=EVENTS_STREAM, ordered_consumer=True
    )
    found: list[Event] = []
    async for message in subscription.messages:
        found.append(Event.decode(message.data))
        if message.metadata.num_pending == 0:
            break
    await subscription.unsubscribe()
    return [(event.name, dict(event.facts)) for event in sorted(found, key=lambda one: one.journal_sequence)]


async def until_told(bus: Client, name: str, times: int = 1) -> dict[str, object]:
    """Wait until an event was told so often, and return the facts of the newest."""

    async def newest() -> tuple[dict[str, object]] | None:
        found = [facts for known, facts in await told(bus) if known == name]
        return (found[-1],) if len(found) >= times else None

    [facts] = await until(newest)
    return facts


async def test_each_change_of_a_real_pod_is_an_event_that_integrators_read(stack: Stack, bus: Client) -> None:
    assert await until_told(bus, event_names.CONNECTED) == {}
    assert await until_told(bus, event_names.CREDENTIALS_SAVED) == {"device": 1}
    async with (
        WhatsApp(stack.control_url) as whatsapp,
        connected_pool(stack.database_url, connections=2) as pool,
    ):
        business, customer = await whatsapp.phone(OWN), await whatsapp.phone(CUSTOMER, "Ana")
        await business.fault(FaultKind.LOGIN_UNAVAILABLE, count=10_000)
        lost = await until_told(bus, event_names.DISCONNECTED)
        assert lost["final"] is False
        assert lost["reason"] in {"ConnectionLost", "LoginUnavailable"}  # as far as the pod has got after five seconds
        await whatsapp.api.clear_faults(OWN)
        await until_told(bus, event_names.CONNECTED, times=2)

        await customer.send("oi", OWN)
        await customer.expect(within=60)
        await business.fault(FaultKind.REFUSE, peer=CUSTOMER, count=1, code=463)
        engine = Engine(pool)
        to = await find_destination(engine, ORGANIZATION, TELLER.name, CUSTOMER)
        await queue_message(engine, to, "amanhã é dia de banho")
        locked = await until_told(bus, event_names.REACHOUT_LOCKED)

        # The next process finds out at once that the lock is over, and is asked for a backup.
        runtime, folder = stack.runtimes[TELLER.name], stack.folder / "tenants" / TELLER.name
        runtime.stop()
        key = stack.keys.backup_key(ORGANIZATION, TELLER.name)
        (folder / "credentials" / BACKUP_KEY_FILE).write_text(keys_text({key_id(key): key}))
        settings = json.loads((folder / "settings" / SETTINGS_FILE).read_text())
        settings["backup"]["request"] = "told"
        (folder / "settings" / SETTINGS_FILE).write_text(json.dumps(settings))
        runtime.start()
        await customer.expect("amanhã é dia de banho", within=60)

        assert await until_told(bus, event_names.REACHOUT_UNLOCKED) == locked
        assert (await until_told(bus, event_names.SESSION_BACKED_UP))["chunks"] == 1

        await business.unlink()
        end = (event_names.DISCONNECTED, {"reason": "LoggedOut", "final": True})

        async def ended() -> bool:
            return (await told(bus))[-1] == end

        await until(ended)
