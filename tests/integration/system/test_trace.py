"""A message's way through all processes, as their logs show it."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from oxy_dev.conversation import ask
from oxy_dev.stack import Stack, petshop, running_stack
from oxy_simulator.client import SimulatorClient

CUSTOMER = "+5511912340001"
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


async def test_one_grep_follows_a_message_through_pod_and_worker_and_back(stack: Stack) -> None:
    pod, worker = stack.runtimes[stack.tenants[0].name], stack.worker_programs[0]
    async with SimulatorClient(stack.control_url) as simulator:
        await simulator.add_phone(CUSTOMER, "Ana")
        for text in ("segredo um", "segredo dois"):
            await ask(simulator, CUSTOMER, stack.tenants[0].spec.phone_number, text)
        await simulator.send(CUSTOMER, stack.tenants[0].spec.phone_number, "segredo três")
        await ask(simulator, CUSTOMER, stack.tenants[0].spec.phone_number, "e quatro, logo depois")
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
