"""Plays dialogues, several at once, with each variant of model and prompts that is compared."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from oxy_ai.assistants.prompt_files import PromptFileError
from oxy_ai.assistants.vertical import Prompted, Vertical
from oxy_ai.engine.readings import ReadingTable
from oxy_ai.engine.store import Engine
from oxy_ai.engine.turn_runner import RunnerSettings
from oxy_ai.errors import AdministrationError
from oxy_ai.evaluation.desk import Desk
from oxy_ai.evaluation.hearing import Hearing
from oxy_ai.evaluation.judging import Judged, judge
from oxy_ai.evaluation.playing import Equipment, play
from oxy_ai.evaluation.scratch import worker_pool
from oxy_ai.evaluation.staging import Staged
from oxy_ai.golden.library import Golden
from oxy_ai.media.library import FileLibrary
from oxy_ai.model.client import ModelClient, ModelSettings
from oxy_ai.verticals import Verticals
from oxy_core.tasks import end_tasks

PLACEHOLDER: Final = "{dialogue}"
"""Stands in a base URL for a dialogue's name, so that a scripted server knows which one asks."""

_CONNECTIONS: Final = 3
"""Of one dialogue: for its turn, and for the parts of its context."""
_ANYWHERE: Final = "0.0.0.0/0 ::/0"
"""Whoever evaluates names the endpoint himself: it may be on his own machine."""
_LONGEST_RETRY: Final = 60.0
_PART_SECONDS: Final = 30.0
"""Nothing of a context may be missing here: a dialogue would be judged by how busy the machine is."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What dialogues are played with."""

    model: str
    prompts: Path | None = None
    """A folder with other prompts than the vertical's own."""

    @property
    def name(self) -> str:
        """As reports show it."""
        return self.model if self.prompts is None else f"{self.model} · {self.prompts.name}"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How dialogues are played."""

    base_url: str
    api_key: SecretStr
    at_once: int = 4
    timeout_seconds: float = 60
    """Of one response of the model."""
    patience_seconds: float = 300
    """Until an exchange has ended."""
    retry_seconds: float = 2
    """Until a model that gave no usable answer, or is out, is asked again."""
    repeat: int = 1
    """How often each dialogue is played: models do not always say the same."""


async def run_all(
    url: str,
    goldens: Sequence[Golden],
    variants: Sequence[Variant],
    options: RunOptions,
    on_judged: Callable[[Judged], None] = lambda _: None,
) -> list[Judged]:
    """Play and judge all dialogues with all variants in a scratch database.

    Each is given to `on_judged` when it has ended; all are returned in their order. Raises AdministrationError if a
    variant's prompts cannot be used.
    """
    for golden, variant in product(goldens, variants):
        _vertical(golden.business.profile, variant.prompts)
    wanted = [(golden, variant) for variant in variants for golden in goldens for _ in range(options.repeat)]
    places = asyncio.Semaphore(options.at_once)
    async with _opened(url, options) as equipment, asyncio.TaskGroup() as group:

        async def one(number: int, golden: Golden, variant: Variant) -> Judged:
            async with places:
                judged = await _one(equipment, _staged(golden, variant, options, number), variant)
            on_judged(judged)
            return judged

        tasks = [group.create_task(one(number, *pair)) for number, pair in enumerate(wanted)]
    return [task.result() for task in tasks]


@asynccontextmanager
async def _opened(url: str, options: RunOptions) -> AsyncIterator[Equipment]:
    """Open what dialogues are played with, and answer their turns."""
    settings = RunnerSettings(
        retry_seconds=options.retry_seconds, retry_max_seconds=_LONGEST_RETRY, context_part_seconds=_PART_SECONDS
    )
    model = ModelClient(
        ModelSettings(
            openai_base_url=options.base_url,
            openai_api_key=options.api_key,
            model_timeout_seconds=options.timeout_seconds,
            allowed_endpoints=_ANYWHERE,
        )
    )
    async with worker_pool(url, options.at_once * _CONNECTIONS + 1) as pool:
        engine = Engine(pool)
        desk = Desk(engine, options.at_once, settings.turn_limits)
        answering = asyncio.create_task(desk.run())
        try:
            hearing = Hearing(ReadingTable(pool, FileLibrary(pool, settings)))
            yield Equipment(engine, model, desk, hearing, settings, timedelta(seconds=options.patience_seconds))
        finally:
            await end_tasks(answering)
            await model.close()


def _staged(golden: Golden, variant: Variant, options: RunOptions, number: int) -> Staged:
    """Return a dialogue as an organization of its own."""
    settings = golden.settings_in(f"evaluation-{number}")
    aurora = settings.ai.aurora.model_copy(update={"model": variant.model})
    changes: dict[str, object] = {
        "model": variant.model,
        "aurora": aurora,
        "debounce_seconds": 0.0,
        "timeout_seconds": options.timeout_seconds,
    }
    if PLACEHOLDER in options.base_url:
        changes["base_url"] = options.base_url.replace(PLACEHOLDER, golden.name)
    message = settings.queues.message.model_copy(update={"backoff_seconds": options.retry_seconds})
    queues = settings.queues.model_copy(update={"message": message})
    settings = settings.model_copy(update={"ai": settings.ai.model_copy(update=changes), "queues": queues})
    return Staged(golden, settings, _vertical(settings.ai.profile, variant.prompts))


@cache
def _vertical(profile: str, prompts: Path | None) -> Vertical:
    """Return a vertical with its own prompts or others; raises AdministrationError for prompts that cannot be used."""
    vertical = Verticals().named(profile)
    if prompts is None:
        return vertical
    if not isinstance(vertical, Prompted):
        message = f"--prompts: the prompts of {profile} cannot be others"
        raise AdministrationError(message)
    try:
        return vertical.with_prompts(prompts)
    except PromptFileError as error:
        message = f"--prompts: {prompts}: {error}: use the variables of the vertical's own file of that name"
        raise AdministrationError(message) from error


async def _one(equipment: Equipment, staged: Staged, variant: Variant) -> Judged:
    golden = staged.golden
    played = await play(equipment, staged)
    return Judged(
        name=golden.name,
        title=golden.dialogue.title,
        skill=golden.dialogue.skill,
        intent=golden.dialogue.intent,
        file=str(golden.file),
        variant=variant.name,
        checks=judge(golden.dialogue, staged.settings, played),
        played=played,
    )
