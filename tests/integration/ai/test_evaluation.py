"""Golden dialogues with scripted models: state, guards and refusals hold, whatever a model does."""

from collections.abc import Sequence

from integration.ai.scripted_dialogues import DIALOGUES, Script, read_scripts, running_scripts
from pydantic import SecretStr

from oxy_ai.evaluation.judging import Judged
from oxy_ai.evaluation.running import RunOptions, Variant, run_all
from oxy_ai.evaluation.scratch import scratch_database
from oxy_ai.evaluation.verdicts import CheckKind, failures
from oxy_ai.golden.library import read_library
from oxy_dev.postgres import PostgresServer


async def played(server: PostgresServer, scripts: dict[str, Script]) -> Sequence[Judged]:
    goldens = read_library([DIALOGUES])
    with scratch_database(server.url()) as url:
        async with running_scripts(scripts) as model:
            options = RunOptions(model.base_url, SecretStr("scripted"), at_once=8, retry_seconds=0.01)
            return await run_all(url, goldens, [Variant("gpt-4o-mini")], options)


async def test_every_dialogue_comes_out_as_its_script_says(postgres_server: PostgresServer) -> None:
    scripts = read_scripts()
    for judged in await played(postgres_server, scripts):
        script = scripts[judged.name]
        failed = failures(judged.checks)
        assert [(check.name, check.found) for check in failed if check.kind is CheckKind.GUARD] == [], judged.name
        assert sorted(check.name for check in failed) == sorted(script.fails), (judged.name, failed)
