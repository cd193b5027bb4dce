"""Campaigns through the whole engine: drafted, approved, each recipient written to once, counted."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from integration.ai.owner import Owner, opened, wishing
from integration.ai.scene import Scene, until
from integration.ai.test_proactive import PACE, limits

PHONES = [f"+55119123400{number:02d}" for number in range(1, 6)]
DRAFT = {
    "nome": "Saudade",
    "texto": "Oi, {nome}! Saudade de {pet|você}. 🐾",
    "segmento": {},
}
WAY_OUT = "\n\nSe não quiser mais receber mensagens assim, é só responder *sair*."


@asynccontextmanager
async def running(scene: Scene, **changes: object) -> AsyncIterator[Owner]:
    """An owner whose number may write, and his customers, who wrote once."""
    async with opened(scene, PACE, limits=limits(**changes)) as owner:
        for number, phone in enumerate(PHONES[:3]):
            await owner.pod.answer_to("Oi", phone, push_name=f"Ana{number} Souza".replace("0", "").replace("1", "bela"))
        yield owner


async def texts(owner: Owner, phone: str) -> list[str]:
    return [text for text in owner.pod.texts_to(phone) if text.startswith("Oi, ")]


async def drafted(owner: Owner, **changes: object) -> None:
    """A campaign that Aurora has kept as a draft."""
    [call, reply] = wishing("bola uma campanha", "sugerir_campanha", "Guardei.")
    call["calls"] = [{"tool": "sugerir_campanha", "arguments": json.dumps(DRAFT | changes)}]  # braces as they are
    await owner.scene.model.script(call, reply)
    assert (await owner.hears("bola uma campanha")).endswith("Guardei.")


async def test_an_owner_has_a_campaign_sent_paused_and_told(scene: Scene) -> None:
    async with running(scene) as owner:
        await scene.query("update contacts set opt_out = 'proactive' where phone = $1", PHONES[2])
        await scene.query(
            "insert into pets (organization_id, contact_id, name) select organization_id, id, 'Rex' from contacts "
            "where phone = $1",
            PHONES[0],
        )
        await drafted(owner)
        intent = await owner.is_asked("pode mandar", "enviar_campanha", campanha="saudade")
        assert intent.startswith(
            "Vou enviar a campanha “Saudade” para 2 clientes (todos os clientes), aos poucos, no máximo 200 por dia, "
        )
        assert "Ficam de fora: 1 cliente que não quer mensagens." in intent
        assert (await owner.hears("sim")).startswith(
            "Pronto! A campanha “Saudade” foi aprovada: 2 clientes recebem aos poucos"
        )
        await until(lambda: owner.pod.texts_to(PHONES[1])[-1].startswith("Oi, Anabela!"))
        await until(lambda: owner.pod.texts_to(PHONES[0])[-1] == f"Oi, Ana! Saudade de Rex. 🐾{WAY_OUT}")
