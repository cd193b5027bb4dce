"""Every fault: broken by one call, listed, ended by one call, broken by a step of a scenario file, and survived."""

import io
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from integration.simulator.clients import NeonizeClient
from integration.simulator.test_scenarios import simulator as command

from oxy_simulator.faults import FaultKind
from oxy_simulator.mediadesk import MediaFaultKind
from oxy_simulator.runner import Outcome, run_scenario
from oxy_simulator.scenario_file import parse
from oxy_simulator.testing import Phone, WhatsApp

PASSING: Final = {
    *(FaultKind.RESTART, FaultKind.UNAVAILABLE, FaultKind.UNKNOWN_ERROR, FaultKind.ABORT, FaultKind.CLOSE),
    *(FaultKind.STREAM_END, FaultKind.REPLACED, FaultKind.UNLINKED, FaultKind.GARBAGE, FaultKind.UNKNOWN_STANZA),
    *(FaultKind.OVERSIZED_FRAME, FaultKind.LOGGED_IN_AGAIN, FaultKind.FORGET_SESSIONS, FaultKind.UP),
}
"""What has happened when the call returns, so that nothing is left to end."""
ON_A_CONNECTION: Final = {FaultKind.SILENCE, FaultKind.HALF_OPEN, FaultKind.SLOW}
"""What holds for connections that there are."""
NEEDED: Final[dict[str, dict[str, Any]]] = {FaultKind.LOGIN_FAILURE: {"code": 418}}
SERVER: Final = {FaultKind.TLS, FaultKind.PROXY, FaultKind.DOWN, FaultKind.UP}


def body(kind: FaultKind, phone: str) -> dict[str, Any]:
    return {"kind": kind, **({} if kind in SERVER else {"phone": phone}), **NEEDED.get(kind, {})}


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind not in ON_A_CONNECTION])
async def test_a_fault_is_listed_until_one_call_ends_it(simulator: WhatsApp, bot: Phone, kind: FaultKind) -> None:
    request = body(kind, bot.number)
    await simulator.api.fault(**request)
    listed = [(rule.kind, rule.phone) for rule in await simulator.api.faults()]
    assert listed == ([] if kind in PASSING else [(kind, request.get("phone"))])
    await simulator.clear_faults()
    assert await simulator.api.faults() == []
    assert not (await simulator.api.state()).down


@pytest.mark.parametrize("kind", MediaFaultKind)
async def test_a_fault_of_files_is_listed_until_one_call_ends_it(simulator: WhatsApp, kind: MediaFaultKind) -> None:
    await simulator.api.media_fault(kind, **({"ttl": 1} if kind is MediaFaultKind.AUTH_EXPIRED else {"count": 2}))
    (listed,) = await simulator.api.faults()
    assert (listed.kind, listed.files, listed.phone) == (kind, True, None)
    await simulator.clear_faults()
    assert await simulator.api.faults() == []


async def test_login_failures_are_listed_with_their_codes(simulator: WhatsApp, bot: Phone, ana: Phone) -> None:
    await bot.fault(FaultKind.TEMPORARY_BAN, code=104, count=2)
    await bot.fault(FaultKind.LOGIN_FAILURE, code=418)
    await ana.fault(FaultKind.LOCKED)
    listed = [(rule.kind, rule.phone, rule.left, rule.code) for rule in await simulator.api.faults()]
    assert listed == [
        (FaultKind.TEMPORARY_BAN, bot.number, 2, 104),
        (FaultKind.LOGIN_FAILURE, bot.number, 1, 418),
        (FaultKind.LOCKED, ana.number, 1, None),
    ]
    await simulator.api.clear_faults(bot.number)
    assert [rule.kind for rule in await simulator.api.faults()] == [FaultKind.LOCKED]


async def test_every_fault_is_a_step_of_a_scenario(simulator: WhatsApp, bot: Phone) -> None:
    faults = [body(kind, "bot") for kind in FaultKind if kind not in ON_A_CONNECTION | {FaultKind.UP}]
    steps = [{"fault": {**fault, "kind": str(fault["kind"])}} for fault in faults]
    steps += [{"media_fault": {"kind": str(kind)}} for kind in MediaFaultKind]
    content = {"scenario": "all", "phones": {"bot": f"+{bot.number}"}, "steps": steps}
    output = io.StringIO()
    scenario = parse(yaml.safe_dump(content, sort_keys=False), "all.yaml")
    assert await run_scenario(scenario, output, url=simulator.control_url) is Outcome.CAME_TRUE, output.getvalue()
    listed = {str(rule.kind) for rule in await simulator.api.faults()}
    assert listed == {str(fault["kind"]) for fault in faults if fault["kind"] not in PASSING} | {
        str(kind) for kind in MediaFaultKind if kind is not MediaFaultKind.AUTH_EXPIRED
    }


async def test_faults_of_a_connection_are_listed_and_ended_and_neonize_goes_on(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    for kind in (FaultKind.SLOW, FaultKind.SILENCE, FaultKind.HALF_OPEN):
        await bot.fault(kind)
        assert {(rule.kind, rule.phone) for rule in await simulator.api.faults()} == {(kind, bot.number)}
        await simulator.api.clear_faults(bot.number)
        assert await simulator.api.faults() == []
        await ana.send(f"depois de {kind}", to=bot)
        await client.expect("Message", text=f"depois de {kind}")


@pytest.mark.long
def test_neonize_survives_faults_of_a_scenario() -> None:
    done = command("run", str(Path(__file__).with_name("survival.yaml")))
    assert done.returncode == 0, done.stdout + done.stderr
