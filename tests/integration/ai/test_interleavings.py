"""However many workers store the same journals, in whatever order: the same conversations, in the same state."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random, randrange
from typing import Any

import pytest
from aiohttp import web
from integration.ai.endpoint import Endpoint, completion, running_endpoint
from integration.ai.journals import apply, ingest
from integration.ai.random_journals import RandomJournals, TwoAddresses, handed_out
from integration.ai.scene import Scene, settings_of, until

from oxy_ai.database import connected_pool
from oxy_ai.engine.store import Engine
from oxy_core.envelopes import MessageSeen, Report
from oxy_core.instance.settings import AiSettings

EXAMPLES = int(os.environ.get("OXY_TEST_JOURNALS", "25"))
WORKERS = (1, 2, 5)
IN_ORDER = 0
"""In place of a number of workers: one worker stores one report after the other, each once."""
CONNECTIONS = 10
LONG = 80_000
HELD = AiSettings(debounce_seconds=LONG, debounce_max_seconds=LONG, takeover_minutes=0, context_messages=50)
"""Nothing is due until the test says so; then all that a person has not answered is."""
LET_GO = (
    "update conversations set due_at = now() where due_at is not null",
    "update org_queue set ready_at = now()",
)
LINES = """
select conversation_id, author, whatsapp_id, state::text from messages where author <> 'assistant' order by place
"""
ANSWERS = "select chat, based_on, body from outbox where part = 0"
OPEN = "select from messages where state = 'open'"

Line = tuple[str, str, str | None]
"""Author, message as chat.number, state."""
Prompt = list[tuple[str, str]]
"""Role and text of each message but the system's."""


@dataclass
class Outcome:
    """What became of one example in one run."""

    conversations: list[list[Line]] = field(default_factory=list)
    """Each in the order of its messages; by first message."""
    prompts: list[Prompt] = field(default_factory=list)
    """By last message."""
    answers: list[tuple[str, int, str]] = field(default_factory=list)
    """Address, the number that it is based on, text; by text."""


@pytest.mark.long
async def test_any_interleaving_leads_to_the_state_of_the_order(scene: Scene) -> None:
    seed = int(os.environ.get("OXY_TEST_SEED", randrange(2**32)))
    print(f"interleavings: OXY_TEST_SEED={seed}")  # noqa: T201 a failure can be repeated
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    examples = [Example(seed, number, began) for number in range(EXAMPLES)]
    async with running_endpoint(echo) as model, connected_pool(scene.database_url, connections=CONNECTIONS) as pool:
        async with asyncio.TaskGroup() as storing:
            for example in examples:
                for workers in (IN_ORDER, *WORKERS):
                    storing.create_task(example.store(Engine(pool), workers))
        for statement in LET_GO:
            await scene.query(statement)
        async with scene.worker(openai_base_url=model.base_url, turns_per_second=0, concurrency=8):
            await until(lambda: nothing_is_open(scene), 120)
        outcomes = sorted_out(await scene.query(LINES), model, await scene.query(ANSWERS))
    assert any(outcomes[example.name(IN_ORDER)].answers for example in examples)
    for example in examples:
        in_order = outcomes[example.name(IN_ORDER)]
        assert in_order.conversations == example.foreseen(), f"{example}: in order"
        for workers in WORKERS:
            assert outcomes[example.name(workers)] == in_order, f"{example}: {workers} workers"


@dataclass
class Example:
    """The same journals for each way of storing them."""

    seed: int
    number: int
    began: datetime

    def name(self, workers: int) -> str:
        return f"petshop-{self.number}-by-{workers}"

    def journals(self, workers: int) -> RandomJournals:
        settings = settings_of(self.name(workers), ai=HELD, account=f"A{self.number:050}{workers:05}")
        return RandomJournals(settings, Random(f"{self.seed}/{self.number}"), self.name(workers), self.began)

    async def store(self, engine: Engine, workers: int) -> None:
        journals = self.journals(workers)
        await apply(engine, journals.settings)
        if workers == IN_ORDER:
            dealt = [[[report] for report in journals.reports]]
        else:
            dealt = handed_out(journals.reports, workers, Random(f"{self.seed}/{self.number}/{workers}"))
        async with asyncio.TaskGroup() as storing:
            for batches in dealt:
                storing.create_task(self._store(engine, journals.settings.account, batches))

    async def _store(self, engine: Engine, account: str, batches: list[list[Report]]) -> None:
        for batch in batches:
            assert set(await ingest(engine, account, batch)) <= {"stored", "duplicate"}

    def foreseen(self) -> list[list[Line]]:
        """Return what must become of the messages, from the journals alone."""
        journals = self.journals(IN_ORDER)
        conversations: dict[str, list[Report]] = defaultdict(list)
        for report in journals.reports:
            conversations[conversation_of(report, journals.chats)].append(report)
        return sorted([line_of(report, reports) for report in reports] for reports in conversations.values())


def conversation_of(report: Report, chats: list[TwoAddresses]) -> str:
    """Return the chat, and its address if nobody ever learned that it has two."""
    seen = body(report)
    chat = chats[int(seen.whatsapp_id.split(".")[1])]
    return str(chat.hidden if chat.linked else seen.chat)


def line_of(report: Report, conversation: list[Report]) -> Line:
    seen = body(report)
    name = seen.whatsapp_id.partition(".")[2]
    if seen.from_me:
        return ("phone", name, None)
    if seen.text is None or seen.kind == "undecryptable":
        return ("customer", name, "lost")
    answered = any(body(other).from_me and answers(other, report) for other in conversation)
    return ("customer", name, "person" if answered else "answered")


def answers(own: Report, asked: Report) -> bool:
    """Whether a person's message answers a customer's: by place in one journal, by time across journals."""
    if own.journal_epoch == asked.journal_epoch:
        return own.journal_sequence > asked.journal_sequence
    return body(own).sent_at >= body(asked).sent_at


def body(report: Report) -> MessageSeen:
    assert isinstance(report.body, MessageSeen)
    return report.body


async def echo(request: web.Request) -> web.StreamResponse:
    return web.json_response(completion({"content": (await request.json())["messages"][-1]["content"]}))


async def nothing_is_open(scene: Scene) -> bool:
    return not await scene.query(OPEN)


def sorted_out(
    rows: Iterable[Mapping[str, Any]], model: Endpoint, answers: Iterable[Mapping[str, Any]]
) -> dict[str, Outcome]:
    """Return the outcomes by the name of their run."""
    outcomes: dict[str, Outcome] = defaultdict(Outcome)
    conversations: dict[int, list[tuple[str, str, str | None]]] = defaultdict(list)
    for row in rows:
        conversations[row["conversation_id"]].append((row["author"], row["whatsapp_id"], row["state"]))
    for lines in conversations.values():
        run = lines[0][1].partition(".")[0]
        outcomes[run].conversations.append([(who, name.partition(".")[2], state) for who, name, state in lines])
    for request in model.requests:
        said = [(str(m["role"]), str(m["content"])) for m in request["messages"] if m["role"] != "system"]
        run = said[-1][1].partition(".")[0]
        outcomes[run].prompts.append([(role, text.replace(run, "")) for role, text in said])
    for answer in answers:
        run, _, text = answer["body"].partition("\n\n🤖")[0].partition(".")
        outcomes[run].answers.append((answer["chat"], answer["based_on"], text))
    for outcome in outcomes.values():
        outcome.answers.sort(key=lambda answer: answer[-1])
        outcome.conversations.sort()
        outcome.prompts.sort(key=lambda prompt: prompt[-1])
    return outcomes
