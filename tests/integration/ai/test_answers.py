import asyncio

import pytest

from integration.ai.scene import CUSTOMER, OWNER, Scene, settings_of, until


async def test_a_message_gets_exactly_one_answer(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        assert (await pod.answer_to("Oi, tudo bem?")).startswith("Olá!")
        await until(lambda: scene.query("select from outbox where state = 'sent'"))
    assert len(pod.sent) == 1
    assert await scene.value("select count(*) from messages where author = 'assistant'") == 1
