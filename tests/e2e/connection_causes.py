"""Goes through rows of the matrix on a node: what kubectl must show of each cause, and that it passes or does not."""

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from e2e.cause_table import SHOWN, Shown
from e2e.fleet import NAMESPACE, Fleet, Member, proxy_secret, running_fleet
from e2e.row import Row, keep_inflicting
from e2e.volumes import own_volume

from oxy_core.instance.custom_resource import place_of
from oxy_core.tasks import cancel_tasks
from oxy_dev.environment import forwarding_simulator
from oxy_dev.up import System

EXHAUSTED = "AttemptsExhausted"
CODES = {1, 2, *range(64, 73), 134}
"""Exit codes that say something of a runtime; the others are of one that was asked to stop."""

FORECASTS = {"ClientAgeing"}
"""Reasons of events that depend on the date."""

OF_ALL = "ClientOutdated"
"""WhatsApp refuses a version for all numbers: the first refusal concerns every instance."""

BAN = timedelta(hours=2)
"""How long the faults of temporary bans last. Source: `oxy_dev.connection_faults`."""

_NUMBERS = count(secrets.randbelow(10**7))
"""Of accounts: some are of no use after a test."""

Json = Any
"""Any JSON value."""


@asynccontextmanager
async def fleet_of(system: System, rows: Sequence[Row], **reconnect: int) -> AsyncIterator[Fleet]:
    """Link an instance for each row, with its proxy; `reconnect` replaces fields of the rows' ``spec.reconnect``."""
    kubectl = system.kubectl
    members = [row.to_member(f"+55119{next(_NUMBERS) % 10**7:07}0", **reconnect) for row in rows]
    own = [(row.name, row.proxy) for row in rows if row.proxy is not None]
    secrets_of = [proxy_secret(name, proxy.url(kubectl, proxy.usual)) for name, proxy in own]

    async def listen(fleet: Fleet) -> None:
        for _, proxy in own:
            await proxy.put(fleet, proxy.usual)

    with ExitStack() as volumes, forwarding_simulator(kubectl) as url:
        for row in rows:
            if row.volume is not None:
                volumes.enter_context(own_volume(kubectl, row.name, row.volume))
        async with running_fleet(kubectl, url, members, secrets_of, listen) as fleet:
            yield fleet
            for _, proxy in own:
                await proxy.put(fleet, None)


async def be_shown(fleet: Fleet, row: Row, *, with_bus: bool = True) -> None:
    """Bring a row about, and check all that kubectl shows of it."""
    member, seen = fleet.members[row.name], list[tuple[Json, Json]]()
    cause = SHOWN[row.reason]
    phase, reason = expected(row, with_bus=with_bus)

    def is_shown(one: Member) -> bool:
        if (one.phase, one.reason) != (phase, reason) or cause.happened not in one.condition("Ready")["message"]:
            return False
        if with_bus and row.tries and one.attempts == 0:
            return False
        if not with_bus and row.says not in one.condition("Ready")["message"]:
            return False  # The first process gave up after one attempt, perhaps over the cut; the next one tells.
        seen.append((one.condition("Ready"), one.condition("Receiving")))
        return True

    await row.inflict(fleet, member)
    again = asyncio.create_task(keep_inflicting(row, fleet, member))
    try:
        await fleet.until("shown", [member], is_shown)
    finally:
        await cancel_tasks(again)
    ready, receiving = seen[-1]
    stays = str(phase == "Connected")
    assert (ready["status"], receiving["status"]) == (stays, stays), row.name
    _assert_told(row, cause, ready["message"])
    code = code_of(row, with_bus=with_bus)
    if code is not None:
        await fleet.until("its exit code", [member], lambda one: code in fleet.exit_codes(one))


def expected(row: Row, *, with_bus: bool) -> tuple[str, str]:
    """Return the phase and the reason; without the bus what passes is known from how the process ended."""
    cause = SHOWN[row.reason]
    own = with_bus or is_final(row) or row.exit_code is not None
    return cause.phase, row.shown_as or (row.reason if own else EXHAUSTED)


def code_of(row: Row, *, with_bus: bool) -> int | None:
    """Return the exit code of the process; None: it goes on."""
    code = row.exit_code or SHOWN[row.reason].exit_code
    return code if with_bus or code is not None else SHOWN[EXHAUSTED].exit_code


def is_final(row: Row) -> bool:
    """Whether nothing connects again until a person acts."""
    return SHOWN[row.reason].phase in {"LoggedOut", "Paused", "Failed"}


