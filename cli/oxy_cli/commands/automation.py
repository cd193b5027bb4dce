"""``oxy automation``: what an instance writes to its customers by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.instance import InstanceView
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.output import console, print_json, print_table
from oxy_cli.worker_admin import administer
from oxy_cli.yaml_files import read_yaml

app = typer.Typer(no_args_is_help=True, help="Reminders, thanks, birthdays: what an instance writes by itself.")

_FILE: Final = typer.Option("--filename", "-f", help="File with automations in YAML; - for standard input.")
_ONLY: Final = typer.Option("--automation", help="Only this automation.")


@dataclass(frozen=True, slots=True)
class AutomationsOf:
    """Whose automations they are, and where the workers run."""

    name: str
    namespace: str | None
    system_namespace: str
    context: str | None

    def ask(self, verb: str, *options: str, text: str | None = None) -> Any:  # noqa: ANN401 the JSON that the worker prints
        """Run a command of ``python -m oxy_ai.admin automation``."""
        instance = InstanceView.of(Cluster.connect(self.context, self.namespace).instance(self.name))
        whose = ["--organization", instance.organization, "--instance", instance.name]
        system = Cluster.connect(self.context, self.system_namespace)
        return administer(system, ["automation", verb, *whose, *options], [] if text is None else [text.encode()])


@app.command()
def apply(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    filename: Annotated[str, _FILE],
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Apply the automations of a file. Those that it does not name stay as they are."""
    text = read_yaml(filename)
    found = AutomationsOf(name, namespace, system_namespace, context).ask("apply", "--name", filename, text=text)
    if output is Output.JSON:
        print_json(found)
    else:
        console().print(f"Changed: {', '.join(found['changed']) or 'nothing'}.")
        console().print(f"On: {', '.join(found['enabled']) or 'nothing'}.")


@app.command("list")
def list_(
    name: Name,
    *,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List the automations of an instance, with those that nobody has applied yet."""
    found = AutomationsOf(name, namespace, system_namespace, context).ask("list")
    if output is Output.JSON:
        print_json(found)
    else:
        print_table(["NAME", "ON", "TRIGGER", "WHEN", "TOLD", "DROPPED", "FROM"], map(listed_row, found["automations"]))


@app.command("test")
def try_out(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    filename: Annotated[str | None, _FILE] = None,
    automation: Annotated[str | None, _ONLY] = None,
    days: Annotated[int, typer.Option(help="How many days to look ahead.")] = 7,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show what would be written in the coming days, to whom, when and why. Nothing is sent, and nothing changes.

    Without --filename and --automation: what is on.
    """
    chosen = ["--days", str(days), *(["--only", automation] if automation else [])]
    text = None if filename is None else read_yaml(filename)
    given = [] if filename is None else ["--file-given", "--name", filename]
    found = AutomationsOf(name, namespace, system_namespace, context).ask("test", *chosen, *given, text=text)
    if output is Output.JSON:
        print_json(found)
    elif found["messages"]:
        print_table(["AT", "AUTOMATION", "CUSTOMER", "WHY", "TEXT"], map(forecast_row, found["messages"]))
    else:
        console().print(f"Nothing would be written until {_moment(found['until'])}.")


@app.command()
def history(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    automation: Annotated[str | None, _ONLY] = None,
    limit: Annotated[int, typer.Option(help="How many lines at most.")] = 50,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show what was due, the newest first, and what became of it."""
    chosen = ["--limit", str(limit), *(["--only", automation] if automation else [])]
    found = AutomationsOf(name, namespace, system_namespace, context).ask("history", *chosen)
    if output is Output.JSON:
        print_json(found)
    elif found["occurrences"]:
        print_table(["DUE", "AUTOMATION", "ABOUT", "CONTACT", "BECAME"], map(past_row, found["occurrences"]))
    else:
        console().print("Nothing has been due yet.")


def listed_row(item: Mapping[str, Any]) -> list[str]:
    """Return a line of `list`."""
    definition = item["definition"]
    when = definition.get("delay") or ", ".join(
        f"{name} {delay}" for name, delay in definition.get("intervals", {}).items()
    )
    at = f"at {definition['at']}" if "at" in definition else ""
    return [
        item["name"],
        "yes" if item["enabled"] else "no",
        item["trigger"],
        f"{when} {at}".strip(),
        str(item["told"]),
        str(item["dropped"]),
        item["source"],
    ]


def forecast_row(item: Mapping[str, Any]) -> list[str]:
    """Return a line of `test`."""
    return [
        _moment(item["at"]),
        item["automation"],
        item["customer"],
        f"{item['because']} ({'; '.join(item['about'])})",
        _becomes(item),
    ]


def _becomes(item: Mapping[str, Any]) -> str:
    waits = item.get("waits_for")
    if item.get("not_sent"):
        return f"not sent: {item['not_sent']}{f' ({waits})' if waits else ''}"
    if not waits:
        return str(item["text"])
    until = f" until {_moment(item['waits_until'])}" if item.get("waits_until") else ""
    return f"waits ({waits}){until}: {item['text']}"


def past_row(item: Mapping[str, Any]) -> list[str]:
    """Return a line of `history`."""
    became = [item["state"], item.get("reason"), item.get("sent"), item.get("held_for"), item.get("answer")]
    shown = ", ".join(str(part) for part in became if part)
    return [_moment(item["due_at"]), item["automation"], item["about"], str(item["contact"]), shown]


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"
