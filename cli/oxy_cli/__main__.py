"""The ``oxy`` command."""

import signal
import sys
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from oxy_cli.commands import agenda, automation, campaign, catalog, contact, conversations, dlq, queues, sessions
from oxy_cli.commands.freeze import freeze, thaw
from oxy_cli.commands.ledger import ledger
from oxy_cli.commands.logs import logs
from oxy_cli.commands.pair import pair
from oxy_cli.commands.send import send
from oxy_cli.commands.status import status
from oxy_cli.commands.usage import usage
from oxy_cli.errors import CliError
from oxy_cli.exit_codes import FAILURE, INTERRUPTED, after_signal


class Commands(TyperGroup):
    """The commands, whose complaints about options are in our words alone."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 typer does not export the type of its contexts
        """Run a command, and drop the name by which pydantic calls an error of ours."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


app = typer.Typer(
    name="oxy",
    cls=Commands,
    help="WhatsApp assistants on Kubernetes. Link WhatsApp numbers, check their status, send messages.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(pair)
app.command()(status)
app.command()(logs)
app.command()(send)
app.command()(freeze)
app.command()(thaw)
app.command()(ledger)
app.command()(usage)
app.add_typer(agenda.app, name="agenda")
app.add_typer(automation.app, name="automation")
app.add_typer(campaign.app, name="campaign")
app.add_typer(catalog.app, name="catalog")
app.add_typer(contact.app, name="contact")
app.add_typer(conversations.app, name="conversations")
app.add_typer(dlq.app, name="dlq")
app.add_typer(queues.app, name="queues")
app.add_typer(sessions.app, name="sessions")


def main() -> None:
    """Run the command; an error that people can act on is printed as a message, never as a traceback."""
    # Exit normally, so that exit handlers run: they remove files that must not outlive the command.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(after_signal(number)))
    try:
        app()
    except CliError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(FAILURE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
