"""``oxy campaign``: messages to many customers, from a file beside its media to what came of it."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml
from pydantic import ValidationError
from rich.markup import escape

from oxy_cli.cluster import Cluster
from oxy_cli.commands.send import CHUNK_BYTES, unfit
from oxy_cli.errors import CliError
from oxy_cli.instance import InstanceView
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.output import console, print_bars, print_json, print_table
from oxy_cli.sending import because
from oxy_cli.worker_admin import administer
from oxy_core.campaign_command import (
    CampaignAnswer,
    CampaignOrder,
    CampaignPreview,
    CampaignReport,
    CampaignsAnswer,
    CampaignVerb,
    MediaOrder,
)

app = typer.Typer(no_args_is_help=True, help="Messages to many customers: drafted, previewed, approved, counted.")

File = Annotated[
    Path | None, typer.Option("--filename", "-f", help="File with the campaign in YAML; its media is beside it.")
]
Called = Annotated[str | None, typer.Option("--name", help="Name of the campaign, instead of its file.")]
Number = Annotated[
    bool,
    typer.Option(
        "--instance", help="Whatever the number sends without being asked, after it was paused to protect the number."
    ),
]
_STATES: Final = {"draft": "a draft"}
"""States of a campaign that are no adjectives, in sentences."""
_LINES: Final = {
    "recipients": "recipients",
    "waiting": "waiting",
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "answered": "answered",
    "booked": "booked",
    "opted_out": "opted out",
    "cancelled": "cancelled",
    "dead": "dead letters",
}


@dataclass(frozen=True, slots=True)
class CampaignsOf:
    """Whose campaign it is, and where the workers run."""

    name: str
    namespace: str | None
    system_namespace: str
    context: str | None

    def tell(self, wanted: "CampaignWanted", output: Output) -> None:
        """Have a worker do something with a campaign, and write what it answered."""
        with _opened(wanted.media) as content:
            instance = InstanceView.of(Cluster.connect(self.context, self.namespace).instance(self.name))
            order = CampaignOrder(
                organization=instance.organization,
                instance=instance.name,
                verb=wanted.verb,
                name=wanted.called,
                text=wanted.text,
                file=None if wanted.path is None else wanted.path.name,
                media=None if content is None else media_of(wanted, content),
                number=wanted.number,
            )
            system = Cluster.connect(self.context, self.system_namespace)
            found = administer(system, ["campaign"], written(order, content))
        show(found, instance.place, output)


@dataclass(frozen=True, slots=True)
class CampaignWanted:
    """What is to be done with which campaign."""

    verb: CampaignVerb
    path: Path | None = None
    """Its file."""
    text: str | None = None
    """What the file says; None: the campaign is only named."""
    called: str | None = None
    media: Path | None = None
    number: bool = False


@app.command()
def create(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    filename: Annotated[Path, typer.Option("--filename", "-f", help="File with the campaign in YAML.")],
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Keep a campaign as a draft and show what approving it would do. Nothing is sent."""
    wanted = of_file(CampaignVerb.CREATE, filename)
    CampaignsOf(name, namespace, system_namespace, context).tell(wanted, output)


