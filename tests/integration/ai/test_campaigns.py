"""Campaigns through the whole engine: drafted, approved, each recipient written to once, counted."""

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from integration.ai.owner import PAST, Owner, booked, lid, opened, wishing
from integration.ai.scene import OWNER, Scene, settings_of, until
from integration.ai.test_proactive import PACE, limits, queue

from oxy_ai.campaign_admin import carry_out_campaign, read_campaign_order
from oxy_ai.campaigns.campaign_text import CampaignText, RecipientOfRound
from oxy_ai.database import connected_pool
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.jobs.kinds import JobWork
from oxy_ai.jobs.records import Cancelled, Done, Job, JobClaim
from oxy_ai.media.library import FileLibrary, LibrarySettings
from oxy_ai.reputation import Purpose, Reputation
from oxy_ai.verticals import Verticals
from oxy_core.campaign_command import CampaignAnswer, CampaignOrder, CampaignReport
from oxy_core.envelopes import ConnectionChanged, ConnectionState, Lane
from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings
from oxy_core.outbound import FileContent, FileKind

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
            "Vou enviar a campanha “Saudade” para 2 clientes (todos os clientes), aos poucos, até "
        )
        assert "Ficam de fora: 1 cliente que não quer mensagens." in intent
        assert (await owner.hears("sim")).startswith(
            "Pronto! A campanha “Saudade” foi aprovada: 2 clientes recebem aos poucos"
        )
        await until(
            lambda: promoted(owner) == {PHONES[0]: [f"Oi, Ana! Saudade de Rex. 🐾{WAY_OUT}"], PHONES[1]: [BELA]}
        )
        await owner.is_asked("pausa a campanha", "pausar_campanha")
        assert (await owner.hears("sim")).startswith("Pronto! A campanha “Saudade” está em pausa")
        refused = await owner.is_refused("manda de novo", "enviar_campanha", campanha="Saudade")
        assert refused == "Não há campanha assim para isto. Campanhas: “Saudade” (em pausa)."
        await owner.is_asked("retoma a campanha", "retomar_campanha", campanha="Saudade")
        assert (await owner.hears("pode")).startswith("Pronto! A campanha “Saudade” voltou a ser enviada")
        assert (await owner.pod.answer_to("Quero marcar", PHONES[0])) is not None
        owner.pod.receive("sair", PHONES[1])
        await until(lambda: scene.query("select from contacts where phone = $1 and opt_out is not null", PHONES[1]))
        told = await results(owner)
        assert (told["situacao"], told["destinatarios"], told["enviadas"], told["esperando_a_vez"]) == (
            "terminada",
            2,
            2,
            0,
        )
        assert (told["responderam"], told["agendaram"], told["pediram_para_sair"], told["nao_enviadas"]) == (
            2,
            0,
            1,
            {},
        )
        assert told["grafico"].startswith("enviado como imagem")
        picture = await until(
            lambda: next((r.content for r in owner.pod.sent if isinstance(r.content, FileContent)), None)
        )
        assert picture.caption == "Campanha Saudade\nEnviadas: 2 de 2\nResponderam: 2\nAgendaram: 0"
        await owner.is_asked("cancela", "cancelar_campanha")
        assert (await owner.hears("sim")) == (
            "Pronto! Cancelei a campanha “Saudade”: 0 clientes que ainda esperavam não recebem mais nada."
        )
        assert promoted(owner) == {PHONES[0]: [f"Oi, Ana! Saudade de Rex. 🐾{WAY_OUT}"], PHONES[1]: [BELA]}


BELA = f"Oi, Anabela! Saudade de você. 🐾{WAY_OUT}"


def promoted(owner: Owner) -> dict[str, list[str]]:
    """What customers got of a campaign."""
    found = {phone: [text for text in owner.pod.texts_to(phone) if text.startswith("Oi, ")] for phone in PHONES}
    return {phone: texts for phone, texts in found.items() if texts}


async def results(owner: Owner) -> dict[str, Any]:
    """What the tool tells of the newest campaign."""
    await owner.scene.model.script(*wishing("como foi a campanha?", "resultado_da_campanha", "Foi bem.", grafico=True))
    owner.writes("como foi a campanha?")  # a picture comes before the text
    await until(lambda: (owner.heard()[-1] or "").endswith("Foi bem."))
    document = await owner.scene.value(
        "select (select value from jsonb_each_text(s.results) limit 1) from turn_steps s "
        "where s.results <> '{}' order by s.turn_id desc limit 1"
    )
    told: dict[str, Any] = json.loads(document)
    return told


