"""The disconnect matrix: every way in which WhatsApp ends a connection, and what neonize makes of it."""

import asyncio
import contextlib
import sqlite3
from dataclasses import dataclass, field

import pytest
from integration.simulator.clients import PATIENCE, NeonizeClient

from oxy_simulator.faults import BAN_CODES, FaultKind
from oxy_simulator.testing import Phone, WhatsApp


@dataclass(frozen=True)
class Cause:
    """A fault, the events that neonize reports for it, and part of the last one's text."""

    kind: FaultKind
    events: tuple[str, ...]
    options: dict[str, int] = field(default_factory=dict)
    detail: str = ""

    def __str__(self) -> str:
        return " ".join([self.kind, *map(str, self.options.values())])


PASSING = [
    Cause(FaultKind.RESTART, ()),
    Cause(FaultKind.UNAVAILABLE, ("Disconnected",)),
    Cause(FaultKind.UNKNOWN_ERROR, ("StreamError",), detail='Code: "500"'),
    Cause(FaultKind.UNKNOWN_ERROR, ("StreamError",), {"code": 777}, 'Code: "777"'),
    Cause(FaultKind.ABORT, ("Disconnected",)),
    Cause(FaultKind.CLOSE, ("Disconnected",)),
    Cause(FaultKind.STREAM_END, ("Disconnected",)),
    Cause(FaultKind.OVERSIZED_FRAME, ("Disconnected",)),
    Cause(FaultKind.LOGGED_IN_AGAIN, ()),
    Cause(FaultKind.LOGIN_ERROR, ("Disconnected", "Disconnected")),
    Cause(FaultKind.LOGIN_UNAVAILABLE, ("Disconnected", "Disconnected")),
]
REFUSED = [
    *(
        Cause(FaultKind.TEMPORARY_BAN, ("TemporaryBan",), {"code": code, "expire": 77}, "Expire: 77")
        for code in BAN_CODES
    ),
    Cause(FaultKind.OUTDATED, ("ClientOutdated",)),
    Cause(FaultKind.BAD_USER_AGENT, ("ConnectFailure",), detail="Reason: BAD_USER_AGENT"),
    Cause(FaultKind.LOGIN_FAILURE, ("ConnectFailure",), {"code": 400}, "Reason: GENERIC"),
]
# Codes that neonize's enumerations lack end its event loop; the process must be replaced.
FATAL = [
    Cause(FaultKind.NOT_FOUND, ("Ended",), detail="ConnectFailure.Reason not set"),
    Cause(FaultKind.LOGIN_FAILURE, ("Ended",), {"code": 418}, "ConnectFailure.Reason not set"),
    Cause(FaultKind.LOGIN_FAILURE, ("Ended",), {"code": 599}, "ConnectFailure.Reason not set"),
    Cause(FaultKind.TEMPORARY_BAN, ("Ended",), {"code": 105}, "TemporaryBan.Code not set"),
]
UNLINKING = [
    Cause(FaultKind.UNLINKED, ("LoggedOut",), detail="LOGGED_OUT"),
    Cause(FaultKind.LOGGED_OUT, ("LoggedOut",), detail="OnConnect: true"),
    Cause(FaultKind.BANNED, ("LoggedOut",), detail="OnConnect: true"),
    Cause(FaultKind.LOCKED, ("LoggedOut",), detail="OnConnect: true"),
]


async def suffer(bot: Phone, client: NeonizeClient, cause: Cause) -> None:
    """Break the connection and see what the client says about it."""
    await bot.fault(cause.kind, **cause.options)
    for event in cause.events:
        found = await client.expect(event)
    if cause.detail:
        assert cause.detail in (found.get("detail") or found["error"]), found


async def test_it_comes_back_by_itself_and_gets_what_it_missed(bot: Phone, ana: Phone, client: NeonizeClient) -> None:
    for cause in PASSING:
        await suffer(bot, client, cause)
        await ana.send(f"depois de {cause}", to=bot)
        await client.expect_back(f"depois de {cause}")
    assert client.texts() == [f"depois de {cause}" for cause in PASSING]


@pytest.mark.parametrize("causes", [REFUSED, FATAL], ids=["refused", "fatal"])
async def test_it_stays_away_until_its_process_is_replaced(
    bot: Phone, ana: Phone, client: NeonizeClient, causes: list[Cause]
) -> None:
    for cause in causes:
        await suffer(bot, client, cause)
        await ana.send(f"depois de {cause}", to=bot)
        assert client.events[-1]["event"] == cause.events[-1], "it does not come back by itself"
        await client.kill()
        await client.start()
        await client.expect_back(f"depois de {cause}")


@pytest.mark.parametrize("cause", UNLINKING, ids=str)
async def test_it_must_be_linked_again(bot: Phone, client: NeonizeClient, cause: Cause) -> None:
    await suffer(bot, client, cause)
    with contextlib.closing(sqlite3.connect(client.database)) as database:
        async with asyncio.timeout(PATIENCE):  # it tells first, and deletes its session then
            while database.execute("select count(*) from whatsmeow_device").fetchone() != (0,):  # noqa: ASYNC110 - a database tells nobody
                await asyncio.sleep(0.05)
    await client.kill()
    await client.start()
    await client.expect("QR")


async def test_a_replaced_client_stays_away(bot: Phone, ana: Phone, client: NeonizeClient) -> None:
    await suffer(bot, client, Cause(FaultKind.REPLACED, ("StreamReplaced",)))
    await ana.send("oi", to=bot)
    await client.kill()
    assert client.texts() == []
    await client.start()
    await client.expect("Message", text="oi")


async def test_an_unknown_failure_code_may_leave_it_silent(
    simulator: WhatsApp, bot: Phone, client: NeonizeClient
) -> None:
    """413 asks a client to renew a token that neonize has not: it says nothing and does not come back."""
    await bot.fault(FaultKind.LOGIN_FAILURE, code=413)
    failures = simulator.service.network.login_failures[bot.number]
    assert await simulator.service.wait_for(lambda: not failures, PATIENCE)
    await client.expect("Disconnected")
    await client.kill()
    await client.start()
    await client.expect("Connected")
