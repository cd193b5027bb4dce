"""Runs a scenario and tells live what happens."""

import asyncio
from enum import IntEnum
from pathlib import Path
from typing import TextIO

import aiohttp

from oxy_simulator.errors import SimulatorError
from oxy_simulator.narrator import Narrator
from oxy_simulator.scenario_file import Document
from oxy_simulator.stage import Stage, open_stage
from oxy_simulator.steps import StepError, play
from oxy_simulator.testing import ViolationError


class Outcome(IntEnum):
    """How a scenario ended; the numbers are exit codes, the worse the higher."""

    CAME_TRUE = 0
    BROKEN = 1
    """A step failed: an expectation was broken, a client ended, or it broke the protocol."""
    CANNOT_RUN = 2
    """The server cannot be reached, or not any more: nothing is known about the client."""


async def run_scenario(
    document: Document,
    output: TextIO,
    *,
    url: str | None = None,
    evidence: Path | None = None,
    show_clients: bool = False,
) -> Outcome:
    """Run a scenario on a server of its own or a running one; tell what happens and return how it ended."""
    narrator = Narrator(output, show_clients)
    try:
        return await _run(document, narrator, url, evidence)
    except asyncio.CancelledError:
        narrator.tell("✘ ended by a signal; its clients were ended too")
        raise


async def _run(document: Document, narrator: Narrator, url: str | None, evidence: Path | None) -> Outcome:
    narrator.tell(f"▶ {document.scenario.scenario}")
    failure: BaseException | None = None
    try:
        async with open_stage(document, narrator, url) as stage:
            try:
                await play(stage, ("steps",), document.scenario.steps)
            finally:
                if evidence is not None:
                    await _keep_evidence(stage, evidence)
    except* (SimulatorError, ViolationError, aiohttp.ClientError) as group:
        failure = _first(group)
    steps = sum(1 for _ in document.scenario.all_steps())
    narrator.tell(f"✘ {failure}" if failure else f"✔ {document.scenario.scenario}: {steps} steps")
    return _outcome(failure)


def _outcome(failure: BaseException | None) -> Outcome:
    if failure is None:
        return Outcome.CAME_TRUE
    return Outcome.BROKEN if isinstance(failure, StepError | ViolationError) else Outcome.CANNOT_RUN


async def _keep_evidence(stage: Stage, folder: Path) -> None:
    """Write the evidence and say where; what cannot be written is told, and changes nothing about the outcome."""
    proof = await stage.whatsapp.evidence_by_api()
    try:
        told = ", ".join(map(str, proof.write(folder)))
    except OSError as error:
        told = f"could not be written: {error}"
    stage.narrator.tell(f"· evidence: {told}")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
