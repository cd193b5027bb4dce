"""``python -m oxy_ai.admin export``, ``erase`` and ``erasures``: what is known of people, and who is forgotten."""

import argparse
from typing import BinaryIO, Final

from pydantic import ValidationError

from oxy_ai.engine.known_names import require_known
from oxy_ai.engine.outgoing import find_destination
from oxy_ai.engine.store import Engine
from oxy_ai.erasures.erasing import Erasing
from oxy_ai.erasures.export import Export
from oxy_ai.erasures.records import REMEDIES, DueErasure, EraseRefusal
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import instance_id, organization_id
from oxy_ai.printing import Printed, print_document
from oxy_core.contact_command import ErasureStatus, PersonOrder
from oxy_core.identity import new_id

ADMINISTRATOR: Final = "administrator"


def add_erasures_parser(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``erasures``."""
    parser.add_argument("organization", help="spec.organizationId")
    parser.add_argument("instance", help="metadata.name of its WhatsAppInstance")
    parser.add_argument("--all", action="store_true", help="also those that are finished")


def read_person_order(stream: BinaryIO) -> PersonOrder:
    """Read an order; raises AdministrationError if it is none."""
    try:
        return PersonOrder.model_validate_json(stream.readline())
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, item["loc"])) for item in error.errors()}))
        message = f"standard input is not an order about a person (check {fields or 'its form'})"
        raise AdministrationError(message) from None


async def erase(engine: Engine, erasing: Erasing, order: PersonOrder) -> list[ErasureStatus]:
    """Forget a person, as far as it can be done now; workers do the rest. Raises AdministrationError."""
    to = await find_destination(engine, order.organization, order.instance, order.person)
    begun = await erasing.table.begin(to.organization, to.instance, to.recipient, new_id(), ADMINISTRATOR)
    if begun.refusal is not None:
        raise AdministrationError(REMEDIES[begun.refusal])
    if begun.erasure is not None:
        await erasing.carry_on(DueErasure(to.organization, begun.erasure))
    statuses = await erasing.table.statuses(to.organization, to.instance, finished=True)
    others = await erasing.table.known_elsewhere(*to)
    return [status.model_copy(update={"known_to": others}) for status in statuses if status.id == begun.erasure]


async def list_erasures(engine: Engine, erasing: Erasing, options: argparse.Namespace) -> list[ErasureStatus]:
    """Return the erasures of an instance; raises AdministrationError for an unknown one."""
    await require_known(engine, options.organization, options.instance)
    organization, instance = organization_id(options.organization), instance_id(options.organization, options.instance)
    return await erasing.table.statuses(organization, instance, finished=options.all)


async def print_export(engine: Engine, export: Export, order: PersonOrder) -> Printed:
    """Print everything that is known of a person, a JSON document a line; raises AdministrationError."""
    to = await find_destination(engine, order.organization, order.instance, order.person)
    pieces = 0
    async for piece in export.pieces(to, order):
        print_document(piece)
        pieces += 1
    if not pieces:
        raise AdministrationError(REMEDIES[EraseRefusal.UNKNOWN])
    return Printed()