FILE = """
version: 1
name: Promo de Natal
segment: {service: banho, species: cachorro}
text: "Oi, {nome|tudo bem}! {pet} merece um banho de Natal. 🎄"
media: natal.png
cap: 10
consent: {basis: existing_customer, source: clientes da loja}
"""
PETSHOP = ("--organization", "petshop", "--instance", "main")
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(300 << 10)


async def ordered(owner: Owner, verb: str, text: str | None = FILE, **changes: object) -> CampaignAnswer:
    """What `oxy campaign` has a worker do."""
    media = {"name": "natal.png", "size": len(PICTURE), "sha256": hashlib.sha256(PICTURE).hexdigest()}
    values: dict[str, object] = {"organization": "petshop", "instance": "main", "verb": verb, "file": "natal.yaml"}
    if text is None:
        values |= {"name": "promo de natal"}
    else:
        values |= {"text": text, "media": media | {"follows": verb == "create"}}
    order = CampaignOrder.model_validate(values | changes)
    line = order.model_dump_json(exclude_none=True).encode() + b"\n"
    received = read_campaign_order(BytesIO(line + PICTURE if verb == "create" else line))
    async with connected_pool(owner.scene.database_url, connections=1) as pool:
        answer = await carry_out_campaign(Engine(pool), FileLibrary(pool, LibrarySettings()), received)
    assert isinstance(answer, CampaignAnswer)
    return answer


async def refused(owner: Owner, verb: str, text: str | None = FILE, **changes: object) -> str:
    with pytest.raises(AdministrationError) as raised:
        await ordered(owner, verb, text, **changes)
    return str(raised.value)


async def test_a_file_beside_its_picture_is_sent_and_counted(scene: Scene) -> None:
    async with running(scene) as owner:
        for phone, pet, hour in ((PHONES[0], "Rex", "10:00"), (PHONES[1], "Mel", "12:00")):
            await booked(scene, phone, PAST, hour)
            await scene.query(
                "insert into pets (organization_id, contact_id, name, species) select organization_id, id, $2, "
                "'cachorro' from contacts where phone = $1",
                *(phone, pet),
            )
        assert "no service of the catalog alone is called 'vacina'" in await refused(
            owner, "create", FILE.replace("service: banho", "service: vacina")
        )
        assert (await refused(owner, "create", FILE.replace("cap: 10", "cap: -1"))).startswith("natal.yaml: ")
        assert "is not what is kept" in await refused(owner, "approve")
        shown = await ordered(owner, "preview")
        assert shown.preview is not None
        assert (shown.outcome, shown.preview.recipients) == ("previewed", 2)
        assert await scene.value("select count(*) from campaigns") == 0
        assert (await ordered(owner, "create")).outcome == "created"
        assert (await ordered(owner, "create")).outcome == "same"
        assert await scene.value("select count(*) from media where direction = 'out'") == 1
        assert "is not what is kept" in await refused(owner, "approve", FILE.replace("banho de", "dia de"))
        approved = await ordered(owner, "approve")
        assert approved.report is not None
        assert (approved.outcome, approved.state, approved.report.recipients) == ("approved", "approved", 2)
        assert (await ordered(owner, "approve")).outcome == "already"
        assert (await ordered(owner, "create")).outcome == "same"
        assert "is approved, or was, and cannot be changed" in await refused(
            owner, "create", FILE.replace("banho de", "dia de")
        )
        got = await until(lambda: files(owner) if len(files(owner)) == len(PHONES[:2]) else None)
        assert {phone: file.caption for phone, file in got.items()} == {
            PHONES[0]: f"Oi, Ana! Rex merece um banho de Natal. 🎄{WAY_OUT}",
            PHONES[1]: f"Oi, Anabela! Mel merece um banho de Natal. 🎄{WAY_OUT}",
        }
        assert {(file.kind, file.size) for file in got.values()} == {(FileKind.IMAGE, len(PICTURE))}
        assert (await owner.pod.answer_to("Que lindo", PHONES[0])) is not None
        await scene.query(
            "insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at) "
            "select organization_id, contact_id, service_id, subject, price_cents, now() + '1 day', now() + '25 hours' "
            "from bookings where subject is not null order by id limit 1"
        )
        report = await until(lambda: finished(owner))
        assert (report.sent, report.answered, report.booked, report.failed) == (2, 1, 1, {})
        said = "select kind, body from messages where author = 'assistant' and kind = 'image'"
        assert len(await scene.query(said)) == 2
        assert (await ordered(owner, "cancel", None)).withdrawn == 0
        assert "is cancelled" in await refused(owner, "pause", None)
        assert "Give this one another name" in await refused(owner, "create")
        assert "was cancelled: give it another name" in await refused(owner, "approve")
        assert await scene.query("select pause_proactive(organization_id, id, 'person', 'x') from instances")
        assert (await asked(scene, "resume", number=True))["resumed"] is True
        assert "no campaign of main is called" in await refused(owner, "report", None, name="x")


