"""People take conversations over and hand them back, through the whole engine."""

from integration.ai.scene import CUSTOMER, OWNER, FakePod, Scene, settings_of, until

from oxy_ai.assistants.people import People, person_will_answer

TOLD = person_will_answer(People(told=True))
ASKS = "Quero falar com um atendente"


def escalates(**changes: str) -> tuple[dict[str, object], ...]:
    """Rules by which the model calls a person when the customer asks for one."""
    arguments = {"motivo": "cliente_pediu", "urgencia": "normal", "resumo": "quer falar do banho de sábado"} | changes
    return (
        {"user": "atendente", "calls": [{"tool": "escalar_para_humano", "arguments": arguments}]},
        {"user": "atendente", "after": "escalar_para_humano", "reply": "Claro, vou chamar alguém."},
    )


async def test_a_hand_over_tells_both_sides_silences_the_assistant_and_ends_by_bot(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.script(*escalates(), {"user": "voce voltou", "reply": "Voltei!"})
    async with scene.worker():
        assert await pod.answer_to(ASKS) == f"Claro, vou chamar alguém.\n\n{TOLD}"
        [notice] = await until(lambda: pod.answers_to(OWNER))
        assert f"• Ana ({CUSTOMER}): pediu para falar com uma pessoa. Resumo: quer falar do banho de sábado" in notice
        assert "#bot" in notice
        pod.receive("Alguém aí? Você voltou?")
        await until(lambda: scene.query("select from messages where body like 'Alguém%'"))
        assert len(pod.answers_to(CUSTOMER)) == 1
        assert await scene.value("select due_at = human_until from conversations where contact_id = 1") is True
        pod.person_writes(" # BOT ")
        assert await answers(pod, 2) == "Voltei!"
    assert [dict(row) for row in await scene.query("select ended, reason, urgency from hand_overs")] == [
        {"ended": "handed_back", "reason": "asked", "urgency": "normal"}
    ]
    assert all("BOT" not in body for body in await scene.model.bodies())


async def answers(pod: FakePod, number: int) -> str:
    """Wait for the customer's answer with this number and return it."""
    await until(lambda: len(pod.answers_to(CUSTOMER)) == number)
    return pod.answers_to(CUSTOMER)[-1]
