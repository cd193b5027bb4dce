"""``python -m oxy_ai.admin dlq``: dead letters listed, shown, replayed and dropped.

What concerns many is printed as it happens, a JSON document a line.
"""

import argparse
from collections.abc import AsyncIterator

from nats.aio.client import Client

from oxy_ai.engine.dead_jobs import DeadJobs
from oxy_ai.engine.dead_letters import (
    KINDS,
    Action,
    DeadLetter,
    Sources,
    Wanted,
    all_letters,
    drop_all,
    one_source,
    replay_all,
)
from oxy_ai.engine.dead_report_letters import DeadReports
from oxy_ai.engine.dead_turns import DeadTurns
from oxy_ai.engine.known_names import require_known
from oxy_ai.engine.store import Engine
from oxy_ai.printing import Printed, print_document


def add_letters_parser(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of ``dlq``."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    _add_selection(verbs.add_parser("ls", help="list them, the first death first, a JSON document a line"))
    verbs.add_parser("show", help="show one").add_argument("id", help="an id from `dlq ls`")
    for verb, text, of_all in (
        ("replay", "retry one or many", "all that no person has answered since, the first death first"),
        ("drop", "discard one or many", "all, the first death first"),
    ):
        command = verbs.add_parser(verb, help=text)
        which = command.add_mutually_exclusive_group(required=True)
        which.add_argument("id", nargs="?", help="an id from `dlq ls`")
        which.add_argument("--all", action="store_true", help=f"{of_all}; a JSON document a line")
        _add_selection(command)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=KINDS, help="only those of this kind")
    parser.add_argument("--organization", help="only those of this organization")
    parser.add_argument("--instance", help="only those of this instance")


async def carry_out_letters(client: Client, engine: Engine, options: argparse.Namespace) -> object:
    """Do what one of these verbs asks: return what happened to one, print what happens to many.

    Raises AdministrationError.
    """
    sources = sources_of(client, engine)
    if options.verb == "ls" or (options.verb != "show" and options.all):
        await require_known(engine, options.organization, options.instance)
        async for document in _many(sources, options):
            print_document(document)
        return Printed()
    source, key = one_source(sources, options.id)
    match options.verb:
        case "show":
            return await source.show(key)
        case "replay":
            return await source.replay(key)
        case _:
            return await source.drop(key)


def sources_of(client: Client, engine: Engine) -> Sources:
    """Return all places where dead letters are kept, by the beginning of their ids."""
    return {"turn": DeadTurns(engine), "bus": DeadReports(client, engine), "job": DeadJobs(engine)}


def _many(sources: Sources, options: argparse.Namespace) -> AsyncIterator[DeadLetter] | AsyncIterator[Action]:
    wanted = Wanted(options.kind, options.organization, options.instance)
    match options.verb:
        case "ls":
            return all_letters(sources, wanted)
        case "replay":
            return replay_all(sources, wanted)
        case _:
            return drop_all(sources, wanted)
