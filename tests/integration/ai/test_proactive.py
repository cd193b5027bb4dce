"""What a number sends without being asked: one budget, kept by whoever releases."""

from datetime import timedelta
from uuid import UUID

from integration.ai.scene import CUSTOMER, FakePod, Scene, org, settings_of, until

from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.ids import instance_id
from oxy_ai.reputation import ProactiveMessage, Purpose, queue_proactive
from oxy_core.envelopes import InstanceSettings, Lane
from oxy_core.identity import new_id
from oxy_core.instance.settings import LimitsSettings

LANES = {Purpose.PROMOTION: Lane.CAMPAIGN, Purpose.BOOKING: Lane.AUTOMATION, Purpose.REPORT: Lane.AUTOMATION}
PACE = {"release_jitter": 0.0, "release_pause_seconds": 0.05, "release_look_seconds": 0.3, "release_held_seconds": 0.3}


def limits(**changes: object) -> LimitsSettings:
    """Limits that hold nothing back, whatever the time."""
    values: dict[str, object] = {"contact_turns_per_hour": 0, "outbound_per_minute": 60_000, "quiet_hours": ""}
    return LimitsSettings.model_validate(values | {"warm_up": ()} | changes)


def budgeted(**changes: object) -> InstanceSettings:
    return settings_of("petshop", limits=limits(**changes))


async def queue(
    scene: Scene,
    settings: InstanceSettings,
    text: str,
    phone: str = CUSTOMER,
    purpose: Purpose = Purpose.PROMOTION,
    **changes: object,
) -> UUID:
    """Queue a text to a contact who has a chat."""
    values: dict[str, object] = {
        "id": new_id(),
        "text": text,
        "purpose": purpose,
        "reference": "campaign:1",
        "lane": LANES[purpose],
        "keep_seconds": timedelta(days=3).total_seconds(),
    }
    message = ProactiveMessage.model_validate(values | changes)
    instance = instance_id(settings.organization, settings.instance)
    contact = await scene.value("select id from contacts where phone = $1", phone)
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, org(settings)) as connection,
    ):
        queued = await queue_proactive(connection, org(settings), instance, contact, message)
    assert queued == message.id
    return message.id


async def greeted(pod: FakePod, *phones: str) -> None:
    for phone in phones:
        await pod.answer_to("Oi", phone)


async def test_a_text_that_nobody_asked_for_is_released_and_joins_its_conversation(scene: Scene) -> None:
    settings = budgeted()
    pod = await scene.pod(settings)
    async with scene.worker(**PACE):
        await greeted(pod, CUSTOMER)
        request = await queue(scene, settings, "Banho com desconto!")
        await until(lambda: "Banho com desconto!" in pod.texts_to(CUSTOMER))
        await until(lambda: scene.query("select from outbox where id = $1 and state = 'sent'", request))
    assert await scene.value("select body from messages where outbox_id = $1", request) == "Banho com desconto!"
    assert pod.sent[-1].valid_seconds is not None
    assert 500 < pod.sent[-1].valid_seconds <= 600
