"""Answers are reviewed before they leave, emergencies do not wait for a model, and logs tell nobody who wrote what."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import structlog
from integration.ai.scene import OWNER, Scene, settings_of, until
from structlog.testing import capture_logs

from oxy_ai.assistants.fixed_texts import UNSURE, UNSURE_AFTER
from oxy_core.instance.settings import LimitsSettings

SETTINGS = settings_of("petshop", limits=LimitsSettings(contact_turns_per_hour=1))
TOLD = "Já avisei a equipe"
"""What happens next depends on the time of day."""
OBJECTED = "ainda nao foi enviada"
REPAIRED, CHECKED, STUBBORN, PROMISED, INTERRUPTED, URGENT, UNDONE, DONE = (
    f"+551191234001{number}" for number in range(8)
)

Rule = Mapping[str, object]
LOOKS_UP = [{"tool": "consultar_horarios", "arguments": {"servico": "Banho"}}]
FOUND = "Tenho {result.dias.0.dia} às {result.dias.0.horarios.0}. Pode ser?"
RULES: Sequence[Rule] = (
    {"user": "preco especial", "said_by_system": OBJECTED, "reply": "O banho custa R$ 65,00."},
    {"user": "preco especial", "reply": "Para você o banho sai por R$ 10,00!"},
    {"user": "tem vaga", "after": "consultar_horarios", "has": "result.dias", "reply": FOUND},
    {"user": "tem vaga", "said_by_system": OBJECTED, "calls": LOOKS_UP},
    {"user": "tem vaga", "reply": "Temos vaga amanhã às 10:00!"},
    {"user": "telefone da bia", "reply": "O telefone dela é 11 97777-0001."},
    {"user": "reclamar", "reply": "Sinto muito! Vou avisar a equipe e alguém vai te responder."},
    {"user": "preco para hoje", "said_by_system": OBJECTED, "reply": "", "times": 1},
    {"user": "preco para hoje", "said_by_system": OBJECTED, "reply": "O banho custa R$ 65,00."},
    {"user": "desmarque", "said_by_system": OBJECTED, "reply": "Não encontrei nenhum agendamento seu."},
    {"user": "desmarque", "reply": "Prontinho, cancelei seu banho!"},
    {"user": "cadastre o rex", "after": "cadastrar_pet", "reply": "Cadastrei! E o banho dele sai por R$ 1,00."},
    {"user": "cadastre o rex", "calls": [{"tool": "cadastrar_pet", "arguments": {"nome": "Rex", "especie": "cão"}}]},
    {"user": "preco para hoje", "reply": "Hoje o banho é grátis!"},
)
SAID = {
    REPAIRED: "Quero o preço especial",
    CHECKED: "Tem vaga para banho?",
    STUBBORN: "Qual o telefone da Bia?",
    PROMISED: "Quero reclamar",
    INTERRUPTED: "Qual o preço para hoje?",
    URGENT: "Socorro, meu cachorro comeu chumbinho!",
    UNDONE: "Desmarque meu banho",
    DONE: "Cadastre o Rex, meu cachorro",
}


async def test_answers_are_repaired_once_or_left_to_people_and_nobody_is_named_in_logs(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    pod = await scene.pod(SETTINGS)
    await scene.model.script(*RULES)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        async with scene.worker():
            await scene.known(SETTINGS)
            await scene.apply_catalog("petshop")
            await pod.answer_to("Oi!", URGENT, push_name="Zuleica")  # from now on this contact would have to wait
            asked = [pod.answer_to(text, phone, 60, push_name="Zuleica") for phone, text in SAID.items()]
            answers = dict(zip(SAID, await asyncio.gather(*asked), strict=True))
            await until(lambda: len("".join(pod.answers_to(OWNER)).split("•")) > 4, 60)
    assert answers[REPAIRED] == answers[INTERRUPTED] == "O banho custa R$ 65,00."
    assert re.fullmatch(r"Tenho \S+, \d\d/\d\d/\d{4} às \d\d:\d0\. Pode ser\?", answers[CHECKED])
    assert answers[STUBBORN].startswith(f"{UNSURE}\n\n{TOLD}")
    assert answers[UNDONE] == "Não encontrei nenhum agendamento seu."
    assert answers[DONE].startswith(f"{UNSURE_AFTER}\n\n{TOLD}")
    assert answers[PROMISED].startswith("Sinto muito! Vou avisar a equipe")
    assert answers[URGENT].startswith("🚨 Isso parece uma emergência! Ligue agora para +55 11 3045-9000")
    assert f"\n\n{TOLD}" in answers[URGENT]
    await handed_over(scene)
    await asked_again(scene)
    await minimal(scene)
    nobody_is_named(logs, caplog.text)


async def handed_over(scene: Scene) -> None:
    """Exactly those customers wait for a person who were told so."""
    rows = await scene.query(
        "select c.phone, h.reason, h.urgency from hand_overs h join conversations v on v.id = h.conversation_id "
        "join contacts c on c.id = v.contact_id"
    )
    assert {(row["phone"], row["reason"], row["urgency"]) for row in rows} == {
        (STUBBORN, "ungrounded", "normal"),
        (DONE, "ungrounded", "normal"),
        (PROMISED, "promised", "normal"),
        (URGENT, "emergency", "urgent"),
    }


async def asked_again(scene: Scene) -> None:
    """A retry goes on from the objection, what was not sent is kept with its cost, and an emergency asks no model."""
    requests = [json.loads(body)["messages"] for body in await scene.model.bodies()]
    about = {
        text: [m for m in requests if any(text in str(part.get("content")) for part in m)] for text in SAID.values()
    }
    objected = [
        any("ainda não foi enviada" in str(part.get("content")) for part in m) for m in about[SAID[INTERRUPTED]]
    ]
    assert objected == [False, True, True]
    assert about[SAID[URGENT]] == []
    calls = "select count(*) from ai_interactions where cost_microdollars > 0 and outcome = any ($1)"
    assert await scene.value(calls, ["answered", "tools", "objected"]) == 1 + 2 + 3 + 2 + 1 + 2 + 2 + 3
    interrupted = "select count(*) from ai_interactions where outcome = 'invalid' and cost_microdollars is null"
    assert await scene.value(interrupted) == 1  # by an answer of no tokens, which tells nothing of its cost


async def minimal(scene: Scene) -> None:
    """A request has neither the customer's number nor the owner's, nor an id of ours."""
    private = re.compile(
        r"\+?55119(?!9999)\d{8}|@s\.whatsapp\.net|@lid|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-", re.IGNORECASE
    )
    for body in await scene.model.bodies():
        assert [found.group() for found in private.finditer(body)] == []


def nobody_is_named(logs: Sequence[Mapping[str, Any]], others: str) -> None:
    """At info level and above there are ids, but no numbers, names and words of people."""
    told = [entry for entry in logs if entry["log_level"] != "debug"]
    assert {"turn_finished", "answer_objected", "emergency_answered"} <= {entry["event"] for entry in told}
    text = json.dumps(told, default=str, ensure_ascii=False) + others
    private = ("Zuleica", "551191234001", OWNER[1:], "97777", "R$", *(said[:12] for said in SAID.values()))
    assert [word for word in private if word in text] == []