def _assert_told(row: Row, cause: Shown, message: str) -> None:
    """What happened, the underlying error and what to do, each once."""
    assert message.count(cause.happened) == 1, (row.name, message)
    place = place_of(row.name, NAMESPACE)
    assert message.count(cause.advice_to(place)) == 1, (row.name, message)
    assert row.says in message, (row.name, message)
    assert "hush-hush" not in message
    to_pair = is_final(row) or row.reason in {"PairingDenied", "PhoneCodeRefused"}
    assert (f"oxy pair {place}" in message) == to_pair, (row.name, message)
    if row.reason == "TemporaryBan":
        until = re.search(r" until (\d{4}-\d\d-\d\d \d\d:\d\d) UTC", message)
        assert until is not None, message
        ends = datetime.strptime(until[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        assert timedelta() < ends - datetime.now(UTC) <= BAN, message


async def go_through(fleet: Fleet, row: Row, *, with_bus: bool = True) -> None:
    """Bring a row about, have it shown, and end it: the instance is back and receives, or nothing connects again."""
    member = fleet.members[row.name]
    await fleet.until("started", [member], lambda one: one.pod is not None)
    pod = member.pod["metadata"]["uid"]
    await be_shown(fleet, row, with_bus=with_bus)
    if is_final(row):
        await fleet.until("without a pod", [member], lambda one: one.pod is None and not one.connected)
        assert member.status["runtime"]["epoch"] == 1, row.name
        return
    await row.mend(fleet, member)
    await fleet.until("back", [member], is_back)
    await fleet.receive(member, f"depois de {row.name}")
    assert (member.pod["metadata"]["uid"] != pod) is row.replaces_pod, row.name
    if not row.replaces_pod:
        goes_on = code_of(row, with_bus=with_bus) is None
        assert (member.restarts == 0) is goes_on, (row.name, member.restarts, fleet.exit_codes(member))


def is_back(member: Member) -> bool:
    """Whether an instance is connected, and nothing is said against it."""
    return (member.phase, member.reason) == ("Connected", "Connected")


async def assert_heard(fleet: Fleet, rows: Sequence[Row], *, with_bus: bool = True) -> None:
    """People hear once of what does not pass by itself, with the same words, and of nothing else.

    Without the bus, of a process that gave up too early as well (`_gives_up_early`).
    """
    warned, early = await fleet.warned(), _gives_up_early(with_bus=with_bus)
    for row in rows:
        _, reason = expected(row, with_bus=with_bus)
        events = [event for event in warned[row.name] if event["reason"] not in FORECASTS | {OF_ALL} - {reason}]
        also = (row.also | early) - {reason}
        often = Counter(event["reason"] for event in events if event["reason"] not in also)
        assert often == ({reason: 1} if SHOWN[reason].warns else {}), (row.name, often)
        for event in events:
            assert int((event.get("series") or {"count": 1})["count"]) == 1, (row.name, event)
            if event["reason"] == reason:
                # Of a process that gave up, its first trouble may be what it was: a connection that was cut.
                words = (SHOWN[reason].happened, SHOWN[reason].advice_to(place_of(row.name, NAMESPACE)))
                assert [event["message"].count(word) for word in words] == [1, 1], (row.name, event)
            if event["reason"] == row.reason and row.reason not in early:
                _assert_told(row, SHOWN[reason], event["message"])


async def assert_refusal_told_to_all(fleet: Fleet) -> None:
    """Every instance says that WhatsApp refuses its client, and so does one event of each."""
    members = [member for member in fleet.members.values() if "client" in member.status]
    await fleet.until("told", members, lambda member: member.condition(OF_ALL)["status"] == "True")
    warned = await fleet.warned()
    for member in members:
        assert [event["reason"] for event in warned[member.name]].count(OF_ALL) == 1, member.name


def assert_exits(fleet: Fleet, rows: Sequence[Row], *, with_bus: bool = True) -> None:
    """No process has ended in another way than its row says, or too early."""
    too_early = {SHOWN[reason].exit_code for reason in _gives_up_early(with_bus=with_bus)}
    for row in rows:
        code = code_of(row, with_bus=with_bus)
        ended = fleet.exit_codes(fleet.members[row.name]) & CODES
        wanted = {code} - {None}
        assert wanted <= ended <= wanted | too_early, (row.name, ended)


def _gives_up_early(*, with_bus: bool) -> frozenset[str]:
    """Return the reasons with which a process may end before it hears why its connection was lost.

    Without the bus it gives up after a second, which on a busy machine is too soon; the next one hears.
    """
    return frozenset() if with_bus else frozenset({EXHAUSTED})
