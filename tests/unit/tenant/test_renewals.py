import asyncio

import pytest

from oxy_core.identity import Jid
from oxy_tenant.links.events import CaughtUp, Connected, Disconnected, Identified, LinkEvent
from oxy_tenant.links.neonize import renewals
from oxy_tenant.links.neonize.patience import FIRST_SECONDS, LONGEST_SECONDS, Patience
from oxy_tenant.links.neonize.renewals import SLOW_ACKNOWLEDGEMENT, Renewals

IDENTIFIED = Identified(Jid.parse("5511900000001@s.whatsapp.net"), None)


def test_patience_doubles_until_a_renewal_has_helped() -> None:
    patience = Patience()
    for expected in (6, 12, 24, 48, LONGEST_SECONDS, LONGEST_SECONDS):
        patience.lost()
        assert patience.seconds == expected
    patience.answered(FIRST_SECONDS + 1)
    assert patience.seconds == LONGEST_SECONDS
    patience.answered(0.1)
    assert patience.seconds == FIRST_SECONDS


class Stage:
    """Renewals of a link whose sessions are played by the test."""

    def __init__(self) -> None:
        self.seen: list[LinkEvent] = []
        self.connected = 0
        self.renewals = Renewals(self._note)
        loop = asyncio.get_running_loop()
        self.event = self.renewals.watch(self.seen.append, loop.call_soon_threadsafe)

    def _note(self) -> None:
        self.connected += 1

    async def renew(self, *events: LinkEvent) -> None:
        for event in events:
            self.event(event)


async def test_a_renewal_that_succeeds_is_not_noticed() -> None:
    stage = Stage()
    await stage.renewals.run(stage.renew(IDENTIFIED, Connected()))
    stage.event(CaughtUp())
    assert (stage.seen, stage.connected) == ([CaughtUp()], 1)
    stage.event(Connected())
    assert stage.seen == [CaughtUp(), Connected()]


async def test_a_renewal_that_takes_long_is_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewals, "CONNECT_SECONDS", 0.05)
    stage = Stage()
    await stage.renewals.run(stage.renew(IDENTIFIED))
    stage.event(Connected())
    assert (stage.seen, stage.connected) == ([Disconnected(SLOW_ACKNOWLEDGEMENT), Connected()], 0)


async def test_a_renewal_of_a_link_that_was_closed_tells_whoever_opens_it_again_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(renewals, "CONNECT_SECONDS", 0.05)
    stage = Stage()
    renewal = asyncio.create_task(stage.renewals.run(stage.renew()))
    await asyncio.sleep(0)
    opened: list[LinkEvent] = []
    stage.renewals.watch(opened.append, asyncio.get_running_loop().call_soon_threadsafe)
    await renewal
    assert (stage.seen, opened) == ([], [])


async def test_a_renewal_outlives_whoever_waits_for_it() -> None:
    stage = Stage()
    going_on = asyncio.Event()

    async def renew() -> None:
        await going_on.wait()
        stage.event(CaughtUp())

    waiting = asyncio.create_task(stage.renewals.run(renew()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    over = asyncio.create_task(stage.renewals.over())
    await asyncio.sleep(0)
    assert not over.done()
    going_on.set()
    await over
    stage.event(Connected())
    assert stage.seen == [CaughtUp(), Connected()]
