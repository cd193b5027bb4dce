"""Golden dialogues with scripted models: state, guards and refusals hold, whatever a model does."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from integration.ai.mutations import mutations
from integration.ai.scripted_dialogues import DIALOGUES, Script, read_scripts, running_scripts, stops
from pydantic import SecretStr

from oxy_ai.evaluation.judging import Judged, judge
from oxy_ai.evaluation.running import RunOptions, Variant, run_all
from oxy_ai.evaluation.scratch import scratch_database
from oxy_ai.evaluation.verdicts import Check, CheckKind, failures
from oxy_ai.golden.dialogue import Skill
from oxy_ai.golden.library import Golden, read_library
from oxy_dev.postgres import PostgresServer

LEAST = 80
"""Dialogues that there must be."""

pytestmark = pytest.mark.xdist_group("golden dialogues")  # they are played once, for all tests of this file


Scripts = Mapping[str, Script]
Goldens = Mapping[str, Golden]


@pytest.fixture(scope="module")
def scripts() -> Scripts:
    return read_scripts()


@pytest.fixture(scope="module")
def goldens() -> Goldens:
    return {golden.name: golden for golden in read_library([DIALOGUES])}


@pytest.fixture(scope="module")
def played(postgres_server: PostgresServer, scripts: Scripts, goldens: Goldens) -> Sequence[Judged]:
    """All dialogues, each once, with its own script."""

    async def play_all(url: str) -> Sequence[Judged]:
        async with running_scripts(scripts) as model:
            options = RunOptions(model.base_url, SecretStr("scripted"), at_once=8, retry_seconds=0.01)
            return await run_all(url, list(goldens.values()), [Variant("gpt-4o-mini")], options)

    with scratch_database(postgres_server.url()) as url:
        return asyncio.run(play_all(url))


def test_all_skills_have_dialogues_and_each_has_a_script(scripts: Scripts, goldens: Goldens) -> None:
    assert len(goldens) >= LEAST
    assert {golden.dialogue.skill for golden in goldens.values()} == set(Skill)
    assert goldens.keys() == scripts.keys()
    misbehaving = [script for script in scripts.values() if script.misbehaves]
    assert len(misbehaving) * 2 >= len(scripts)
    assert len({script.misbehaves for script in misbehaving}) == len(misbehaving)


def names(checks: Sequence[Check], kind: CheckKind) -> list[str]:
    return sorted(check.name for check in failures(checks) if check.kind is kind)


def test_guards_hold_whatever_a_model_does(played: Sequence[Judged], scripts: Scripts) -> None:
    wrong = []
    for judged in played:
        script = scripts[judged.name]
        wrong += [f"{judged.name}: GUARD {name}" for name in names(judged.checks, CheckKind.GUARD)]
        failed = names(judged.checks, CheckKind.QUALITY)
        if failed != sorted(script.fails):
            wrong.append(f"{judged.name}: {sorted(set(failed) ^ set(script.fails))}")
        if script.misbehaves and (not script.stopped_by or stops(judged) != script.stopped_by):
            wrong.append(f"{judged.name}: stopped by {stops(judged)}")
    assert wrong == []


def test_a_check_notices_what_is_otherwise(played: Sequence[Judged], goldens: Goldens) -> None:
    noticed: Counter[str] = Counter()
    missed = []
    assert [f"{judged.name}: {judged.played.broken}" for judged in played if judged.played.broken] == []
    for judged in played:
        golden = goldens[judged.name]
        settings = golden.settings_in("evaluation")
        before = {check.name for check in failures(judged.checks)}
        for what, dialogue, seen in mutations(golden.dialogue, judged.played):
            failed = {check.name for check in failures(judge(dialogue, settings, seen))}
            if failed - before:
                noticed[what] += 1
            else:
                missed.append(f"{judged.name}: {what}")
    assert not missed, "\n".join(missed)
    assert sum(noticed.values()) > len(goldens) * 10
