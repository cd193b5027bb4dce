"""``oxy sessions``: the sessions by which numbers are linked."""

import typer

from oxy_cli.commands.session_backups import backup
from oxy_cli.commands.session_deletion import delete
from oxy_cli.commands.session_pruning import prune
from oxy_cli.commands.session_reading import list_, show, stats
from oxy_cli.commands.session_restores import restore

app = typer.Typer(
    no_args_is_help=True,
    help="The sessions by which numbers are linked: their backups, restoring one, what deleted instances left.",
)
app.command(name="list")(list_)
for command in (show, stats, backup, restore, delete, prune):
    app.command()(command)
