"""``python -m oxy_ai.admin conversations``: who waits for a person, taking a conversation over, handing it back."""

import argparse
from typing import Final

from oxy_ai.engine.conversations import hand_back, list_conversations, show_conversation, take_over
from oxy_ai.engine.store import Engine
from oxy_ai.golden.export import export_conversation
from oxy_core.instance.settings import AiSettings

_LISTED: Final = 100
"""Conversations that are listed."""
_EXPORTED: Final = 40
"""Messages of which a golden dialogue is made."""
_SHOWN: Final = 30
"""Messages of one conversation that are shown."""


def add_conversations_parser(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of ``conversations``."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    listed = verbs.add_parser("list", help="list those that people answer, whoever waits longest first")
    listed.add_argument("--organization", help="only those of this organization")
    listed.add_argument("--instance", help="only those of this instance")
    listed.add_argument("--all", action="store_true", help="also those that the assistant answers")
    listed.add_argument("--most", type=int, default=_LISTED, help="how many (%(default)s)")
    shown = verbs.add_parser("show", help="show one with its newest messages")
    shown.add_argument("--most", type=int, default=_SHOWN, help="how many messages (%(default)s)")
    made = verbs.add_parser("export", help="make a golden dialogue of one, for oxy_ai.evaluate")
    made.add_argument("--redact", action="store_true", help="replace names, numbers, addresses and documents")
    made.add_argument("--most", type=int, default=_EXPORTED, help="how many messages (%(default)s)")
    taken = verbs.add_parser("takeover", help="silence the assistant")
    taken.add_argument("--minutes", type=int, default=AiSettings().handover_minutes, help="for how long (%(default)s)")
    handed = verbs.add_parser("handback", help="have the assistant answer again")
    for verb in (shown, made, taken, handed):
        verb.add_argument("id", help="an id from `conversations list`")


async def carry_out_conversations(engine: Engine, options: argparse.Namespace) -> object:
    """Do what one of these verbs asks; raises AdministrationError."""
    match options.verb:
        case "list":
            return await list_conversations(
                engine, options.organization, options.instance, everything=options.all, most=options.most
            )
        case "show":
            return await show_conversation(engine, options.id, options.most)
        case "export":
            return await export_conversation(engine, options.id, options.most, redact=options.redact)
        case "takeover":
            return await take_over(engine, options.id, options.minutes)
        case _:
            return await hand_back(engine, options.id)
