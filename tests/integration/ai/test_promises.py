"""Whoever is promised a person: somebody is told, whichever text says it.

`tests/unit/ai/test_promising_texts.py` finds every such text in the code.
"""

from integration.ai.scene import OWNER, FakePod, Scene, settings_of, until

from oxy_ai.portuguese.promises import promises_person

TOOL, REFUSAL, DEATH, OUTAGE, WORDS, EMERGENCY = (f"+551191234000{number}" for number in range(1, 7))
NAMES = {TOOL: "Ana", REFUSAL: "Bruno", DEATH: "Carla", OUTAGE: "Davi", WORDS: "Eva", EMERGENCY: "Fábio"}
ORDER = {"motivo": "reclamacao", "urgencia": "normal", "resumo": "banho mal feito"}


async def promised(scene: Scene, pod: FakePod, phone: str, text: str) -> None:
    """A customer writes, is promised a person, and the ledger shows that he waits."""
    pod.receive(text, phone, push_name=NAMES[phone])
    [answer] = await until(lambda: pod.answers_to(phone))
    assert promises_person(answer), answer
    waiting = (
        "select from hand_overs h join conversations v on v.id = conversation_id join contacts c on c.id = contact_id"
    )
    assert await scene.query(f"{waiting} where c.phone = $1 and h.ended_at is null", phone)


async def test_somebody_is_told_of_every_promise(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.script(
        {"user": "reclamar", "calls": [{"tool": "escalar_para_humano", "arguments": ORDER}]},
        {"user": "reclamar", "after": "escalar_para_humano", "reply": "Sinto muito."},
        {"user": "horario", "calls": [{"tool": "consultar_horarios", "arguments": {"servico": "banho"}}]},
        {"user": "horario", "after": "consultar_horarios", "reply": "{result.erro}"},
    )
    await scene.model.script({"user": "estranha", "reply": "Um colega da equipe vai te ligar."})
    await scene.model.fault(kind="invalid_json", times=None, user="morre")
    await scene.model.fault(kind="status", status=503, times=None, user="espera")
    async with scene.worker(outage_patience_seconds=0.05):
        await promised(scene, pod, TOOL, "Quero reclamar")
        await promised(scene, pod, REFUSAL, "Que horário tem?")  # no catalog is applied
        await promised(scene, pod, DEATH, "Esta morre")
        await promised(scene, pod, WORDS, "Pergunta estranha")  # the model promises by itself
        await promised(scene, pod, OUTAGE, "Esta espera")  # from now on the endpoint is left alone
        await promised(scene, pod, EMERGENCY, "Meu cachorro comeu veneno de rato!")
        told = NAMES | {OUTAGE: "não está respondendo"}  # of an outage the owner hears once, without names
        for words in told.values():
            await until(lambda words=words: any(words in notice for notice in pod.answers_to(OWNER)))
    assert await scene.value("select count(*) from ledger_violations('1 minute') v where v > 0") == 0
    silent = await scene.query("select from conversations where human_until > now() and human_reason = 'hand_over'")
    # Whoever waits for the model is answered when it is back; who could not be answered once may be the next time.
    assert len(silent) == len(NAMES) - 2
