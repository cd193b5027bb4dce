"""Runs a scenario and tells live what happens."""

import asyncio
from pathlib import Path
from typing import TextIO

import aiohttp

from oxy_simulator.errors import SimulatorError
from oxy_simulator.narrator import Narrator
from oxy_simulator.scenario_file import Document
from oxy_simulator.stage import open_stage
from oxy_simulator.steps import play
from oxy_simulator.testing import ViolationError


async def run_scenario(
    document: Document,
    output: TextIO,
    *,
    url: str | None = None,
    evidence: Path | None = None,
    show_clients: bool = False,
) -> bool:
    """Run a scenario on a server of its own or a running one; tell what happens and return whether all came true."""
    narrator = Narrator(output, show_clients)
    try:
        return await _run(document, narrator, url, evidence)
    except asyncio.CancelledError:
        narrator.tell("✘ ended by a signal; its clients were ended too")
        raise


async def _run(document: Document, narrator: Narrator, url: str | None, evidence: Path | None) -> bool:
    narrator.tell(f"▶ {document.scenario.scenario}")
    failure: BaseException | None = None
    try:
        async with open_stage(document, narrator, url) as stage:
            try:
                await play(stage, ("steps",), document.scenario.steps)
            finally:
                if evidence is not None:
                    proof = await stage.whatsapp.evidence_by_api()
                    narrator.tell("· evidence: " + ", ".join(map(str, proof.write(evidence))))
    except* (SimulatorError, ViolationError, aiohttp.ClientError) as group:
        failure = _first(group)
    steps = sum(1 for _ in document.scenario.all_steps())
    narrator.tell(f"✘ {failure}" if failure else f"✔ {document.scenario.scenario}: {steps} steps")
    return failure is None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
