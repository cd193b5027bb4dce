"""The ``oxy`` command."""

import signal
import sys

import typer
from rich.console import Console
from rich.markup import escape

from oxy_cli import catalog, dlq
from oxy_cli.errors import CliError
from oxy_cli.logs import logs
from oxy_cli.pair import pair
from oxy_cli.status import status

app = typer.Typer(
    name="oxy",
    help="WhatsApp assistants on Kubernetes: link numbers, see how they do, give them their catalogue.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(pair)
app.command()(status)
app.command()(logs)
app.add_typer(catalog.app, name="catalog")
app.add_typer(dlq.app, name="dlq")


def main() -> None:
    """Run the command; an error that people can act on is a message and status 1, never a traceback."""
    # An orderly exit, which removes what is only there while the command runs.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        app()
    except CliError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
