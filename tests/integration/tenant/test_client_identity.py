"""What WhatsApp is told about the client: in the login payload that the simulator received."""

from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from integration.tenant.scene import Scene, until

from oxy_core.envelopes import ConnectionState
from oxy_core.instance.terminal_causes import ExitCode
from oxy_simulator.faults import FaultKind
from oxy_simulator.logins import Login
from oxy_tenant.links.neonize import client_facts
from oxy_tenant.links.neonize.client_facts import KNOWN


def find(package: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def logins(scene: Scene) -> list[Login]:
    """All attempts to connect, the linking first."""
    return list(scene.simulator.service.network.state.logins.logins)


def shows_online(scene: Scene) -> list[bool]:
    return [connection.available for connection in scene.simulator.service.network.connections.values()]


async def test_the_client_presents_itself_as_the_settings_say(scene: Scene) -> None:
    # A name that WhatsApp lists, but would refuse for a phone code.
    scene.runtime.settings = scene.runtime.settings.model_copy(update={"browser": "Pet Shop 24h", "mark_online": True})
    await scene.pair()
    linked, first = logins(scene)[0], logins(scene)[-1]
    assert (linked.kind, linked.described.os, linked.described.browser) == ("link", "Pet Shop 24h", "CHROME")
    # No history is asked for beyond what the phone sends on its own.
    assert not linked.described.full_history
    assert (linked.described.full_days, linked.described.full_megabytes, linked.described.recent_days) == (None,) * 3
    assert (linked.version, first.version) == (KNOWN.version, KNOWN.version)
    assert (first.kind, first.platform, first.outcome) == ("login", "WEB", "accepted")
    await until(lambda: shows_online(scene) == [True], what="online")

    state = await scene.bus.state(ConnectionState.CONNECTED)
    assert (state.client_version, state.client_published_on) == (KNOWN.version, KNOWN.published)
    assert await scene.runtime.metric(f'oxy_tenant_client_info{{version="{KNOWN.version}"}}') == 1
    age = await scene.runtime.metric("oxy_tenant_client_age_seconds")
    assert abs(age - (datetime.now(UTC).timestamp() - datetime(2026, 9, 17, tzinfo=UTC).timestamp())) < 60

    # It is not online if the settings say so, also not after a restart; and it says which version was refused.
    assert await scene.runtime.kill() < 0
    changes = {"mark_online": False, "confirm_pairing": True}
    scene.runtime.settings = scene.runtime.settings.model_copy(update=changes)
    scene.bus.forget_states()
    await scene.runtime.start()
    await scene.ready()
    await until(lambda: shows_online(scene) == [False], what="offline")
    # A phone that was linked before that was to be proved owes no proof.
    assert (await scene.bus.state(ConnectionState.CONNECTED)).pairing_proof is None
    assert await scene.business.inbox() == []
    await scene.business.fault(FaultKind.OUTDATED)
    assert await scene.runtime.exit_code() == ExitCode.CLIENT_OUTDATED
    assert scene.runtime.termination().client_version == KNOWN.version


def test_what_is_known_of_the_client_fits_the_library_that_is_installed() -> None:
    # whatsmeow's commit is in the name of its version, which Go notes when it builds: the time, then twelve digits.
    library = next(find("neonize").glob("neonize-*"))
    assert f"-{KNOWN.commit}\t".encode() in library.read_bytes()


def test_of_another_release_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert client_facts.client_facts() == KNOWN
    assert KNOWN.published < date.fromisoformat("2026-09-22")
    monkeypatch.setattr(client_facts, "version", lambda _: "0.6.0")
    assert client_facts.client_facts() is None
