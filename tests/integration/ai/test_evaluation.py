"""Golden dialogues with scripted models: state, guards and refusals hold, whatever a model does."""

from collections.abc import Sequence

from integration.ai.scripted_dialogues import DIALOGUES, Script, read_scripts, running_scripts, stops
from pydantic import SecretStr

from oxy_ai.evaluation.judging import Judged
from oxy_ai.evaluation.running import RunOptions, Variant, run_all
from oxy_ai.evaluation.scratch import scratch_database
from oxy_ai.evaluation.verdicts import Check, CheckKind, failures
from oxy_ai.golden.dialogue import Skill
from oxy_ai.golden.library import read_library
from oxy_dev.postgres import PostgresServer

SCRIPTS = read_scripts()
GOLDENS = {golden.name: golden for golden in read_library([DIALOGUES])}
LEAST = 80
"""Dialogues that there must be."""


def test_all_skills_have_dialogues_and_each_has_a_script() -> None:
    assert len(GOLDENS) >= LEAST
    later = {Skill.VOICE, Skill.IMAGES}
    assert {golden.dialogue.skill for golden in GOLDENS.values()} >= set(Skill) - later
    assert GOLDENS.keys() == SCRIPTS.keys()
    misbehaving = [script for script in SCRIPTS.values() if script.misbehaves]
    assert len(misbehaving) * 2 >= len(SCRIPTS)
    assert len({script.misbehaves for script in misbehaving}) == len(misbehaving)


async def played(server: PostgresServer, scripts: dict[str, Script]) -> Sequence[Judged]:
    goldens = [GOLDENS[name] for name in scripts]
    with scratch_database(server.url()) as url:
        async with running_scripts(scripts) as model:
            options = RunOptions(model.base_url, SecretStr("scripted"), at_once=8, retry_seconds=0.01)
            return await run_all(url, goldens, [Variant("gpt-4o-mini")], options)


def names(checks: Sequence[Check], kind: CheckKind) -> list[str]:
    return sorted(check.name for check in failures(checks) if check.kind is kind)


async def test_guards_hold_whatever_a_model_does(postgres_server: PostgresServer) -> None:
    wrong = []
    for judged in await played(postgres_server, SCRIPTS):
        script = SCRIPTS[judged.name]
        wrong += [f"{judged.name}: GUARD {name}" for name in names(judged.checks, CheckKind.GUARD)]
        failed = names(judged.checks, CheckKind.QUALITY)
        if failed != sorted(script.fails):
            wrong.append(f"{judged.name}: {sorted(set(failed) ^ set(script.fails))}")
        if script.misbehaves and stops(judged) != script.stopped_by:
            wrong.append(f"{judged.name}: stopped by {stops(judged)}")
        if script.misbehaves:
            assert script.stopped_by, f"{judged.name}: nothing stops it"
    assert wrong == []
