"""Messages that no turn asked for, from the command to the pod."""

import asyncio

import pytest
from integration.ai.scene import CUSTOMER, Scene, settings_of, until

from oxy_ai.database import connected_pool
from oxy_ai.engine.send_orders import ReceivedOrder, carry_out
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_core.envelopes import Lane, SendOutcome, SendResult
from oxy_core.outbound import SendRefusal
from oxy_core.send_command import SendAnswer, SendOrder, SendState


def order(text: str, phone: str = CUSTOMER, **changes: object) -> SendOrder:
    values = {"organization": "petshop", "instance": "main", "phone": phone, "text": text}
    return SendOrder.model_validate(values | changes)


async def test_a_command_sends_to_customers_and_strangers(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(), connected_pool(scene.database_url, connections=1) as pool:
        await scene.known(pod.settings)
        await pod.answer_to("Oi")
        command = order("Seu pet está pronto!", wait_seconds=30).model_dump_json()
        ended = await asyncio.to_thread(scene.admin, "send", stdin=command + "\n")
        assert ended.returncode == 0, ended.stderr
        answer, got = SendAnswer.model_validate_json(ended.stdout), pod.sent[1]
        assert (answer.id, answer.state) == (got.id, SendState.SENT)
        assert (got.text, got.lane) == ("Seu pet está pronto!", Lane.AUTOMATION)
        # It belongs to the customer's conversation, where the next turn reads it.
        assert len(await scene.query("select distinct conversation_id from messages")) == 1

        pod.results = False
        answering = asyncio.create_task(
            carry_out(Engine(pool), ReceivedOrder(order("Olá", "+5511912349999", wait_seconds=30), b""))
        )
        await until(lambda: len(pod.sent) == 3)
        failed = SendResult(
            request_id=pod.sent[2].id,
            outcome=SendOutcome.FAILED,
            refusal=SendRefusal.NOT_ON_WHATSAPP,
            error="the number has no account",
        )
        pod.report(failed)
        answer = await answering
        assert (answer.state, answer.refusal, answer.error) == (SendState.FAILED, failed.refusal, failed.error)
        # No turn failed, yet the owner hears of it.
        await until(lambda: len(pod.sent) == 4)

        with pytest.raises(AdministrationError, match="not known"):
            await carry_out(Engine(pool), ReceivedOrder(order("Olá", instance="other"), b""))
