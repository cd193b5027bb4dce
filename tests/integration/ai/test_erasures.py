"""A person is forgotten, everywhere, whoever dies meanwhile, and may come back as somebody new."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiohttp import web
from integration.ai.endpoint import running_endpoint, saying
from integration.ai.scene import CATALOG, CUSTOMER, OWNER, FakePod, Scene, org, settings_of, until
from integration.ai.test_files import QUICK, arrive, objects_in
from integration.ai.test_people import ASKS, ESCALATES
from integration.ai.test_perception import announce, says
from integration.ai.traces import traces

from oxy_ai.database import connected_pool
from oxy_ai.engine.outgoing import find_destination
from oxy_ai.engine.store import Engine
from oxy_ai.erasure_admin import erase
from oxy_ai.erasures.erasing import Erasing
from oxy_ai.erasures.records import DueErasure
from oxy_ai.erasures.table import ErasureTable
from oxy_ai.errors import AdministrationError
from oxy_ai.media.library import FileLibrary
from oxy_ai.settings import WorkerSettings
from oxy_cli.person_document import document_of
from oxy_core import subjects
from oxy_core.contact_command import ErasureStatus, ExportPiece, PersonOrder
from oxy_core.content import ChatType
from oxy_core.envelopes import MessageSeen
from oxy_core.identity import Jid, new_id
from oxy_core.instance.settings import AiSettings
from oxy_core.jetstream import DEAD_LETTER_STREAM, INBOUND_STREAM, PARKED_STREAM
from oxy_core.message_kinds import MessageKind
from oxy_dev.s3_server import running_s3
from oxy_dev.sample_files import photo

LID = Jid.parse("7700123456789@lid")
NAME = "Ana Quintela"
SECRET = "meu portão é o azul"
NEEDLES = (CUSTOMER.removeprefix("+"), CUSTOMER[-8:], "91234-0001", LID.user, NAME, "azul")
PLACES = (
    *("readings.text", "messages.sender", "jobs.payload", "audit_log.detail", "campaign_recipients.why"),
    *("automation_occurrences.outcome", "drafts.body", "proposals.intent", "OXY_PARKED", "OXY_DLQ", "OXY_MEDIA"),
)
"""Where Ana is found before she is forgotten, among others (`be_everywhere`)."""
PLANNED = """
with her as (
    select c.organization_id, c.id, c.instance_id, v.id as conversation_id
    from contacts c join conversations v on v.contact_id = c.id where c.phone = $1
), campaign as (
    insert into campaigns (organization_id, instance_id, name, segment, body, basis, source, digest, reach, made_by)
    select organization_id, instance_id, 'natal', '{}', 'Oi', 'existing_customer', 'agenda', 'x', 1, 'Marina' from her
    returning organization_id, id
), reached as (
    insert into campaign_recipients (organization_id, campaign_id, contact_id, state, why)
    select organization_id, campaign.id, her.id, 'skipped', 'Ana Quintela'
    from her join campaign using (organization_id)
), planned as (
    insert into automation_occurrences (organization_id, instance_id, automation, subject, occurrence, contact_id,
        due_at, outcome)
    select organization_id, instance_id, 'volte', 'contact:' || id, '1', id, 'infinity', 'Até logo, Ana Quintela'
    from her
), logged as (
    insert into audit_log (organization_id, actor, action, detail)
    select organization_id, 'owner', 'remarcar', 'Ana Quintela para sábado' from her
), drafted as (
    insert into drafts (organization_id, turn_id, conversation_id, body)
    select organization_id, min(t.id), conversation_id, 'Oi, Ana Quintela' from turns t join her
        using (organization_id, conversation_id) group by organization_id, conversation_id
), proposed as (
    insert into proposals (organization_id, instance_id, conversation_id, turn_id, tool, arguments, intent, state,
        ended_at)
    select v.organization_id, v.instance_id, v.id, t.id, 'cancelar', '{}', 'Cancelar o banho da Ana Quintela',
        'declined', now()
    from contacts c join conversations v on v.contact_id = c.id join turns t on t.conversation_id = v.id
    where c.phone = $2 order by t.id limit 1
)
insert into jobs (organization_id, instance_id, kind, key, lane, contact_id, payload, planned_at, due_at)
select organization_id, instance_id, 'none', 'a', 'campaign', id, '{"text": "Oi, Ana Quintela"}', now(), 'infinity'
from her
"""
"""What the platform would write to $1, Ana, or has thought of writing; and what $2, an owner, was asked about her."""
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
    clinic = await scene.pod(settings_of("petshop", "clinic"))
    async with scene.worker():
        await clinic.answer_to("Oi", CUSTOMER)
        await pod.answer_to("Oi", CUSTOMER)
        await pod.answer_to("Oi", BIA)
        await pod.answer_to("Oi", caio)
        await scene.apply_catalog("petshop", CATALOG.read_text() + f'\nprivate_contacts: ["{BIA}"]\n')
        for person, remedy in REFUSALS.items():
            with pytest.raises(AdministrationError, match=remedy):
                await forget(scene, person)
        assert await scene.value("select count(*) from erasures") == 0
        assert (await forget(scene)).known_to == ("clinic",)
    assert await scene.value("select count(*) from contacts where phone = $1", CUSTOMER) == 1


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
        mine = pod.message("cedo demais", CUSTOMER, chat=LID, push_name=NAME, chat_sequence=2**40)
        await come_too_early(scene, pod, mine, pod.message(f"e a Ana, {CUSTOMER}?", BIA, chat_sequence=2**40))
        await until(lambda: is_drained(scene))
    order = PersonOrder(organization="petshop", instance="main", person=CUSTOMER, export=True, media=True)
    done = await asyncio.to_thread(scene.admin, "person", stdin=order.model_dump_json() + "\n")
    assert done.returncode == 0, done.stderr
    pieces = [ExportPiece.model_validate_json(line) for line in done.stdout.splitlines()]
    document = json.loads("".join(document_of(pieces)))
    assert document["person"]["addresses"] == [f"{CUSTOMER[1:]}@s.whatsapp.net", str(LID)]
    records = document["records"]
    assert {"contacts", "conversations", "messages", "outbox", "turns", "turn_steps", "hand_overs", "bookings", "pets",
            "chat_alias", "ai_interactions"} <= records.keys()  # fmt: skip
    assert [report["body"]["text"] for report in records["parked_reports"]] == ["cedo demais"]
    assert [report["body"]["chat"] for report in records["dead_letters"]] == [str(LID)]
    assert [row.get("body") for row in records["messages"] if row["author"] == "customer"] == [SECRET, ASKS, None]
    [picture] = document["files"]
    assert base64.b64decode(picture["content"]) == content
    assert "Bia" not in done.stdout
    other = await asyncio.to_thread(
        scene.admin, "person", stdin=order.model_copy(update={"person": "+5511900000000"}).model_dump_json()
    )
    assert (other.returncode, "nobody with this number" in other.stderr) == (2, True)


async def test_a_person_is_forgotten_whoever_dies_and_while_the_pod_is_away(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    with running_s3() as url:
        stored = {**QUICK, "erasures_check_seconds": 3_600, **object_store(url)}
        async with scene.worker(**stored), connected_pool(scene.database_url, connections=2) as pool:
            await scene.known(pod.settings)
            await scene.apply_catalog("petshop")
            await be_everywhere(scene, pod)
            found = " ".join(await traces(scene, NEEDLES))
            assert [place for place in PLACES if place not in found] == []
            assert len(await objects_in(url)) == 1
            pod.accepting = False
            due = await begin(scene, pool)
            deaths = await die_again_and_again(scene, pool, due, scene.settings(**stored))
            assert deaths > 8
            assert await traces(scene, NEEDLES) == []
            assert await objects_in(url) == set()
            bia = await scene.value("select string_agg(body, ' ') from messages where chat like $1", f"{BIA[1:]}@%")
            assert "fala com a Ana: (0 agora" in bia
            assert await waits_for(scene) == "pod"
            assert await scene.value("select ledger_violations('0 s')") == 0
            # Whatever the journal publishes again was written before, and brings nobody back.
            pod.publish_all_again()
            await until(lambda: pod.unpublished == 0)
            await until(lambda: is_drained(scene))
            assert await traces(scene, NEEDLES) == []
            # What she writes now is a new contact's, also when the pod forgets what was before.
            ana(pod, "Oi, mudei de ideia")
            await until(lambda: scene.query("select from contacts where phone = $1", CUSTOMER))
            pod.accepting = True
            eraser = Erasing(scene.client, ErasureTable(pool), FileLibrary(pool, scene.settings(**stored)))
            assert not await eraser.carry_on(due)
            await until(lambda: erased(scene))
            assert await eraser.carry_on(due)
            ana(pod, "Ainda tem horário?")
            await until(lambda: scene.query("select from messages where body = 'Ainda tem horário?'"))
        said = await scene.query(
            "select body from messages where author = 'customer' and chat = $1 order by id", str(LID)
        )
        assert [row["body"] for row in said] == ["Oi, mudei de ideia", "Ainda tem horário?"]
        assert await waits_for(scene) is None


async def test_a_turn_that_is_under_way_says_nothing_any_more(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))

    async def react(request: web.Request) -> web.StreamResponse:
        """The person is forgotten while the model answers."""
        assert (await forget(scene)).waits_for in {"pod", "report", None}
        return await saying("Oi, Ana")(request)

    async with running_endpoint(react) as endpoint, scene.worker(**WORKER, openai_base_url=endpoint.base_url):
        await scene.known(pod.settings)
        ana(pod, SECRET)
        await until(lambda: erased(scene))
        await until(lambda: scene.query("select from ai_interactions where outcome is not null"))
        await until(lambda: scene.query("select from erasure_queue where resting"))
    assert pod.sent == []
    assert await traces(scene, NEEDLES) == []
    assert await scene.value("select count(*) from turns") == 0


def object_store(url: str) -> dict[str, object]:
    return {
        "media_store_url": "s3://oxy/files",
        "media_store_endpoint": url,
        "media_store_access_key_id": "key",
        "media_store_secret_access_key": "secret",
    }


async def be_everywhere(scene: Scene, pod: FakePod) -> None:
    """Ana leaves traces wherever the platform keeps anything."""
    addresses = {"chat": LID, "chat_alias": Jid.of_phone(CUSTOMER), "push_name": NAME}
    ana(pod, SECRET)
    await answered(pod, 1)
    await says(scene, pod, "o portão azul", CUSTOMER, **addresses)
    await until(lambda: scene.query("select from readings where text is not null"))
    group = {
        "chat": Jid.parse("120363000000000001@g.us"),
        "sender": LID,
        "chat_type": ChatType.GROUP,
        "push_name": NAME,
    }
    pod.receive("o azul, gente", CUSTOMER, **group)
    pod.receive("fala com a Ana: (11) 91234-0001 agora", BIA, push_name="Bia")
    pod.receive("E a Ana Quintela, veio?", OWNER)
    await until(lambda: pod.answers_to(BIA) and pod.texts_to(OWNER))
    await book(scene)
    await scene.query(PLANNED, CUSTOMER, OWNER)
    file = announce(pod, MessageKind.DOCUMENT, CUSTOMER, **addresses)
    await until(lambda: scene.query("select from media where id = $1 and state = 'announced'", file))
    chunk = subjects.media(pod.settings.account, pod.settings.instance, file, 0)
    await scene.client.jetstream().publish(chunk, b"a chave azul")  # the pod is away before the rest
    await come_too_early(scene, pod, pod.message("o azul que ninguém lê", CUSTOMER, **addresses, chat_sequence=2**40))
    await until(lambda: has_messages(scene, DEAD_LETTER_STREAM))
    await until(lambda: has_messages(scene, PARKED_STREAM))
    await until(lambda: len(pod.texts_to(OWNER)) > 1)  # of the dead report


async def come_too_early(scene: Scene, pod: FakePod, *messages: MessageSeen) -> None:
    """Messages are reported, and reported once more as nobody can read it before the next release."""
    subject = subjects.inbound(pod.settings.account, pod.settings.instance)
    for number, message in enumerate(messages, 10_000):
        changes = {"version": 99, "id": str(uuid4()), "journal_sequence": number}
        document = json.loads(pod.report(message).encode()) | changes
        await scene.client.jetstream().publish(subject, json.dumps(document).encode())


async def has_messages(scene: Scene, stream: str) -> bool:
    return (await scene.client.jetstream().stream_info(stream)).state.messages > 0


async def is_drained(scene: Scene) -> bool:
    return not await has_messages(scene, INBOUND_STREAM)


async def waits_for(scene: Scene) -> str | None:
    document = await scene.value("select erasures_of(organization_id, instance_id, true) from erasures")
    [status] = json.loads(document)
    return status["waits_for"]  # type: ignore[no-any-return]


async def begin(scene: Scene, pool: "asyncpg.Pool[asyncpg.Record]") -> DueErasure:
    to = await find_destination(Engine(pool), "petshop", "main", CUSTOMER)
    begun = await ErasureTable(pool).begin(to.organization, to.instance, to.recipient, new_id(), "test")
    assert begun.erasure is not None
    return DueErasure(to.organization, begun.erasure)


class KilledError(Exception):
    """The worker was killed."""


class DyingPool:
    """A pool whose worker is killed at its last statement: before it, or after it has committed."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", statements: int, *, commits: bool) -> None:
        self._pool, self._left, self._commits = pool, statements, commits

    async def _run(self, name: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 as asyncpg's
        self._left -= 1
        if self._left == 0 and not self._commits:
            raise KilledError
        result = await getattr(self._pool, name)(*arguments, **options)
        if self._left == 0:
            raise KilledError
        return result

    async def fetch(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 as asyncpg's
        return await self._run("fetch", *arguments, **options)

    async def fetchval(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 as asyncpg's
        return await self._run("fetchval", *arguments, **options)

    async def execute(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 as asyncpg's
        return await self._run("execute", *arguments, **options)

    def acquire(self) -> Any:  # noqa: ANN401 as asyncpg's
        return self._pool.acquire()


async def die_again_and_again(
    scene: Scene, pool: "asyncpg.Pool[asyncpg.Record]", due: DueErasure, settings: WorkerSettings
) -> int:
    """Carry an erasure on by workers that are killed ever later; return how many were."""
    statements = deaths = 1
    while True:
        dying: Any = DyingPool(pool, statements, commits=deaths % 2 == 0)
        try:
            assert not await Erasing(scene.client, ErasureTable(dying), FileLibrary(dying, settings)).carry_on(due)
        except KilledError:
            deaths, statements = deaths + 1, statements + 1 + statements // 3
        else:
            return deaths - 1
