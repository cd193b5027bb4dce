"""Messages that no turn asked for, from the command to the pod."""

import asyncio
import json

import pytest
from integration.ai.scene import CUSTOMER, Scene, settings_of, until

from oxy_ai.database import connected_pool
from oxy_ai.engine.outgoing import Destination, queue_message
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_core.envelopes import Lane, SendOutcome, SendResult


async def test_a_command_sends_to_customers_and_strangers(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        await scene.known(pod.settings)
        await pod.answer_to("Oi")
        sent = await asyncio.to_thread(scene.admin, "send", "petshop", "main", CUSTOMER, "Seu pet está pronto!")
        assert sent.returncode == 0, sent.stderr
        queued = json.loads(sent.stdout)
        await until(lambda: len(pod.sent) == 2)
        got = pod.sent[1]
        assert (str(got.id), got.text, got.lane) == (queued["id"], "Seu pet está pronto!", Lane.AUTOMATION)
        await until(lambda: scene.query("select from outbox having bool_and(state = 'sent')"))
        # It belongs to the customer's conversation, where the next turn reads it.
        assert len(await scene.query("select distinct conversation_id from messages")) == 1
        pod.results = False
        async with connected_pool(scene.database_url, connections=1) as pool:
            await queue_message(Engine(pool), to("+5511912349999"), "Olá")
            for wrong, complaint in ((to("11 98765-1111"), "not a phone number"), (to(instance="other"), "not known")):
                with pytest.raises(AdministrationError, match=complaint):
                    await queue_message(Engine(pool), wrong, "Olá")
        # No turn failed, yet the owner hears that a message did not arrive.
        await until(lambda: len(pod.sent) == 3)
        pod.report(SendResult(request_id=pod.sent[2].id, outcome=SendOutcome.FAILED, error="not on WhatsApp"))
        await until(lambda: len(pod.sent) == 4)


def to(phone: str = CUSTOMER, instance: str = "main") -> Destination:
    return Destination(organization="petshop", instance=instance, phone=phone)
