"""Notices reach somebody, also where no owner is named."""

import pytest
from integration.ai.endpoint import refusing, running_endpoint, saying
from integration.ai.scene import CUSTOMER, OWNER, Scene, org, settings_of, until

from oxy_ai.assistants.fixed_texts import apology
from oxy_ai.assistants.people import People
from oxy_core.envelopes import InstanceSettings

NAMELESS = settings_of("petshop", owners=())
OWN = NAMELESS.phone_number
OWN_HIDDEN = "98765@lid"


async def test_without_an_owner_the_businesss_own_chat_hears_who_waits_for_a_person(scene: Scene) -> None:
    pod = await scene.pod(NAMELESS)
    async with running_endpoint(refusing(400)) as endpoint, scene.worker(openai_base_url=endpoint.base_url):
        assert await pod.answer_to("Oi") == apology(People(told=False))
        await until(lambda: pod.answers_to(OWN))
        await until(lambda: scene.query("select from outbox having bool_and(state = 'sent')"))
    (notice,) = pod.answers_to(OWN)
    assert CUSTOMER in notice
    assert len(pod.sent) == 2
    assert await scene.value("select count(*) from owner_notices where outbox_id is null") == 0


@pytest.mark.parametrize("settings", [NAMELESS, settings_of("petshop", owners=(OWN,))], ids=["no owner", "own number"])
@pytest.mark.parametrize("hidden", [False, True], ids=["by number", "by hidden address"])
async def test_a_notice_in_the_own_chat_changes_nobodys_rights(
    scene: Scene, settings: InstanceSettings, *, hidden: bool
) -> None:
    chat = {"chat": OWN_HIDDEN, "sender": OWN_HIDDEN, "chat_alias": f"{OWN[1:]}@s.whatsapp.net"} if hidden else {}
    pod = await scene.pod(settings)
    async with (
        running_endpoint(*[refusing(400)] * 3, saying("Tudo bem.")) as endpoint,
        scene.worker(openai_base_url=endpoint.base_url),
    ):
        assert await pod.answer_to("Oi") == apology(People(told=bool(settings.owners)))
        await until(lambda: pod.answers_to(OWN))
        await scene.publish(NAMELESS.model_copy(update={"generation": 2}))
        await until(lambda: scene.query("select from instances where settings ->> 'generation' = '2'"))
        for phone in "+5511912340002", OWNER:  # a person is to answer the first customer
            assert await pod.answer_to("Oi", phone) == "Tudo bem."
        pod.receive("Como foi hoje?", OWN, from_me=True, self_chat=True, **chat)
        answers = "from ai_interactions where outcome = 'answered'"
        await until(lambda: scene.query(f"select {answers} having count(*) = 3"))
        answered = await scene.query(f"select assistant {answers} order by turn_id")
    assert [row["assistant"] for row in answered] == ["customer", "customer", "aurora"]
    customers = "select count(*) from customer_conversations($1)"
    assert await scene.value(customers, org(settings)) == 3