async def asked(scene: Scene, verb: str, **changes: object) -> dict[str, Any]:
    """What the workers' command answers."""
    order = CampaignOrder.model_validate({"organization": "petshop", "instance": "main", "verb": verb} | changes)
    ended = await asyncio.to_thread(scene.admin, "campaign", stdin=order.model_dump_json() + "\n")
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


async def finished(owner: Owner) -> CampaignReport | None:
    report = (await ordered(owner, "report", None)).report
    return report if report is not None and report.sent == 2 else None


def files(owner: Owner) -> dict[str, FileContent]:
    """The file that each customer got; a second one would be an error."""
    sent = [(request.chat, request.content) for request in owner.pod.sent if isinstance(request.content, FileContent)]
    assert len(sent) == len({chat for chat, _ in sent})
    return {phone: file for chat, file in sent for phone in PHONES if chat == Jid.of_phone(phone)}


async def everybody_waits(scene: Scene, until_then: str | None = "1 hour") -> None:
    """People write with all customers for so long; None: they have ended."""
    await scene.query(
        "update conversations v set human_until = now() + $1::text::interval, human_since = now(), "
        "human_reason = 'command' from contacts c where c.id = v.contact_id and c.phone is distinct from $2",
        *(until_then, OWNER),
    )


async def held(scene: Scene) -> int:
    found: int = await scene.value("select count(*) from outbox where state = 'held'")
    return found


async def test_what_is_held_is_joined_withdrawn_or_expires(scene: Scene) -> None:
    async with running(scene, proactive_interval_days=0) as owner:
        hidden = lid()
        owner.pod.receive("Oi", chat=hidden, push_name="Ana")
        await until(lambda: scene.query("select from messages where chat = $1 and outbox_id is not null", str(hidden)))
        await everybody_waits(scene)
        text = (
            FILE.replace("media: natal.png\n", "")
            .replace("{pet}", "{pet|seu pet}")
            .replace("segment: {service: banho, species: cachorro}", "segment: {}")
        )
        await ordered(owner, "create", text, media=None)
        await ordered(owner, "approve", text, media=None)
        await until(lambda: equals(held, scene, 4))
        owner.pod.receive("obrigado", chat=hidden, chat_alias=Jid.of_phone(PHONES[0]))
        await until(lambda: scene.query("select from campaign_recipients where state = 'merged'"))
        assert await held(scene) == 3
        await scene.query(
            "update conversations v set human_until = null from contacts c where c.id = v.contact_id and c.phone = $1",
            PHONES[1],
        )
        await until(lambda: promoted(owner))
        await until(lambda: scene.query("select from outbox where reference is not null and state = 'sent'"))
        ended = await ordered(owner, "cancel", None)
        assert ended.report is not None
        assert (ended.withdrawn, ended.report.sent, ended.report.waiting) == (2, 1, 0)
        assert (ended.report.cancelled, ended.report.failed) == (2, {})
        other = text.replace("Promo de Natal", "Ano Novo")
        await ordered(owner, "create", other, media=None)
        await ordered(owner, "approve", other, media=None)
        await until(lambda: len(promoted(owner)[PHONES[1]]) == 2)
        await until(lambda: equals(held, scene, 2))
        await scene.query("update outbox set expires_at = now() where state = 'held'")
        await until(lambda: scene.query("select count(*) from outbox where error = 'NotReleased' having count(*) = 2"))
        await everybody_waits(scene, None)
        told = (await ordered(owner, "report", None, name="Ano Novo")).report
        assert told is not None
        assert (told.sent + told.waiting, told.failed) == (1, {"NotReleased": 2})
        assert await scene.value("select count(*) from owner_notices") == 0
    assert {phone: len(texts) for phone, texts in promoted(owner).items()} == {PHONES[1]: 2}


