"""An emergency reaches somebody at once: whoever answers, whatever is waited for or was wanted before."""

import pytest
from integration.ai.scene import OWNER, FakePod, Scene, org, settings_of, until

from oxy_ai.assistants.wishes import NOTHING
from oxy_core.identity import phone_key
from oxy_core.instance.settings import AiSettings

PARTNER = "+5511987652222"
AWAITED, TAKEN, QUIET, STUCK, FRIEND, STRANGER = (f"+551191234002{number}" for number in range(6))
NAMES = {AWAITED: "Ana", TAKEN: "Bruno", QUIET: "Carla", STUCK: "Davi", FRIEND: "Eva", STRANGER: "Fábio"}
SETTINGS = settings_of(
    "petshop",
    owners=(OWNER, PARTNER),
    ai=AiSettings(mode="Only", only_phones=(AWAITED, TAKEN, QUIET, STUCK, FRIEND), debounce_seconds=0),
)
ORDER = {"motivo": "cliente_pediu", "urgencia": "normal", "resumo": "quer falar com alguém"}
POISONED = "Meu cachorro comeu veneno de rato!"
CALL = "🚨 Isso parece uma emergência! Ligue agora para +55 11 3045-9000"


def urgent_texts(pod: FakePod, phone: str) -> list[str]:
    return [text for text in pod.answers_to(phone) if text.startswith(CALL)]


@pytest.fixture
async def pod(scene: Scene) -> FakePod:
    await scene.model.script(
        {"user": "atendente", "calls": [{"tool": "escalar_para_humano", "arguments": ORDER}]},
        {"user": "atendente", "after": "escalar_para_humano", "reply": "Claro."},
    )
    await scene.model.fault(kind="status", status=503, times=None, user="espera")
    return await scene.pod(SETTINGS)


async def test_an_emergency_reaches_somebody_whoever_answers(scene: Scene, pod: FakePod) -> None:
    async with scene.worker(retry_seconds=30, notice_grouping_seconds=3600):
        await scene.known(SETTINGS)
        await scene.apply_catalog("petshop")
        await scene.query("insert into private_numbers values ($1, $2)", org(SETTINGS), phone_key(FRIEND))
        await pod.answer_to("Quero falar com um atendente", AWAITED)
        pod.receive("Alguém?", AWAITED)
        pod.person_writes("Oi, aqui é a Bia", TAKEN)
        assert await pod.answer_to("PARAR", QUIET) == NOTHING
        pod.receive("Esta espera", STUCK)
        await until(lambda: scene.query("select from turns where waits > 0"))
        pod.receive("Meu cachorro comeu", AWAITED, push_name=NAMES[AWAITED])
        for phone, name in NAMES.items():
            pod.receive(POISONED if phone != AWAITED else "chocolate", phone, push_name=name)
        for phone in (AWAITED, TAKEN, QUIET, STUCK):
            await until(lambda phone=phone: urgent_texts(pod, phone))
        for name in NAMES.values():
            await until(lambda name=name: any(name in text for text in pod.answers_to(OWNER) if "URGENTE" in text))
        await until(lambda: any("URGENTE" in text for text in pod.answers_to(PARTNER)))
        pod.receive("Socorro, ele comeu chumbinho!", AWAITED)
        await until(lambda: scene.query("select from turns where state = 'skipped' and reason = 'human'"))
    assert [len(urgent_texts(pod, phone)) for phone in NAMES] == [1, 1, 1, 1, 0, 0]
    assert pod.answers_to(FRIEND) == pod.answers_to(STRANGER) == []
    assert await scene.value("select count(*) from hand_overs where urgency = 'urgent' and ended_at is null") == 6
    assert await scene.value("select count(*) from hand_overs where not silences") == 2
    assert all("URGENTE" in text for text in pod.answers_to(PARTNER))  # the first owner alone hears of the rest
    assert await scene.value("select state from messages where body like 'Socorro%'") == "open"
    assert await scene.value("select count(*) from ledger_violations('1 minute') v where v > 0") == 0


async def test_an_emergency_waits_for_the_telephone_number(scene: Scene, pod: FakePod) -> None:
    async with scene.worker(context_part_seconds=0.000_001):
        await scene.known(SETTINGS)
        await scene.apply_catalog("petshop")
        assert (await pod.answer_to(POISONED, AWAITED)).startswith(CALL)