@app.command()
def preview(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    filename: File = None,
    called: Called = None,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show who would get a campaign, who is left out and why, and ten examples. Nothing is kept or sent."""
    wanted = of_either(CampaignVerb.PREVIEW, filename, called)
    CampaignsOf(name, namespace, system_namespace, context).tell(wanted, output)


@app.command()
def approve(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    filename: File = None,
    called: Called = None,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Fix the recipients of a draft; each gets it once, as fast as the number may write. The file must be the draft."""
    wanted = of_either(CampaignVerb.APPROVE, filename, called)
    CampaignsOf(name, namespace, system_namespace, context).tell(wanted, output)


@app.command()
def pause(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    filename: File = None,
    called: Called = None,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Stop a campaign for a while: nothing more of it leaves. It still expires."""
    wanted = named(of_either(CampaignVerb.PAUSE, filename, called))
    CampaignsOf(name, namespace, system_namespace, context).tell(wanted, output)


@app.command()
def resume(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    filename: File = None,
    called: Called = None,
    number: Number = False,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Go on with a paused campaign, or (--instance) with all that the number sends without being asked."""
    wanted = (
        CampaignWanted(CampaignVerb.RESUME, number=True)
        if number
        else named(of_either(CampaignVerb.RESUME, filename, called))
    )
    CampaignsOf(name, namespace, system_namespace, context).tell(wanted, output)


@app.command()
def cancel(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    filename: File = None,
    called: Called = None,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """End a campaign for good. What has left cannot be taken back."""
    wanted = named(of_either(CampaignVerb.CANCEL, filename, called))
    CampaignsOf(name, namespace, system_namespace, context).tell(wanted, output)


@app.command()
def report(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    filename: File = None,
    called: Called = None,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show what came of a campaign: sent, delivered, read, answered, booked, opted out, and failed by reason."""
    wanted = named(of_either(CampaignVerb.REPORT, filename, called))
    CampaignsOf(name, namespace, system_namespace, context).tell(wanted, output)


@app.command("list")
def list_all(
    name: Name,
    *,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List an instance's campaigns, the newest first."""
    CampaignsOf(name, namespace, system_namespace, context).tell(CampaignWanted(CampaignVerb.LIST), output)


def of_either(verb: CampaignVerb, path: Path | None, called: str | None) -> CampaignWanted:
    """Return what is wanted of a campaign that is there as a file, or is named; raises CliError."""
    if (path is None) == (called is None):
        message = "name the campaign either by its file, -f, or by --name"
        raise CliError(message)
    return CampaignWanted(verb, called=called) if path is None else of_file(verb, path)


def of_file(verb: CampaignVerb, path: Path) -> CampaignWanted:
    """Return what is wanted of a campaign in a file; raises CliError if it cannot be read or its media is missing."""
    try:
        text = path.read_text(encoding="utf-8")
        fields = _texts_of(text)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise CliError(message) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = f"{path} is not YAML: {error}"
        raise CliError(message) from error
    called, media = fields.get("name"), fields.get("media")
    beside = path.parent / media if media is not None and _is_beside(media) else None
    return CampaignWanted(verb, path, text, called, beside)


def _texts_of(text: str) -> dict[str, str]:
    """Return the fields of a document that are texts, or days, which the worker reads as such.

    What the others are worth only the worker asks: of a day that does not exist it says where it stands, YAML does not.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    fields = root.value if isinstance(root, yaml.MappingNode) else []
    return {key.value: value.value for key, value in fields if value.tag in _TEXTS}


_TEXTS: Final = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"}
"""Of YAML's kinds of values."""


def _is_beside(media: str) -> bool:
    """Return whether a file can be beside a campaign's; where it cannot, the worker says what to write instead."""
    return media not in {"", ".", ".."} and Path(media).name == media


def named(wanted: CampaignWanted) -> CampaignWanted:
    """Return the same by the campaign's name alone, whatever else its file says now; raises CliError."""
    if not wanted.called:
        message = f"{wanted.path} has no `name`, by which the campaign is known"
        raise CliError(message)
    return replace(wanted, path=None, text=None, media=None)


@contextmanager
def _opened(path: Path | None) -> Iterator[BufferedReader | None]:
    """Open a campaign's media; raises CliError if it cannot be sent."""
    if path is None:
        yield None
        return
    try:
        with path.open("rb") as content:
            if (problem := unfit(os.fstat(content.fileno()))) is not None:
                message = f"media: {path} {problem}"
                raise CliError(message)
            yield content
    except OSError as error:
        message = f"media: cannot read {path}: {error.strerror}; it must be beside the campaign's file"
        raise CliError(message) from error


def media_of(wanted: CampaignWanted, content: BufferedReader) -> MediaOrder:
    """Return what a worker is told of a campaign's media; the bytes are needed only where it is kept."""
    digest = hashlib.file_digest(content, "sha256").hexdigest()
    content.seek(0)
    return MediaOrder(
        name=Path(content.name).name,
        size=os.fstat(content.fileno()).st_size,
        sha256=digest,
        follows=wanted.verb is CampaignVerb.CREATE,
    )


def written(order: CampaignOrder, content: BufferedReader | None) -> Iterator[bytes]:
    """Yield what the worker reads: a line with the order, then the media, if the order says so."""
    yield order.model_dump_json(exclude_none=True).encode() + b"\n"
    if content is not None and order.media is not None and order.media.follows:
        while chunk := content.read(CHUNK_BYTES):
            yield chunk


def show(found: Any, place: str, output: Output) -> None:  # noqa: ANN401 JSON
    """Write what the worker answered; `place` is the instance as commands take it."""
    if output is Output.JSON:
        print_json(found)
        return
    try:
        answer = CampaignsAnswer.model_validate(found) if "name" not in found else CampaignAnswer.model_validate(found)
    except (ValidationError, TypeError) as error:
        message = "the worker's answer cannot be read; are it and this command the same version?"
        raise CliError(message) from error
    if isinstance(answer, CampaignsAnswer):
        _show_all(answer)
        return
    console().print(sentence(answer))
    if answer.preview is not None:
        print_preview(answer.preview, place)
    if answer.report is not None:
        print_report(answer.report)


_RESUMED: Final = (
    "The number sends again. If WhatsApp had locked it (463), one message that waits is tried at once and the others "
    "follow if that is sent; if it is refused, the number stops again."
)


def _show_all(answer: CampaignsAnswer) -> None:
    if answer.resumed is not None:
        text = _RESUMED if answer.resumed else "The number was not paused; nothing has changed."
        console().print(text)
    elif not answer.campaigns:
        console().print("There are no campaigns.")
    else:
        rows = [[item.name, item.state, _at(item.approved_at), _at(item.expires_at)] for item in answer.campaigns]
        print_table(["CAMPAIGN", "STATE", "APPROVED", "EXPIRES"], rows)


def _at(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M %Z}"


def sentence(answer: CampaignAnswer) -> str:
    """Return what has happened, for people."""
    name = f"[bold]{escape(answer.name)}[/]"
    expires = f" It expires {_at(answer.expires_at)}." if answer.expires_at else ""
    withdrawn = f" {answer.withdrawn} who waited get nothing." if answer.withdrawn is not None else ""
    told = {
        "created": "is kept as a draft; nothing is sent before `oxy campaign approve`.",
        "changed": "is kept as a draft in place of the earlier one; nothing is sent before `oxy campaign approve`.",
        "same": f"was kept before, as it is; nothing has changed. It is {_STATES.get(answer.state, answer.state)}.",
        "previewed": "would be this; nothing was kept or sent.",
        "approved": f"is approved: each recipient gets it once.{expires}",
        "already": f"was approved before; nothing was done twice.{expires}",
        "paused": "is paused: nothing more of it leaves.",
        "resumed": f"goes on.{expires}",
        "cancelled": f"is cancelled.{withdrawn}",
    }
    return f"Campaign {name} {told.get(answer.outcome, f'is {_STATES.get(answer.state, answer.state)}.')}"


def print_preview(preview: CampaignPreview, place: str) -> None:
    """Write who would get a campaign of the instance, which is as commands take it, and examples."""
    left = {
        "beyond the cap": preview.over_cap,
        "opted out": preview.opted_out,
        "neither wrote nor came": preview.unproven,
        **{f"no {name}": count for name, count in preview.missing.items()},
    }
    out = ", ".join(f"{escape(why)}: {count}" for why, count in left.items() if count)
    recipients = preview.recipients - sum(preview.missing.values())
    console().print(f"To {escape(preview.to)}: [bold]{recipients}[/]" + (f" (left out: {out})" if out else ""))
    if recipients <= 0:
        console().print("[bold]Nobody would get it: change its segment, or what its text needs to know of each.[/]")
    elif preview.room < recipients:
        console().print(f"[bold]The number may send only about {preview.room} texts before it expires.[/]")
    if preview.silent:
        console().print("[bold]Nothing leaves: its hours lie within spec.limits.quietHours.[/]")
    if preview.paused:
        resume = f"oxy campaign resume {place} --instance"
        console().print(f"[bold]The number is paused: nothing leaves before `{resume}`.[/]")
    if preview.examples:
        print_table(["FOR", "TEXT"], [[item.name or "", item.text] for item in preview.examples])


def print_report(report: CampaignReport) -> None:
    """Write what came of a campaign, with the share of its recipients as bars."""
    counts = report.model_dump(exclude={"failed", "waits"})
    rows = [[title, str(counts[key])] for key, title in _LINES.items() if counts[key] or key in {"recipients", "sent"}]
    rows += [[f"failed: {reason}", str(count)] for reason, count in report.failed.items()]
    print_bars(["RECIPIENTS", "COUNT"], rows, report.recipients)
    for wait in report.waits if report.waiting else ():
        until = "" if wait.until is None else f", until {_at(wait.until)}"
        console().print(f"Some wait: {because(wait.why)}{until}.")
