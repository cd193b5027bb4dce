"""``python -m oxy_ai.admin``: catalogs, agendas, conversations, dead letters, the ledger, usage, messages to send.

Prints JSON on standard output and errors on standard error. Of many things it prints a document a line, as they happen.
Exit status: 0 success; 1 the ledger has entries that must not be, or a probe is stuck; 2 the command cannot do what it
was asked, and the error says what to do instead.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from nats.aio.client import Client
from pydantic import BaseModel

from oxy_ai.agenda_admin import add_agenda_parser, add_timezone, carry_out_agenda, with_changes
from oxy_ai.assistants.vertical import Vertical
from oxy_ai.automation_admin import add_automation_parser, carry_out_automation, reads_automations
from oxy_ai.campaign_admin import ReceivedCampaign, carry_out_campaign, read_campaign_order
from oxy_ai.contact_admin import carry_out_contact, read_contact_order
from oxy_ai.conversation_admin import add_conversations_parser, carry_out_conversations
from oxy_ai.database import Connection, connected_pool, organization_transaction
from oxy_ai.engine.ledger import Ledger, read_ledger
from oxy_ai.engine.outages import is_outage
from oxy_ai.engine.send_orders import ReceivedOrder, carry_out, read_order
from oxy_ai.engine.store import Engine
from oxy_ai.erasure_admin import add_erasures_parser, erase, list_erasures, print_export, read_person_order
from oxy_ai.erasures.erasing import Erasing
from oxy_ai.erasures.export import Export
from oxy_ai.erasures.table import ErasureTable
from oxy_ai.errors import AdministrationError, ProfileUnknownError
from oxy_ai.ids import organization_id
from oxy_ai.letter_admin import add_letters_parser, carry_out_letters
from oxy_ai.media.library import FileLibrary
from oxy_ai.printing import Printed
from oxy_ai.queue_admin import add_queues_parser, carry_out_queues
from oxy_ai.settings_admin import add_settings_parser, show_settings
from oxy_ai.store_settings import StoreSettings
from oxy_ai.usage_admin import add_usage_parser, carry_out_usage
from oxy_ai.verticals import Verticals
from oxy_core.bus import connected
from oxy_core.contact_command import ContactOrder, PersonOrder
from oxy_core.envelopes import InstanceSettings
from oxy_core.errors import OxyError, SettingsError
from oxy_core.logs import configure_logging

CONNECT_SECONDS: Final = 10.0
REFUSED: Final = 2
VIOLATED: Final = 1


Order: TypeAlias = ReceivedOrder | ReceivedCampaign | ContactOrder | PersonOrder
"""What commands read from standard input."""


class Stores(NamedTuple):
    """The database and the bus, as the commands use them."""

    engine: Engine
    client: Client

    def erasing(self, settings: StoreSettings) -> Erasing:
        """Return what forgets people."""
        return Erasing(self.client, ErasureTable(self.engine.pool), FileLibrary(self.engine.pool, settings))

    def export(self, settings: StoreSettings) -> Export:
        """Return what hands out all that is known of people."""
        return Export(self.client, ErasureTable(self.engine.pool), FileLibrary(self.engine.pool, settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m oxy_ai.admin", description="Administer catalogs, dead letters and the ledger; send messages."
    )
    groups = parser.add_subparsers(dest="group", required=True)
    catalog = groups.add_parser("catalog", help="an organization's catalog").add_subparsers(dest="verb", required=True)
    for verb, text in (("apply", "apply a catalog (YAML) from standard input"), ("show", "print the applied catalog")):
        command = catalog.add_parser(verb, help=text)
        command.add_argument("--organization", required=True, help="spec.organizationId of its WhatsAppInstance")
        command.add_argument("--profile", help="spec.ai.profile; without it, that of the organization's instances")
        if verb == "apply":
            command.add_argument("--replace", action="store_true", help="remove all dated changes (`agenda changes`)")
            add_timezone(command)
    add_agenda_parser(groups)
    add_automation_parser(groups)
    add_letters_parser(groups.add_parser("dlq", help="dead letters"))
    add_queues_parser(groups.add_parser("queues", help="the queues of messages, automations and campaigns"))
    add_conversations_parser(groups.add_parser("conversations", help="conversations that people answer"))
    ledger = groups.add_parser("ledger", help="what is open or ended badly, and since when")
    ledger.add_argument("organization", nargs="?", help="spec.organizationId; without it, of all organizations")
    ledger.add_argument("--oldest", type=int, default=20, help="entries to list of each organization (%(default)s)")
    add_settings_parser(groups.add_parser("settings", help="what owners have changed over the custom resource"))
    add_usage_parser(groups.add_parser("usage", help="what models were asked, and what that cost"))
    groups.add_parser(
        "contact", help="whom the assistant never answers: oxy_core.contact_command.ContactOrder from standard input"
    )
    groups.add_parser(
        "person",
        help="hand out or forget what is known of a person: oxy_core.contact_command.PersonOrder from standard input",
    )
    add_erasures_parser(groups.add_parser("erasures", help="people who are being forgotten"))
    groups.add_parser("campaign", help="campaigns: oxy_core.campaign_command.CampaignOrder and its media, likewise")
    groups.add_parser("send", help="send a message: oxy_core.send_command.SendOrder and its file from standard input")
    return parser


@asynccontextmanager
async def _opened(settings: StoreSettings) -> AsyncIterator[Stores]:
    async with (
        connected_pool(
            str(settings.database_url), connections=2, prepared_statements=settings.database_prepared_statements
        ) as pool,
        connected(settings.nats_url, settings.nats_credentials, name="oxy-admin", within=CONNECT_SECONDS) as client,
    ):
        yield Stores(Engine(pool), client)


async def _run(settings: StoreSettings, options: argparse.Namespace) -> object:
    # Whoever writes to us may be slow: read all of it before anything is opened.
    text = sys.stdin.read() if _reads_file(options) else None
    order = _order(options.group)
    async with _opened(settings) as stores:
        if options.group in {"ledger", "settings", "usage", "erasures"}:
            return await _report(stores, settings, options)
        if order is not None:
            return await _carry_out(stores, settings, order)
        if options.group == "catalog":
            return await _catalog(stores, options, text)
        if options.group in {"agenda", "automation"}:
            return await _of_business(stores, options, text)
        return await _watch_over(stores, options)


async def _watch_over(stores: Stores, options: argparse.Namespace) -> object:
    match options.group:
        case "conversations":
            return await carry_out_conversations(stores.engine, options)
        case "queues":
            return await carry_out_queues(stores.client, stores.engine, options)
        case _:
            return await carry_out_letters(stores.client, stores.engine, options)


def _reads_file(options: argparse.Namespace) -> bool:
    return reads_automations(options) or (options.group, getattr(options, "verb", None)) == ("catalog", "apply")


async def _report(stores: Stores, settings: StoreSettings, options: argparse.Namespace) -> object:
    match options.group:
        case "settings":
            return await show_settings(stores.engine, options)
        case "usage":
            return await carry_out_usage(stores.engine, options)
        case "erasures":
            return await list_erasures(stores.engine, stores.erasing(settings), options)
        case _:
            return await read_ledger(stores.engine, settings, options.organization, options.oldest)


def _order(group: str) -> Order | None:
    """Read from standard input what is ordered, numbers and texts; None: this command takes none."""
    match group:
        case "send":
            return read_order(sys.stdin.buffer)
        case "contact":
            return read_contact_order(sys.stdin.buffer)
        case "person":
            return read_person_order(sys.stdin.buffer)
        case "campaign":
            return read_campaign_order(sys.stdin.buffer)
        case _:
            return None


async def _carry_out(stores: Stores, settings: StoreSettings, order: Order) -> object:
    match order:
        case ContactOrder():
            return await carry_out_contact(stores.engine, order)
        case PersonOrder(export=True):
            return await print_export(stores.engine, stores.export(settings), order)
        case PersonOrder():
            return await erase(stores.engine, stores.erasing(settings), order)
        case ReceivedCampaign():
            return await carry_out_campaign(stores.engine, FileLibrary(stores.engine.pool, settings), order)
        case _:
            return await carry_out(stores.engine, FileLibrary(stores.engine.pool, settings), order)


async def _of_business(stores: Stores, options: argparse.Namespace, text: str | None) -> object:
    async with _known_organization(stores, options.organization) as (connection, key):
        if options.group == "agenda":
            return await carry_out_agenda(connection, key, options)
        return await carry_out_automation(connection, key, options, Verticals().named, text)


async def _catalog(stores: Stores, options: argparse.Namespace, text: str | None) -> object:
    async with _known_organization(stores, options.organization) as (connection, key):
        vertical = _vertical(options.profile or await _profile(connection, key))
        if text is not None:
            report = await vertical.apply_catalog(connection, key, options.organization, text)
            return await with_changes(connection, key, report, timezone=options.timezone, replace=options.replace)
        applied = await vertical.applied_catalog(connection, key)
    if applied is None:
        message = f"organization {options.organization!r} has no catalog yet: apply one with `oxy catalog apply`"
        raise AdministrationError(message)
    return applied


@asynccontextmanager
async def _known_organization(stores: Stores, organization: str) -> AsyncIterator[tuple[Connection, UUID]]:
    """Open a transaction of an organization; raises AdministrationError if there is none of this name."""
    key = organization_id(organization)
    async with organization_transaction(stores.engine.pool, key) as connection:
        if await connection.fetchrow("select from organizations where id = $1", key) is None:
            message = (
                f"organization {organization!r} is not known yet: apply a WhatsAppInstance with this organizationId "
                "and wait until its condition Accepted is True"
            )
            raise AdministrationError(message)
        yield connection, key


def _vertical(profile: str) -> Vertical:
    try:
        return Verticals().named(profile)
    except ProfileUnknownError as error:
        raise AdministrationError(str(error)) from error


async def _profile(connection: Connection, organization: UUID) -> str:
    """Return the profile of an organization's instances."""
    rows = await connection.fetch(
        "select settings from instances where organization_id = $1 and closed_at is null", organization
    )
    profiles = sorted({InstanceSettings.decode(row["settings"].encode()).ai.profile for row in rows})
    if len(profiles) != 1:
        message = (
            f"the organization's instances have the profiles {', '.join(profiles) or '(none)'}: name one, --profile"
        )
        raise AdministrationError(message)
    return profiles[0]


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    options = _parser().parse_args(arguments)
    configure_logging("admin", "error")
    try:
        answer = asyncio.run(_run(StoreSettings.read(), options))
    except (AdministrationError, SettingsError) as error:
        return _complain(str(error))
    except Exception as error:
        if not is_outage(error) and not isinstance(error, OxyError):
            raise
        what = str(error) or type(error).__name__
        return _complain(f"PostgreSQL or NATS does not serve ({what}); check both, then try again")
    if isinstance(answer, Printed):
        return 0 if answer.fine else VIOLATED
    print(json.dumps(_plain(answer), ensure_ascii=False, indent=2))  # noqa: T201 the command's result
    return VIOLATED if isinstance(answer, Ledger) and answer.violations else 0


def _complain(text: str) -> int:
    print(f"error: {text}", file=sys.stderr)  # noqa: T201 a command line speaks on its standard error
    return REFUSED


if __name__ == "__main__":
    sys.exit(main())
