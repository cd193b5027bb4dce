"""Aurora acts once, on the plain yes of the owner who was asked, and says so; on anything else she does nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from integration.ai.engine_database import ORGANIZATION, Database
from integration.ai.owner import DAY, QUESTION, WORKER, Owner, audited, opened, states
from integration.ai.scene import OWNER, Scene, until
from integration.ai.test_perception import FAST, says
from psycopg.types.json import Jsonb

CLOSE = {"primeiro_dia": f"{DAY:%Y-%m-%d}"}


async def closed(scene: Scene) -> int:
    return int(await scene.value("select count(*) from overlays where kind = 'closed'"))


async def asked_to_close(owner: Owner, text: str) -> None:
    """Have the question asked whether the day is to be closed; nothing is closed yet."""
    await owner.scene.query("delete from overlays")
    await owner.is_asked(text, "fechar_dia", **CLOSE)
    assert await closed(owner.scene) == 0


async def test_a_yes_in_any_of_its_forms_acts_once(scene: Scene) -> None:
    async with opened(scene) as owner:
        await asked_to_close(owner, "fecha domingo")
        done = await owner.hears("Sim!")
        assert done.startswith("Pronto! ")
        assert await closed(scene) == 1
        assert (await owner.hears("sim")).startswith("Isso eu já tinha feito, uma vez só: Pronto! ")
        await asked_to_close(owner, "fecha de novo")
        assert (await owner.hears("👍🏽")).startswith("Pronto! ")
        await asked_to_close(owner, "fecha outra vez")
        before = len(owner.heard())
        await owner.reacts("😮")
        await until(lambda: scene.query("select from turns where reason = 'reaction'"))
        await owner.reacts("👍")
        assert (await owner.hears_next(before)).startswith("Pronto! ")
        await asked_to_close(owner, "fecha mais uma vez")
        assert (await owner.quotes("pode", await owner.question())).startswith("Pronto! ")
        assert await closed(scene) == 1
    assert await states(scene) == ["done"] * 4
    assert await audited(scene) == ["proposal_done"] * 4


async def test_anything_but_a_yes_does_nothing_and_the_owner_is_told(scene: Scene) -> None:
    async with opened(scene) as owner:
        await asked_to_close(owner, "fecha um")
        assert await owner.hears("não, obrigado") == "Tudo bem, deixei de lado. Não fiz nada. 👍"
        await asked_to_close(owner, "fecha dois")
        first = await owner.question()
        told = await owner.hears("sim, mas amanhã")
        assert told.startswith("Como você não respondeu com um sim, deixei de lado. Não fiz nada. Era isto: Vou fechar")
        assert (await owner.quotes("sim", first)).startswith("Essa pergunta não vale mais. Não fiz nada.")
        await asked_to_close(owner, "fecha três")
        assert "Não fiz nada" in await owner.quotes("sim", first)
        await asked_to_close(owner, "fecha quatro")
        before = len(owner.heard())
        await owner.reacts("👎")
        assert await owner.hears_next(before) == "Tudo bem, deixei de lado. Não fiz nada. 👍"
        await asked_to_close(owner, "fecha cinco")
        assert "Não fiz nada" in await owner.hears("sim", forwarded=True)
        await asked_to_close(owner, "fecha seis")
        await scene.query("update outbox set closed_at = closed_at - interval '11 minutes'")
        assert (await owner.hears("sim")).startswith("O prazo para confirmar passou. Não fiz nada.")
        assert await closed(scene) == 0
    assert await states(scene) == ["declined", "set_aside", "set_aside", "declined", "set_aside", "expired"]
    assert await audited(scene) == [f"proposal_{state}" for state in await states(scene)]


async def test_a_second_proposal_replaces_the_first(scene: Scene) -> None:
    async with opened(scene) as owner:
        await asked_to_close(owner, "fecha domingo")
        first = await owner.question()
        known = len(owner.heard())
        intent = await owner.is_asked("pausa um pouco", "pausar_assistente")
        assert intent.startswith("Vou parar de responder os clientes até você pedir para eu voltar.")
        assert "Não fiz nada. Era isto: Vou fechar" in owner.heard()[known]
        before = len(owner.heard())
        await owner.reacts("👍", first)
        await until(lambda: scene.query("select from messages where kind = 'reaction' and state = 'ignored'"))
        await owner.reacts("👍")
        assert (await owner.hears_next(before)).startswith("Pronto! Parei de responder")
        assert await closed(scene) == 0
        assert await scene.value("select settings -> 'ai' ->> 'paused' from instances") == "true"
    assert await states(scene) == ["set_aside", "done"]


async def test_a_yes_that_was_written_before_the_question_is_none(scene: Scene) -> None:
    async with opened(scene) as owner:
        await asked_to_close(owner, "fecha domingo")
        await scene.query("update outbox set closed_at = closed_at + interval '1 minute'")
        assert "Não fiz nada" in await owner.hears("sim")
    assert await closed(scene) == 0
    assert len(await scene.query(f"{QUESTION} where p.state = 'expired'")) == 1


async def test_silence_does_nothing_and_the_owner_is_told(scene: Scene) -> None:
    async with opened(scene) as owner:
        await asked_to_close(owner, "fecha domingo")
        before = len(owner.heard())
        await scene.query("update outbox set closed_at = closed_at - interval '11 minutes'")
        assert (await owner.hears_next(before)).startswith("O prazo para confirmar passou. Não fiz nada.")
        await owner.hears("sim")
        assert await closed(scene) == 0
    assert await states(scene) == ["expired"]


async def test_a_yes_may_be_spoken(scene: Scene) -> None:
    async with opened(scene, FAST) as owner:
        for words, then in (("Sim, mas só depois.", "Como você"), ("Sim. Pode fazer, por favor.", "Pronto! ")):
            await asked_to_close(owner, f"fecha domingo, {len(words)}")
            before = len(owner.heard())
            await says(scene, owner.pod, words, OWNER)
            assert (await owner.hears_next(before)).startswith(then)
        assert await closed(scene) == 1


@asynccontextmanager
async def unwritable(scene: Scene, table: str) -> AsyncIterator[None]:
    """A table that everybody may read, and nobody may write to."""
    connection = await asyncpg.connect(scene.admin_url)
    try:
        async with connection.transaction():
            await connection.execute(f"lock table {table} in share mode")
            yield
    finally:
        await connection.close()


async def cut_off(scene: Scene, table: str) -> None:
    """End the connection of whoever waits to write to a table, as if the worker were killed there."""
    waiting = "from pg_locks where relation = $1::regclass and not granted and mode = 'RowExclusiveLock'"
    await until(lambda: scene.query(f"select {waiting}", table))
    await scene.query(f"select pg_terminate_backend(pid) {waiting}", table)


async def test_a_worker_that_is_cut_off_leaves_an_act_undone_or_done_once(scene: Scene) -> None:
    hurried = {"lease_seconds": 1}
    async with opened(scene, hurried) as owner, scene.worker(**WORKER, **hurried):
        await asked_to_close(owner, "fecha domingo")
        before = len(owner.heard())
        async with unwritable(scene, "outbox"):
            async with unwritable(scene, "audit_log"):  # the act is made, and not committed
                owner.writes("sim")
                await cut_off(scene, "audit_log")
                assert await closed(scene) == 0
                assert await states(scene) == ["open"]
            await until(lambda: scene.query("select from proposals where state = 'done'"))
            await cut_off(scene, "outbox")  # it is committed, and nobody has been told
        owner.pod.publish_all_again()
        assert (await owner.hears_next(before)).startswith("Pronto! ")
        await until(lambda: not owner.pod.unpublished)
        await until(lambda: scene.query("select from conversations having bool_and(due_at is null)"))
    assert len(owner.heard()) == before + 1
    assert await closed(scene) == 1
    assert await audited(scene) == ["proposal_done"]


def proposed(database: Database, turn: int, **arguments: str) -> bool:
    document = {"tool": "fechar_dia", "arguments": arguments, "intent": "Vou fechar."}
    kept: bool = database.value("prepare_proposal(%s, %s, %s)", ORGANIZATION, turn, Jsonb(document))
    return kept


def called(database: Database, turn: int, number: int, *arguments: str) -> None:
    calls = [{"id": text, "name": "fechar_dia", "arguments": text} for text in arguments]
    database.rows(
        "insert into turn_steps (organization_id, turn_id, round, response) values (%s, %s, %s, %s)",
        *(ORGANIZATION, turn, number, Jsonb({"tool_calls": calls})),
    )


def test_a_proposal_is_corrected_and_one_of_two_at_once_has_to_wait(engine: Database) -> None:
    conversation = engine.conversation()
    engine.received(conversation, 1)
    turn = engine.turn(conversation)
    for number, days in enumerate((["sexta"], ["sábado"])):
        called(engine, turn, number, *days)
        assert proposed(engine, turn, dia=days[0]) is True
    called(engine, turn, 2, "sábado", "domingo")
    assert [proposed(engine, turn, dia=day) for day in ("sábado", "domingo")] == [True, False]
    assert engine.rows("select arguments ->> 'dia', more from proposals") == [("sábado", True)]


def test_a_yes_waits_for_nothing_unheard_and_a_turn_that_dies_leaves_its_question_unanswered(engine: Database) -> None:
    conversation = engine.conversation()
    engine.received(conversation, 1, 2)
    engine.rows("update messages set awaited_until = now() + interval '1 minute' where whatsapp_id = 'W2'")
    turn = engine.turn(conversation)
    proposed(engine, turn, dia="sexta")
    engine.rows("update proposals set state = 'open', answer_turn = turn_id")
    may = "may_carry_out(c, p.turn_id, p.id) from conversations c, proposals p"
    assert engine.value(may) is False
    engine.rows("delete from messages where whatsapp_id = 'W2'")
    assert engine.value(may) is True
    for ended, unanswered in ((None, False), ("dead", True)):
        if ended:
            engine.rows("update turns set state = %s, finished_at = now()", ended)
        assert engine.value("is_unanswered(p) from proposals p") is unanswered
