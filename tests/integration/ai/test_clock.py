"""What day and time assistants take it to be is an argument."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from integration.ai.endpoint import Endpoint, calling, running_endpoint, saying
from integration.ai.journals import WrittenJournal, apply, ingest
from integration.ai.scene import Scene, settings_of
from integration.ai.test_dialogues import booking

from oxy_ai.database import connected_pool
from oxy_ai.engine.store import ClaimLimits, Engine
from oxy_ai.engine.turn_runner import TurnRunner
from oxy_ai.model.client import ModelClient
from oxy_ai.records import TurnLimits
from oxy_ai.verticals import Verticals
from oxy_core.identity import Jid

ZONE = ZoneInfo("America/Sao_Paulo")
SETTINGS = settings_of("petshop")
CHAT = Jid.of_phone("+5511912340001")
LIMITS = ClaimLimits(
    timedelta(minutes=1),
    0,
    1,
    timedelta(seconds=0.005),
    TurnLimits(messages=10, characters_each=100, characters=1000, characters_quoted=300, content_bytes=8_192, claims=5),
    0,
    timedelta(seconds=0.005),
)


@dataclass
class Shop:
    """A shop whose assistant takes it to be `now`."""

    engine: Engine
    journal: WrittenJournal
    endpoint: Endpoint
    now: datetime

    async def hears(self, text: str, runner: TurnRunner) -> str:
        """Answer a customer's text; returns what changes of the prompt."""
        await ingest(self.engine, SETTINGS.account, [self.journal.write(CHAT, text)])
        [claimed] = (await self.engine.claim(1, LIMITS)).claimed
        await runner.run(claimed)
        prompt: str = self.endpoint.requests[-1]["messages"][1]["content"]
        return prompt


@asynccontextmanager
async def opened(scene: Scene, endpoint: Endpoint) -> AsyncIterator[tuple[Shop, TurnRunner]]:
    model = ModelClient(scene.settings(openai_base_url=endpoint.base_url))
    async with connected_pool(scene.database_url, connections=4) as pool:
        engine = Engine(pool)
        await apply(engine, SETTINGS)
        await scene.apply_catalog("petshop")
        shop = Shop(engine, WrittenJournal(SETTINGS), endpoint, datetime.now(UTC))
        yield shop, TurnRunner(engine, model, Verticals().named, scene.settings(), lambda: shop.now)
    await model.close()


async def test_a_conversation_of_another_day_is_answered_as_on_that_day(scene: Scene) -> None:
    past = datetime(2019, 3, 12, 22, 30, tzinfo=ZONE)
    reactions = (calling(booking(past.date() + timedelta(days=1))), saying("Feito, marcado!"), saying("Até lá!"))
    async with running_endpoint(*reactions) as endpoint, opened(scene, endpoint) as (shop, runner):
        shop.now = past.astimezone(UTC)
        prompt = await shop.hears("Oi! Quero um banho para o Rex amanhã às 10h", runner)
        assert "terça-feira, 12/03/2019" in prompt
        assert await scene.value("select starts_at from bookings") == datetime(2019, 3, 13, 13, tzinfo=UTC)
        shop.now += timedelta(hours=10)
        prompt = await shop.hears("Obrigada!", runner)
        assert "quarta-feira, 13/03/2019, 08:30" in prompt
        assert "Agendamentos futuros deste cliente: " in prompt


async def test_people_are_back_by_the_same_clock(scene: Scene) -> None:
    async with running_endpoint(saying("Vou chamar alguém da equipe.")) as endpoint, opened(scene, endpoint) as built:
        shop, runner = built
        shop.now = datetime(2031, 3, 8, 22, tzinfo=ZONE)
        await shop.hears("Quero falar com uma pessoa", runner)
        said = await scene.value("select body from messages where author = 'assistant'")
    assert "Agora estamos fechados: abrimos " in said
