"""A person is forgotten, everywhere, whoever dies meanwhile, and may come back as somebody new."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from integration.ai.scene import CATALOG, CUSTOMER, OWNER, FakePod, Scene, org, settings_of, until
from integration.ai.test_files import QUICK, arrive
from integration.ai.test_people import ASKS, ESCALATES
from integration.ai.test_perception import announce
from integration.ai.traces import traces

from oxy_ai.database import connected_pool
from oxy_ai.engine.store import Engine
from oxy_ai.erasure_admin import erase
from oxy_ai.erasures.erasing import Erasing
from oxy_ai.erasures.table import ErasureTable
from oxy_ai.errors import AdministrationError
from oxy_ai.media.library import FileLibrary
from oxy_cli.person_document import document_of
from oxy_core.contact_command import ErasureStatus, ExportPiece, PersonOrder
from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings
from oxy_core.message_kinds import MessageKind
from oxy_dev.sample_files import photo

LID = Jid.parse("7700123456789@lid")
NAME = "Ana Quintela"
SECRET = "meu portão é o azul"
NEEDLES = (CUSTOMER.removeprefix("+"), CUSTOMER[-8:], LID.user, NAME, "azul")
WORKER = {"erasures_check_seconds": 0.05, "erasures_retry_seconds": 0.2, "erasures_lease_seconds": 2}
BIA = "+5511912340002"


def ana(pod: FakePod, text: str, **changes: object) -> None:
    pod.receive(text, CUSTOMER, **({"chat": LID, "chat_alias": Jid.of_phone(CUSTOMER), "push_name": NAME} | changes))


@asynccontextmanager
async def erasing(scene: Scene) -> AsyncIterator[tuple[Engine, Erasing]]:
    async with connected_pool(scene.database_url, connections=2) as pool:
        yield Engine(pool), Erasing(scene.client, ErasureTable(pool), FileLibrary(pool, scene.settings()))


async def forget(scene: Scene, phone: str = CUSTOMER) -> ErasureStatus:
    async with erasing(scene) as (engine, eraser):
        [status] = await erase(
            engine, eraser, PersonOrder(organization="petshop", instance="main", person=phone, export=False)
        )
        return status


async def answered(pod: FakePod, number: int) -> None:
    await until(lambda: len([request for request in pod.sent if request.chat == LID]) >= number)


async def test_nothing_is_left_of_a_person_and_the_agenda_stays_true(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.script(*ESCALATES)
    async with scene.worker(**WORKER):
        await scene.known(pod.settings)
        await scene.apply_catalog("petshop")
        ana(pod, SECRET)
        await answered(pod, 1)
        pod.receive("Oi", BIA, push_name="Bia")
        await until(lambda: pod.answers_to(BIA))
        ana(pod, ASKS)
        await until(lambda: pod.texts_to(OWNER))
        await book(scene)
        assert len(await traces(scene, NEEDLES)) > 10
        status = await forget(scene)
        assert status.waits_for in {"platform", "pod", "report", None}
        await until(lambda: erased(scene))
        assert await traces(scene, NEEDLES) == []
        [booking] = await scene.query("select status, subject, price_cents, starts_at > now() as coming from bookings")
        assert tuple(booking) == ("confirmed", "", 6_500, True)
        assert await scene.value("select count(*) from booking_resources") == 1
        assert await scene.value("select count(*) from pets") == 0
        assert await scene.value("select sum(cost_microdollars) from ai_interactions") == await scene.value(
            "select sum(spent_microdollars) from ai_months"
        )
        assert await scene.value("select ledger_violations('0 s')") == 0
        request = pod.erased[0]
        assert not any(needle in request.encode().decode() for needle in NEEDLES)
        # Bia is still known, and Ana comes back as somebody new.
        assert await scene.value("select count(*) from contacts where phone = $1", BIA) == 1
        ana(pod, "Oi, sou eu de novo")
        await until(lambda: scene.query("select from contacts where phone = $1", CUSTOMER))
    assert await scene.value("select count(*) from messages where author = 'customer' and chat = $1", str(LID)) == 1


async def erased(scene: Scene) -> bool:
    return bool(await scene.query("select from erasures where done_at is not null and cleared_at is not null"))


async def book(scene: Scene) -> None:
    contact, at = (
        await scene.value("select id from contacts where phone = $1", CUSTOMER),
        datetime.now(UTC) + timedelta(days=2),
    )
    await scene.query(
        """
        with pet as (
            insert into pets (organization_id, contact_id, name, species) values ($1, $2, 'Rex', 'dog') returning id
        ), b as (
            insert into bookings (organization_id, contact_id, service_id, subject, subject_id, price_cents, starts_at,
                ends_at)
            select $1, $2, (select min(id) from services), 'Rex da Ana Quintela', pet.id, 6500, $3, $4 from pet
            returning id
        )
        insert into booking_resources (organization_id, booking_id, resource_id, starts_at, busy_until)
        select $1, b.id, (select min(id) from resources), $3, $4 from b
        """,
        org(settings_of("petshop")),
        contact,
        at,
        at + timedelta(hours=1),
    )


REFUSALS = {
    "+5511900009999": "nobody with this number",
    OWNER: "an owner",
    "+5511999990000": "an owner",
    BIA: "private_contacts",
    "+5511912340003": "onlyNumbers",
}


async def test_who_cannot_be_forgotten_is_refused_with_a_remedy(scene: Scene) -> None:
    caio = "+5511912340003"
    pod = await scene.pod(settings_of("petshop", ai=AiSettings(debounce_seconds=0, only_phones=(caio,))))
    async with scene.worker():
        await pod.answer_to("Oi", BIA)
        await pod.answer_to("Oi", caio)
        await scene.apply_catalog("petshop", CATALOG.read_text() + f'\nprivate_contacts: ["{BIA}"]\n')
        for person, remedy in REFUSALS.items():
            with pytest.raises(AdministrationError, match=remedy):
                await forget(scene, person)
    assert await scene.value("select count(*) from erasures") == 0


async def test_everything_known_of_a_person_is_handed_out_and_nothing_of_others(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.script(*ESCALATES)
    async with scene.worker(**QUICK):
        await scene.known(pod.settings)
        await scene.apply_catalog("petshop")
        ana(pod, SECRET)
        await answered(pod, 1)
        pod.receive("Oi, da Bia", BIA, push_name="Bia")
        await until(lambda: pod.answers_to(BIA))
        ana(pod, ASKS)
        await until(lambda: pod.texts_to(OWNER))
        await book(scene)
        content = photo()
        file = announce(pod, MessageKind.IMAGE, CUSTOMER, chat=LID, chat_alias=Jid.of_phone(CUSTOMER), push_name=NAME)
        await arrive(scene, pod, content, file=file)
        await until(lambda: scene.query("select from media where state = 'stored'"))
    order = PersonOrder(organization="petshop", instance="main", person=CUSTOMER, export=True, media=True)
    done = await asyncio.to_thread(scene.admin, "person", stdin=order.model_dump_json() + "\n")
    assert done.returncode == 0, done.stderr
    pieces = [ExportPiece.model_validate_json(line) for line in done.stdout.splitlines()]
    document = json.loads("".join(document_of(pieces)))
    assert document["person"]["addresses"] == [f"{CUSTOMER[1:]}@s.whatsapp.net", str(LID)]
    records = document["records"]
    assert {"contacts", "conversations", "messages", "outbox", "turns", "turn_steps", "hand_overs", "bookings", "pets",
            "chat_alias", "ai_interactions"} <= records.keys()  # fmt: skip
    assert [row.get("body") for row in records["messages"] if row["author"] == "customer"] == [SECRET, ASKS, None]
    [picture] = document["files"]
    assert base64.b64decode(picture["content"]) == content
    assert "Bia" not in done.stdout
    other = await asyncio.to_thread(
        scene.admin, "person", stdin=order.model_copy(update={"person": "+5511900000000"}).model_dump_json()
    )
    assert (other.returncode, "nobody with this number" in other.stderr) == (2, True)
