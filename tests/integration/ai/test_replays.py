"""A dead letter that a person replays is answered, or the answer says why not; it never just vanishes."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web
from integration.ai.endpoint import refusing, running_endpoint, saying
from integration.ai.scene import APOLOGY, CUSTOMER, FakePod, Scene, settings_of, until

OTHER = "+5511912340002"
HIDDEN = "98765@lid"


@dataclass
class Grave:
    """A scene in which each turn dies until `healed` is set."""

    scene: Scene
    pod: FakePod
    healed: bool = False

    async def react(self, request: web.Request) -> web.StreamResponse:
        return await (saying("Tudo certo.") if self.healed else refusing(400))(request)

    async def dead(self, phone: str = CUSTOMER) -> int:
        """A dead turn of this customer."""
        assert await self.pod.answer_to("Oi", phone) == APOLOGY
        turn: int = await self.scene.value("select max(id) from turns where state = 'dead'")
        return turn

    async def replay(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        self.healed = True
        done = await asyncio.to_thread(self.scene.admin, "dlq", "replay", *arguments)
        assert done.returncode == 0, done.stderr
        return done


@asynccontextmanager
async def running(scene: Scene, **changes: object) -> AsyncIterator[Grave]:
    grave = Grave(scene, await scene.pod(settings_of("petshop", **changes)))
    async with (
        running_endpoint(grave.react) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url, replays_check_seconds=0.1),
    ):
        yield grave


def documents(done: "subprocess.CompletedProcess[str]") -> list[dict[str, object]]:
    """What a command printed, a document a line."""
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_a_replay_during_a_takeover_waits_for_its_end(scene: Scene) -> None:
    async with running(scene) as grave:
        turn = await grave.dead()
        for text in ("Já te respondo", "Um momento"):
            grave.pod.person_writes(text)
        await until(lambda: scene.query("select from messages where author = 'phone' having count(*) = 2"))
        done = await grave.replay(f"turn:petshop:{turn}")
        assert "a person is writing to the customer" in json.loads(done.stdout)["message"]
        grave.pod.person_writes("Pronto")
        await until(lambda: scene.query("select from messages where author = 'phone' having count(*) = 3"))
        await scene.query(
            "update conversations set due_at = now() + interval '1 second', human_until = now() + interval '2 seconds'"
        )
        await scene.query("update org_queue set ready_at = now()")
        await until(lambda: len(grave.pod.answers_to(CUSTOMER)) == 2)
    assert grave.pod.answers_to(CUSTOMER) == [APOLOGY, "Tudo certo."]
    assert grave.pod.sent[-1].based_on is None
    assert await scene.value("select state from turns") == "answered"


async def test_a_replayed_message_is_never_too_old(scene: Scene) -> None:
    async with running(scene, max_answer_age_seconds=3_600) as grave:
        turn = await grave.dead()
        await scene.query("update messages set arrived_at = arrived_at - interval '1 day'")
        await grave.replay(f"turn:petshop:{turn}")
        await until(lambda: len(grave.pod.answers_to(CUSTOMER)) == 2)


async def test_a_replay_goes_on_in_the_conversation_into_which_its_own_was_merged(scene: Scene) -> None:
    async with running(scene) as grave:
        turn = await grave.dead()
        grave.healed = True
        grave.pod.receive("Oi de novo", chat=HIDDEN, sender=HIDDEN)
        await until(lambda: len(grave.pod.sent) >= 2)
        grave.pod.receive("Oi outra vez", chat=HIDDEN, sender=HIDDEN, chat_alias="5511912340001@s.whatsapp.net")
        await until(lambda: scene.query("select from conversations where merged_into is not null"))
        await until(lambda: scene.query("select from outbox having count(*) filter (where state = 'sent') >= 3"))
        before = len(grave.pod.sent)
        assert (await grave.replay(f"turn:petshop:{turn}")).returncode == 0
        await until(lambda: len(grave.pod.sent) > before)
        await until(lambda: scene.query("select from turns where id = $1 and state = 'answered'", turn))


@pytest.mark.parametrize("wanted", [(), ("--organization", "petshop"), ("--instance", "main")])
async def test_all_are_replayed_but_those_that_a_person_has_answered(scene: Scene, wanted: tuple[str, ...]) -> None:
    async with running(scene) as grave:
        await grave.dead()
        await grave.dead(OTHER)
        grave.pod.person_writes("Oi! Aqui é a Bia.", OTHER)
        await until(lambda: scene.query("select from messages where author = 'phone'"))
        done = await grave.replay("--all", *wanted)
        await until(lambda: len(grave.pod.answers_to(CUSTOMER)) == 2)
    assert [action["outcome"] for action in documents(done)] == ["replayed", "answered"]
    assert grave.pod.answers_to(OTHER) == [APOLOGY]


async def test_only_those_that_were_asked_for_are_replayed(scene: Scene) -> None:
    another = settings_of("petshop", "another")
    async with running(scene) as grave:
        await scene.publish(another)
        await scene.known(another)
        await grave.dead()
        done = await grave.replay("--all", "--instance", "another")
    assert (done.returncode, documents(done)) == (0, [])


async def test_to_replay_all_of_an_unknown_organization_or_instance_is_an_error(scene: Scene) -> None:
    settings = settings_of("petshop")
    await scene.pod(settings)
    async with scene.worker():
        await scene.known(settings)
        for wanted, named in (
            (("--organization", "nope"), "organization 'nope' is not known;"),
            (("--instance", "nope"), "instance 'nope' is not known;"),
            (("--organization", "petshop", "--instance", "nope"), "'nope' is not known in organization 'petshop';"),
            (("--organization", "nope", "--instance", "main"), "organization 'nope' is not known;"),
        ):
            done = await asyncio.to_thread(scene.admin, "dlq", "replay", "--all", *wanted)
            assert (done.returncode, named in done.stderr) == (2, True), done.stderr


async def test_turns_of_one_conversation_are_replayed_one_after_the_other_through_a_takeover(scene: Scene) -> None:
    async with running(scene) as grave:
        turns = [await grave.dead()]
        for number in (2, 3):  # the customer is told once
            grave.pod.receive("E então?")
            await until(lambda: scene.query("select from turns where state = 'dead' having count(*) = $1", number))  # noqa: B023 awaited at once
            turns.append(await scene.value("select max(id) from turns"))
        grave.pod.person_writes("Já te respondo")
        await until(lambda: scene.query("select from messages where author = 'phone'"))
        first = [json.loads((await grave.replay(f"turn:petshop:{turn}")).stdout) for turn in turns]
        assert [action["outcome"] for action in first] == ["replayed", "queued", "queued"]
        assert "keeps its place" in first[1]["message"]
        listed = documents(await asyncio.to_thread(scene.admin, "dlq", "ls", "--kind", "turn"))
        assert [(letter["id"], letter["replay"]) for letter in listed] == [
            (f"turn:petshop:{turn}", "queued") for turn in turns[1:]
        ]
        again = await grave.replay("--all", "--organization", "petshop")
        assert [action["outcome"] for action in documents(again)] == ["queued"] * 2
        await scene.query("update conversations set due_at = now(), human_until = now()")
        await scene.query("update org_queue set ready_at = now()")
        await until(lambda: scene.query("select from turns where state = 'answered' having count(*) = 3"))
    order = await scene.query("select turn_id from outbox where part = 0 order by position")
    assert [row["turn_id"] for row in order] == turns
