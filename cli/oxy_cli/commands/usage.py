"""``oxy usage``: what models were asked, and what that cost, by tenant, month, conversation, model or intent."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Output, SystemNamespace
from oxy_cli.output import console, print_json, print_table
from oxy_cli.worker_admin import administer


class By(StrEnum):
    """What each line is about, beside the tenant and the month."""

    MONTH = "month"
    CONVERSATION = "conversation"
    MODEL = "model"
    INTENT = "intent"


Organization = Annotated[
    str | None,
    typer.Argument(
        metavar="ORGANIZATION", help="spec.organizationId, with all its months; without it, each tenant's newest month."
    ),
]
Month = Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Only this month, in each tenant's time zone.")]
Conversation = Annotated[
    str | None, typer.Option(metavar="ID", help="Only this conversation, as `oxy conversations list --all` lists it.")
]

_COUNTS: Final = ("calls", "prompt_tokens", "cached_tokens", "completion_tokens")
_HEADER: Final = ("CALLS", "IN", "CACHED", "OUT", "AUDIO", "MICRO-USD", "CENTS", "BUDGET CENTS", "")

_RESERVED: Final = (
    "What a call may cost at most is reserved before it is made, so a month can be closed a little before the last "
    "cent of its budget."
)


def usage(  # noqa: PLR0913 each is an option of the command
    organization: Organization = None,
    *,
    instance: Annotated[str | None, typer.Option(help="Only this instance.")] = None,
    month: Month = None,
    conversation: Conversation = None,
    by: Annotated[By, typer.Option(help="What each line is about, beside the tenant and the month.")] = By.MONTH,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show what models were asked and what that cost, in micro-dollars and in cents of a US dollar."""
    options = {"--instance": instance, "--month": month, "--conversation": conversation, "--by": by.value}
    named = [part for name, value in options.items() if value is not None for part in (name, value)]
    arguments = ["usage", *([] if organization is None else [organization]), *named]
    found = administer(Cluster.connect(context, system_namespace), arguments)
    if output is Output.JSON:
        print_json(found)
    elif found["lines"]:
        print_table(*table(found, by))
        if remark := remark_on_budgets(found):
            console().print(remark)
    else:
        console().print("No model was asked.")


def table(found: Mapping[str, Any], by: By) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a report."""
    about = [] if by is By.MONTH else [by.name]
    rows = [
        [line["organization"], line["instance"], line["month"], *([_subject(line)] if about else []), *_figures(line)]
        for line in found["lines"]
    ]
    total = ["total", "", "", *([""] if about else []), *_figures(found["total"])]
    return ["ORGANIZATION", "INSTANCE", "MONTH", *about, *_HEADER], [*rows, total]


def remark_on_budgets(found: Mapping[str, Any]) -> str:
    """Return why a month can be closed with a rest; nothing where no budget is shown."""
    return _RESERVED if any(line.get("budget_microdollars") is not None for line in found["lines"]) else ""


def _subject(line: Mapping[str, Any]) -> str:
    return " ".join(str(line[name]) for name in ("subject", "phone") if line.get(name) is not None)


def _figures(line: Mapping[str, Any]) -> list[str]:
    counts = [str(line[name]) for name in _COUNTS]
    audio = f"{line['audio_seconds']:.0f}s" if line["audio_seconds"] else ""
    return [*counts, audio, str(line["cost_microdollars"]), line["cost_cents"], _budget(line), _unsure(line)]


def _budget(line: Mapping[str, Any]) -> str:
    budget = line.get("budget_microdollars")
    if budget is None:
        return ""
    share = f" ({line['cost_microdollars'] / budget:.0%})" if budget else ""
    return f"{line['budget_cents']}{share}"


def _unsure(line: Mapping[str, Any]) -> str:
    """Return what the cost does not tell."""
    unknown, unsettled = line["unknown_calls"], line["unsettled_calls"]
    parts = [
        f"{unknown} calls of unknown cost are not in it" if unknown else "",
        f"{unsettled} unsettled calls count {line['unsettled_microdollars']} in full" if unsettled else "",
    ]
    return "; ".join(filter(None, parts))
