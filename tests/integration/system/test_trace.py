"""A message's way through all processes, as their logs show it."""

import asyncio
import contextlib
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from integration.system.test_outgoing import until
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from oxy_core.bus import connected
from oxy_core.jetstream import INBOUND_STREAM
from oxy_dev.conversation import ask
from oxy_dev.stack import Stack, petshop, running_stack
from oxy_simulator.client import SimulatorClient

CUSTOMER = "+5511912340001"
TOGETHER = "segredo três", "e quatro, logo depois"
IN_THE_POD = {
    # Published are the message itself and the result of sending its answer.
    "message_journalled": 1,
    "reports_published": 2,
    "send_accepted": 1,
    "send_finished": 1,
}


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    patient = petshop(ai={"debounceSeconds": 1, "debounceMaxSeconds": 5})
    async with running_stack(Stack(tmp_path, (patient,), model_arguments=("--echo",))) as one:
        yield one


def events(log: Path, trace: str) -> list[str]:
    """What ``grep <trace>`` finds in a log: the names of its events."""
    return [json.loads(line)["event"] for line in log.read_text().splitlines() if trace in line]


def traces(log: Path) -> list[str]:
    """The traces of the messages that a pod has journalled, oldest first."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"message_journalled"' in line]
    return [line["trace_id"] for line in lines]


async def ask_twice(simulator: SimulatorClient, business: str) -> None:
    await simulator.send(CUSTOMER, business, TOGETHER[0])
    await ask(simulator, CUSTOMER, business, TOGETHER[1])


async def both_wait(bus: Client) -> bool:
    """Whether both messages wait for the worker; it may not have acknowledged other reports, either."""
    jetstream = bus.jetstream()
    state = (await jetstream.stream_info(INBOUND_STREAM)).state
    texts = set()
    for place in range(state.first_seq, state.last_seq + 1):
        with contextlib.suppress(NotFoundError):
            report = json.loads((await jetstream.get_msg(INBOUND_STREAM, place)).data or b"")
            texts.add(report["body"].get("text"))
    return {*TOGETHER} <= texts


async def test_one_grep_follows_a_message_through_pod_and_worker_and_back(stack: Stack) -> None:
    pod, worker = stack.runtimes[stack.tenants[0].name], stack.worker_programs[0]
    async with (
        SimulatorClient(stack.control_url) as simulator,
        connected(stack.nats.url, stack.platform_credentials, name="test", within=60) as bus,
    ):
        await simulator.add_phone(CUSTOMER, "Ana")
        for text in ("segredo um", "segredo dois"):
            await ask(simulator, CUSTOMER, stack.tenants[0].spec.phone_number, text)
        worker.signal(signal.SIGSTOP)  # so that it gets both at once, however slow their way to it is
        asked = asyncio.create_task(ask_twice(simulator, stack.tenants[0].spec.phone_number))
        await until(lambda: both_wait(bus))
        worker.signal(signal.SIGCONT)
        await asked
    for program in (pod, worker):
        program.stop()  # whatever a process has still to log is in its file now
    first, second, third, fourth = traces(pod.log)
    for trace in (first, second, fourth):
        found = Counter(events(pod.log, trace))
        assert {event: found[event] for event in IN_THE_POD} == IN_THE_POD
        assert "turn_finished" in events(worker.log, trace)
    # Answered together with the fourth, whose turn names it.
    assert Counter(events(pod.log, third)) == {"message_journalled": 1, "reports_published": 1}
    assert "turn_finished" in events(worker.log, third)
    for text in (CUSTOMER, CUSTOMER[1:], "segredo"):
        assert text not in pod.log.read_text() + worker.log.read_text()