async def equals(count: Callable[[Scene], Awaitable[int]], scene: Scene, expected: int) -> bool:
    return await count(scene) == expected


class DyingPool:
    """A pool whose user dies before its statement of this number, as if his process was killed."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", statements: int) -> None:
        self._pool = pool
        self._left = statements

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["DyingPool"]:
        async with self._pool.acquire() as connection:
            self._connection = connection
            yield self

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        async with self._connection.transaction():
            yield
            self._live()  # before the commit

    async def execute(self, *arguments: Any) -> Any:  # noqa: ANN401 whatever asyncpg takes and returns
        self._live()
        return await self._connection.execute(*arguments)

    async def fetch(self, *arguments: Any) -> Any:  # noqa: ANN401 likewise
        self._live()
        return await self._connection.fetch(*arguments)

    async def fetchval(self, *arguments: Any) -> Any:  # noqa: ANN401 likewise
        self._live()
        return await self._connection.fetchval(*arguments)

    def _live(self) -> None:
        if self._left == 0:
            raise KilledError
        self._left -= 1


class KilledError(Exception):
    """The process is gone."""


async def held_work(owner: Owner, pool: Any) -> JobWork[RecipientOfRound]:  # noqa: ANN401 a pool, or one that dies
    """The newest job of a campaign, claimed by this test, a day later."""
    [row] = await owner.scene.query(
        "update jobs set lease_until = now() + interval '1 hour', fence = 7, claims = 1 "
        "where id = (select max(id) from jobs) returning *"
    )
    job = Job(
        organization=row["organization_id"],
        instance=row["instance_id"],
        id=row["id"],
        kind=row["kind"],
        key=row["key"],
        lane=Lane.CAMPAIGN,
        contact=row["contact_id"],
        payload=row["payload"],
        planned_at=row["planned_at"],
        attempt=1,
        fence=7,
        timezone=ZoneInfo("America/Sao_Paulo"),
        settings=owner.pod.settings,
        trace=None,
    )
    claim = JobClaim(organization=job.organization, job=job.id, fence=7, claims=1)
    payload = RecipientOfRound.model_validate_json(job.payload)
    return JobWork(job, claim, payload, pool, lambda: datetime.now(UTC) + timedelta(days=2))


async def test_a_worker_may_die_between_any_two_statements(scene: Scene) -> None:
    async with (
        running(scene, proactive_interval_days=0) as owner,
        connected_pool(scene.database_url, connections=2) as pool,
    ):
        tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
        file = FILE.replace("media: natal.png", f"window: {{begins: {tomorrow}}}").replace(
            "segment: {service: banho, species: cachorro}", "segment: {}"
        )
        text = file.replace("cap: 10", "cap: 1").replace("{pet}", "{pet|seu pet}")
        await ordered(owner, "create", text, media=None)
        await ordered(owner, "approve", text, media=None)
        kind, deaths = CampaignText(Verticals().audience_of), 0
        while deaths < MOST_STATEMENTS:
            with contextlib.suppress(KilledError):
                assert await kind.run(await held_work(owner, DyingPool(pool, deaths))) == Done()
                break
            deaths += 1
            assert await left(scene) == [("waiting", "waiting", 0)]
        assert MOST_STATEMENTS > deaths > 5
        assert await left(scene) == [("queued", "done", 1)]
        await scene.query("update jobs set state = 'dead', reason = 'x'")
        assert await scene.query("select from jobs where replay_job(organization_id, id, 'x')")
        again = [kind.run(await held_work(owner, pool)) for _ in range(2)]
        assert await asyncio.gather(*again) == [Cancelled("Settled")] * 2
        await until(lambda: promoted(owner))
        assert [len(texts) for texts in promoted(owner).values()] == [1]
        # Two workers that believe to hold the job of a recipient who waits.
        await scene.query("update campaign_recipients set state = 'waiting', outbox_id = null, settled_at = null")
        await scene.query("update jobs set state = 'waiting', finished_at = null")
        works = [await held_work(owner, pool) for _ in range(2)]
        ended = await asyncio.gather(*(kind.run(work) for work in works), return_exceptions=True)
        assert sorted(type(end).__name__ for end in ended) in (["Done", "FenceLostError"], ["Cancelled", "Done"])
        assert await left(scene) == [("queued", "done", 2)]
        for change, why in (("body = '{pet}'", "Missing:pet"), ("expires_at = now()", "Expired")):
            await scene.query(f"update campaigns set {change}")  # noqa: S608 constants of this test
            await scene.query(
                "update campaign_recipients set state = 'waiting', outbox_id = null, why = null, settled_at = null"
            )
            await scene.query("update jobs set state = 'waiting', finished_at = null")
            assert await kind.run(await held_work(owner, pool)) == Done()
            assert await left(scene) == [("skipped", "done", 2)]
            assert await scene.value("select why from campaign_recipients") == why


MOST_STATEMENTS = 30


async def test_two_workers_write_to_each_recipient_once(scene: Scene) -> None:
    async with running(scene) as owner, scene.worker(**PACE):
        await scene.query(CROWD, MANY)
        text = (
            FILE.replace("media: natal.png\n", "")
            .replace("{pet}", "{pet|seu pet}")
            .replace("segment: {service: banho, species: cachorro}", "segment: {}")
        )
        many = text.replace("cap: 10", f"cap: {MANY}").replace("existing_customer", "opted_in")
        await ordered(owner, "create", many, media=None)
        await asyncio.gather(*(ordered(owner, "approve", many, media=None) for _ in range(2)))
        sent = "select from outbox where state = 'sent' and reference is not null having count(*) = $1"
        await until(lambda: scene.query(sent, MANY), 60)
    chats = Counter(str(request.chat) for request in owner.pod.sent if (request.text or "").startswith("Oi, "))
    assert (len(chats), set(chats.values())) == (MANY, {1})
    assert await scene.value("select count(*) from jobs where state <> 'done'") == 0


MANY = 25
CROWD = """
with people as (
    insert into contacts (organization_id, instance_id, phone, phone_key, name)
    select organization_id, id, '+55118' || g, '+55118' || g, 'Bia' from instances, generate_series(1, $1) g
    returning organization_id, instance_id, id
)
insert into conversations (organization_id, instance_id, contact_id, chat)
select organization_id, instance_id, id, id || '77@lid' from people
"""


async def left(scene: Scene) -> list[tuple[str, str, int]]:
    """How the recipient and his job stand, and how many texts of the campaign there are."""
    rows = await scene.query(
        "select r.state, j.state, (select count(*) from outbox where reference is not null) "
        "from campaign_recipients r cross join jobs j"
    )
    return [tuple(row) for row in rows]


async def test_what_waits_for_its_number_is_told_why_and_leaves_once_that_may_write(scene: Scene) -> None:
    now = datetime.now(ZoneInfo("America/Sao_Paulo"))
    quiet = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=2):%H:%M}"
    async with running(scene, quiet_hours=quiet) as owner:
        text = FILE.replace("service: banho, species: cachorro", "").replace("media: natal.png\n", "")
        text = text.replace(" {pet} merece", " Merece")
        await ordered(owner, "create", text, media=None)
        approved = (await ordered(owner, "approve", text, media=None)).report
        assert approved is not None
        [wait] = approved.waits
        assert wait.why == "quiet_hours"
        assert wait.until is not None
        assert wait.until > now + timedelta(hours=1)
        shown = (await asyncio.to_thread(scene.admin, "settings", *PETSHOP)).stdout
        [line] = json.loads(shown)["sending"]["waiting"]
        assert (line["purpose"], line["why"], line["texts"]) == ("promotion", "quiet_hours", 3)
        await until(
            lambda: scene.query("select from jobs where reason = 'room:promotion:quiet_hours' having count(*) = 3")
        )
        assert promoted(owner) == {}
        await scene.publish(settings_of("petshop", limits=limits(), generation=2))
        await until(lambda: len(promoted(owner)) == len(PHONES[:3]))


UNWATCHED = PACE | {"release_look_seconds": 600, "release_held_seconds": 600}
"""What is held is looked at again only when something happens."""
STOP = "select pause_proactive(organization_id, id, 'banned', 'cli') from instances"
RESUME = "select resume_proactive(organization_id, id, 'cli') from instances"
PAUSE = (
    "select overlay_setting(organization_id, id, 'ai.paused', 'true', 'false', 'contact:1', now() + interval '1 hour') "
    "from instances"
)
PAUSE_IS_OVER = "update setting_overlays set until = now() where ended_at is null"


@dataclass
class Waiting:
    """One customer of a number that may not write for now."""

    owner: Owner
    generation: int = 1

    async def text(self, name: str, why: str) -> None:
        """A text about his booking is written, and held."""
        held = await queue(self.owner.scene, self.owner.pod.settings, f"Lembrete {name}", PHONES[0], Purpose.BOOKING)
        looked = "select from outbox o join relay_queue using (instance_id) where o.id = $1 and proactive_at > now()"
        await until(lambda: self.owner.scene.query(f"{looked} and proactive_at < 'infinity'", held), 60)
        assert (await self.why())[Purpose.BOOKING] == why

    async def job(self, name: str, why: str) -> None:
        """A campaign is approved, whose job waits before it writes anything."""
        text = FILE.replace("Promo de Natal", name).replace("service: banho, species: cachorro", "")
        text = text.replace("media: natal.png\n", "").replace("{pet} merece", name)
        for verb in ("create", "approve"):
            await ordered(self.owner, verb, text, media=None)
        reason = f"room:promotion:{why}"
        await until(
            lambda: self.owner.scene.query(
                "select from jobs where state = 'waiting' and reason = $1 and due_at > now() and lease_until is null",
                reason,
            ),
            60,
        )

    async def why(self) -> dict[Purpose, str]:
        document = await self.owner.scene.value("select reputation_of(organization_id, id) from instances")
        return {line.purpose: line.why for line in Reputation.model_validate_json(document).waiting}

    async def leaves(self, name: str) -> None:
        texts = self.owner.pod.texts_to
        await until(lambda: any(name in text for text in texts(PHONES[0])), 60)

    async def connection(self, state: ConnectionState) -> None:
        self.owner.pod.report(ConnectionChanged(state=state))
        await until(lambda: self.owner.scene.query("select from connection_states where state = $1", state.value), 60)

    async def mode(self, **ai: object) -> None:
        """The custom resource is changed."""
        self.generation += 1
        changed = {"ai": AiSettings(debounce_seconds=0, **ai), "generation": self.generation}
        await self.owner.scene.publish(self.owner.pod.settings.model_copy(update=changed))
        known = "select from instances where settings ->> 'generation' = $1"
        await until(lambda: self.owner.scene.query(known, str(self.generation)), 60)


async def test_what_waits_leaves_soon_after_its_number_is_back_whatever_that_was(scene: Scene) -> None:
    async with opened(scene, UNWATCHED, limits=limits(proactive_interval_days=0)) as owner:
        await owner.pod.answer_to("Oi", PHONES[0], push_name="Ana Souza")
        waiting = Waiting(owner)
        causes: dict[str, tuple[str, Callable[[], Awaitable[object]], Callable[[], Awaitable[object]]]] = {
            "banida": ("paused", lambda: scene.query(STOP), lambda: scene.query(RESUME)),
            "sem-rede": (
                "connection",
                lambda: waiting.connection(ConnectionState.RECONNECTING),
                lambda: waiting.connection(ConnectionState.CONNECTED),
            ),
            "em-pausa": ("assistant", lambda: waiting.mode(paused=True), waiting.mode),
            "calada": ("assistant", lambda: scene.query(PAUSE), lambda: scene.query(PAUSE_IS_OVER)),
        }
        for name, (why, begins, ends) in causes.items():
            for number, waits in enumerate((waiting.text, waiting.job)):
                await begins()
                await waits(f"{name}-{number}", why)
                assert not [text for text in owner.pod.texts_to(PHONES[0]) if f"{name}-{number}" in text]
                await ends()
                await waiting.leaves(f"{name}-{number}")
