"""The barber's shop, registered as the entry point `barber` of the group `oxy.verticals`."""

from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from oxy_ai.assistants.prompt_files import PromptFile, hash_of
from oxy_ai.assistants.vertical import Brief, Context, ContextPart, Prompt, Role, Scope, Vertical
from oxy_ai.database import Connection
from oxy_ai.portuguese.formatting import moment, money
from oxy_barber.catalog import BarberList, applied_list, apply_list, read_list
from oxy_barber.tools import TOOLS


@dataclass(frozen=True)
class Stable:
    shop: str
    price_list: str


@dataclass(frozen=True)
class Changing:
    today: str
    iso_date: str
    missing: str


async def _read_prices(connection: Connection, organization: UUID, _: int, __: datetime) -> str:
    listed = await applied_list(connection, organization)
    cuts = {} if listed is None else listed.cuts
    return "\n".join(f"- {name}: {money(int(price * 100))}" for name, price in cuts.items())


PRICES: Final[ContextPart[str]] = ContextPart("prices", Scope.ORGANIZATION, _read_prices, "Não diga preços agora.")


class BarberShop:
    """Barbers."""

    def __init__(self) -> None:
        folder = files("oxy_barber") / "prompt_files"
        self._stable = PromptFile.read(folder / "customer.md", Stable)
        self._changing = PromptFile.read(folder / "customer_now.md", Changing)

    def is_emergency(self, text: str) -> bool:  # noqa: ARG002 the interface has it
        return False

    def parts(self, role: Role) -> tuple[ContextPart[Any], ...]:
        return (PRICES,) if role is Role.CUSTOMER else ()

    def brief(self, context: Context) -> Brief:
        shop, now = context.turn.settings.display_name, context.now
        changing = Changing(moment(now), f"{now:%Y-%m-%d}", context.facts.missing((PRICES,)))
        return Brief(
            Prompt(
                self._stable.fill(Stable(shop, context.facts.of(PRICES) or "")),
                self._changing.fill(changing),
                hash_of(self._stable, self._changing),
            ),
            TOOLS,
        )

    async def apply_catalog(self, connection: Connection, organization: UUID, name: str, text: str) -> BarberList:  # noqa: ARG002 the interface has it
        return await apply_list(connection, organization, read_list(text))

    async def applied_catalog(self, connection: Connection, organization: UUID) -> BarberList | None:
        return await applied_list(connection, organization)


if TYPE_CHECKING:
    _: Vertical = BarberShop()
