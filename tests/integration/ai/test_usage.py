"""What models were asked and what that cost, as administrators and Aurora read it."""

import asyncio
import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from integration.ai.scene import CUSTOMER, OWNER, Scene, org, settings_of, until

from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.reports.ai_cost import read_ai_cost
from oxy_ai.usage_admin import add_usage_parser, carry_out_usage
from oxy_core.instance.settings import AiSettings

PETSHOP, BARBER = settings_of("petshop"), settings_of("barber", ai=AiSettings(debounce_seconds=0, model="own-model"))
NEVER, LONG_AGO = datetime(2030, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)


async def reported(scene: Scene, *arguments: str) -> dict[str, Any]:
    """What ``oxy_ai.admin usage`` prints, without a process of its own."""
    parser = ArgumentParser()
    add_usage_parser(parser)
    async with connected_pool(scene.database_url, connections=1) as pool:
        report = await carry_out_usage(Engine(pool), parser.parse_args(arguments))
    return report.model_dump(mode="json")


def cents_agree(line: dict[str, Any]) -> bool:
    return Decimal(line["cost_cents"]) * 10_000 == line["cost_microdollars"]


async def test_usage_is_shown_by_tenant_month_conversation_and_intent(scene: Scene) -> None:
    shops = [await scene.pod(PETSHOP), await scene.pod(BARBER)]
    async with scene.worker():
        await asyncio.gather(*(pod.answer_to("Oi") for pod in shops))
        await shops[0].answer_to("Obrigada")
        await shops[0].answer_to("Aurora, como está o movimento esta semana?", OWNER)
        await until(lambda: scene.query("select from ai_interactions having count(*) = 5"))
    await scene.query("update ai_interactions set month = '2026-01-01' where intent = 'thanks'")
    tenants = await reported(scene)
    assert {(line["organization"], line["calls"], line["unknown_calls"]) for line in tenants["lines"]} == {
        ("petshop", 3, 0),
        ("barber", 1, 1),
    }
    assert tenants["total"]["calls"] == 4
    assert all(cents_agree(line) for line in tenants["lines"])
    months = await reported(scene, "petshop")
    assert [line["calls"] for line in months["lines"]] == [3, 1]
    assert [line["month"] for line in months["lines"]][1] == "2026-01"
    chats = await reported(scene, "petshop", "--by", "conversation")
    mine = next(line for line in chats["lines"] if line["phone"].endswith(CUSTOMER[-2:]))
    alone = await reported(scene, "--conversation", mine["subject"], "--by", "intent", "--month", mine["month"])
    assert [line["subject"] for line in alone["lines"]] == ["greeting"]
    assert alone["total"]["cost_microdollars"] == mine["cost_microdollars"] > 0
    await costs_are_read(scene)
    with pytest.raises(AdministrationError, match="'nobody' is not known"):
        await reported(scene, "nobody")
    printed = json.loads((await asyncio.to_thread(scene.admin, "usage", "petshop")).stdout)
    assert printed["total"] == months["total"]


async def costs_are_read(scene: Scene) -> None:
    """What Aurora tells the owner of it: her own calls as well, within the period."""
    key = org(PETSHOP)
    spent = await scene.value("select sum(cost_microdollars) from ai_interactions where organization_id = $1", key)
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, key) as connection,
    ):
        found = await read_ai_cost(connection, key, LONG_AGO, NEVER)
        assert (found.calls, found.microdollars, found.unpriced) == (4, spent, 0)
        assert (await read_ai_cost(connection, key, LONG_AGO, LONG_AGO)).calls == 0
