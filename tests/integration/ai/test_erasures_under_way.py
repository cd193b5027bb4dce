"""A person is forgotten while work is under way: nothing of what ends or arrives later is kept."""

import json
from typing import Any
from uuid import UUID

from aiohttp import web
from integration.ai.endpoint import running_endpoint, saying
from integration.ai.owner import WORKER as OWNERS
from integration.ai.owner import Owner, states
from integration.ai.scene import CUSTOMER, OWNER, FakePod, Scene, settings_of, until
from integration.ai.test_erasures import LID, NAME, NEEDLES, SECRET, WORKER, ana, answered, erased, forget, is_drained
from integration.ai.test_files import QUICK, arrive
from integration.ai.test_perception import announce
from integration.ai.traces import traces

from oxy_core import subjects
from oxy_core.content import FileOffered
from oxy_core.envelopes import WAITED_HEADER
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind

OF_ANA: dict[str, Any] = {"chat": LID, "chat_alias": Jid.of_phone(CUSTOMER), "push_name": NAME}
WITHDRAWN = "Não fiz nada: era sobre alguém que pediu para ser esquecido, e já não tenho os dados dessa pessoa."
BEFORE = {WAITED_HEADER: "600"}
"""Of a report that was written before Ana was forgotten."""


async def is_clean(scene: Scene) -> bool:
    return not await traces(scene, NEEDLES)


async def comes_late(scene: Scene, pod: FakePod, *, version: int | None = None, **changes: object) -> None:
    """A report of a message of Ana's arrives that was written long ago; of a `version` that nobody can read yet."""
    report = pod.report(pod.message("o azul, atrasado", CUSTOMER, **OF_ANA, **changes))
    pod.journal.reports.remove(report)
    document = json.loads(report.encode()) | ({} if version is None else {"version": version})
    await publish(scene, pod, json.dumps(document).encode())


async def publish(scene: Scene, pod: FakePod, data: bytes) -> None:
    subject = subjects.inbound(pod.settings.account, pod.settings.instance)
    await scene.client.jetstream().publish(subject, data, headers=BEFORE)


async def state_of(scene: Scene, file: UUID) -> str | None:
    rows = await scene.query("select state from media where id = $1", file)
    return rows[0]["state"] if rows else None


async def test_what_waits_or_comes_after_a_person_was_forgotten_leaves_no_trace(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(**WORKER, **OWNERS, **QUICK):
        await scene.known(pod.settings)
        await scene.apply_catalog("petshop")
        ana(pod, SECRET)
        await answered(pod, 1)
        owner = Owner(scene, pod)
        intent = await owner.is_asked("assume a conversa dela", "assumir_conversa", cliente=CUSTOMER)
        assert NAME in intent
        announced = announce(pod, MessageKind.DOCUMENT, CUSTOMER, **OF_ANA)
        stored = await arrive(scene, pod, b"a chave azul")  # its message is late
        await until(lambda: state_of(scene, announced))
        await until(lambda: scene.query("select from media where id = $1 and state = 'stored'", stored))
        await forget(scene)
        await until(lambda: erased(scene))
        assert await states(scene) == ["undone"]
        await arrive(scene, pod, b"o portao azul", file=announced)
        await comes_late(scene, pod, file=FileOffered(id=stored, mime="text/plain", size=12))
        await comes_late(scene, pod, version=99)
        await publish(scene, pod, f'{{"body": {{"chat": "{LID}", "text": "o azul ilegível"}}}}'.encode())
        await publish(scene, pod, f"o azul cortado, de {LID}".encode())
        pod.publish_all_again()
        await until(lambda: pod.unpublished == 0)
        await until(lambda: is_drained(scene))
        await until(lambda: is_clean(scene))
        assert {await state_of(scene, announced), await state_of(scene, stored)} == {"deleted"}
        # Whoever agrees to what was asked hears why nothing is done.
        assert await owner.hears("sim") == WITHDRAWN
        assert await is_clean(scene)
    assert await scene.value("select ledger_violations('0 s')") == 0


async def test_an_owners_turn_that_is_under_way_is_waited_for(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))

    async def answer_ana(request: web.Request) -> web.StreamResponse:
        return await saying("Pois não?")(request)

    async def answer_owner(request: web.Request) -> web.StreamResponse:
        """Ana is forgotten while the model, which was told of her, answers."""
        assert (await forget(scene)).waits_for == "platform"
        return await saying(f"A {NAME} escreveu hoje.")(request)

    async with (
        running_endpoint(answer_ana, answer_owner) as endpoint,
        scene.worker(**WORKER, openai_base_url=endpoint.base_url),
    ):
        await scene.known(pod.settings)
        ana(pod, SECRET)
        await answered(pod, 1)
        pod.receive(f"E a {NAME}?", OWNER)
        await until(lambda: erased(scene))
        assert any(NAME in text for text in pod.texts_to(OWNER))
        assert await is_clean(scene)
