"""``oxy contact``: people who write to an instance. Whom it never answers; what is known of them; forgetting them."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.errors import CliError
from oxy_cli.instance import InstanceView
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.output import age, console, print_json, print_table
from oxy_cli.person_document import document_of
from oxy_cli.session_view import StaleBackups
from oxy_cli.worker_admin import administer, administer_each
from oxy_core.contact_command import ContactAnswer, ContactOrder, ErasureStatus, ExportPiece, PersonOrder
from oxy_core.identity import LID_PATTERN, PHONE_PATTERN, mask
from oxy_core.times import utc_text

app = typer.Typer(
    no_args_is_help=True,
    help="People who write to an instance: whom the assistant never answers, what is known of them, forgetting them.",
)

Phone = Annotated[str, typer.Argument(metavar="PHONE", help="Number of the person, in the form +5511987654321.")]
Person = Annotated[
    str,
    typer.Argument(
        metavar="PHONE", help="Number of the person, in the form +5511987654321, or a hidden address: 123456789@lid."
    ),
]
Media = Annotated[bool, typer.Option("--media", help="With the bytes of all files, in base64.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask: forget this person for good.")]
All = Annotated[bool, typer.Option("--all", help="Also those that are finished.")]
Off = Annotated[bool, typer.Option("--off", help="Answer this person again.")]


@app.command()
def private(  # noqa: PLR0913 each is an option of the command
    name: Name,
    phone: Phone,
    *,
    off: Off = False,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Never answer this person: family and friends on the business's number."""
    cluster = Cluster.connect(context, namespace)
    found = _ask(cluster, Cluster.connect(context, system_namespace), name, phone, private=not off)
    _print(found, phone, output)


@app.command()
def show(  # noqa: PLR0913 each is an option of the command
    name: Name,
    phone: Phone,
    *,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show whether the assistant answers this person, and what the person does not want."""
    cluster = Cluster.connect(context, namespace)
    found = _ask(cluster, Cluster.connect(context, system_namespace), name, phone, private=None)
    _print(found, phone, output)


def _ask(cluster: Cluster, system: Cluster, name: str, phone: str, *, private: bool | None) -> ContactAnswer:
    if re.fullmatch(PHONE_PATTERN, phone) is None:
        message = "the number must be in the form +5511987654321: a plus, the country, the area and the number"
        raise CliError(message)
    instance = InstanceView.of(cluster.instance(name))
    order = ContactOrder(organization=instance.organization, instance=name, phone=phone, private=private)
    answer: Any = administer(system, ["contact"], [order.model_dump_json().encode() + b"\n"])
    return ContactAnswer.model_validate(answer)


def _print(found: ContactAnswer, phone: str, output: Output) -> None:
    if output is Output.JSON:
        print_json(found.model_dump(mode="json"))
    else:
        console().print(described(found, mask(phone)))


def described(found: ContactAnswer, who: str) -> str:
    """Return in a sentence or two what is known of a contact."""
    if not found.known and not found.listed:
        return f"{who} has not written to this instance, and would be answered."
    answered = f"The assistant never answers {who}" if found.private else f"The assistant answers {who}"
    listed = ", because the catalog lists the number" if found.listed else ""
    wish = {
        "all": " The contact opted out of all messages.",
        "proactive": " The contact opted out of messages that nobody asked for.",
        None: "",
    }[found.opt_out]
    return f"{answered}{listed}.{wish}"


@app.command()
def export(  # noqa: PLR0913 each is an option of the command
    name: Name,
    person: Person,
    *,
    media: Media = False,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
) -> None:
    """Write everything that is known of a person as one JSON document, to standard output."""
    order = _person_order(Cluster.connect(context, namespace), name, person, export=True, media=media)
    pieces = administer_each(Cluster.connect(context, system_namespace), ["person"], _line(order))
    for text in document_of(map(ExportPiece.model_validate, pieces)):
        sys.stdout.write(text)


@app.command()
def erase(  # noqa: PLR0913 each is an option of the command
    name: Name,
    person: Person,
    *,
    yes: Yes = False,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Forget a person for good: messages, files, transcripts, pets; bookings keep their time without the person."""
    cluster = Cluster.connect(context, namespace)
    order = _person_order(cluster, name, person, export=False)
    if not yes:
        _require_yes(mask(person), name)
    found = administer(Cluster.connect(context, system_namespace), ["person"], _line(order))
    _print_erasures([ErasureStatus.model_validate(item) for item in found], cluster.instance(name), output)


@app.command()
def erasures(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    everything: All = False,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List the people who are being forgotten, until the instance's pod has done its part."""
    resource = Cluster.connect(context, namespace).instance(name)
    arguments = ["erasures", InstanceView.of(resource).organization, name, *(["--all"] if everything else [])]
    found = administer(Cluster.connect(context, system_namespace), arguments)
    _print_erasures([ErasureStatus.model_validate(item) for item in found], resource, output)


def _person_order(cluster: Cluster, name: str, person: str, *, export: bool, media: bool = False) -> PersonOrder:
    if re.fullmatch(f"{PHONE_PATTERN}|{LID_PATTERN}", person) is None:
        message = "name the person by a number, +5511987654321, or by a hidden address, 123456789@lid"
        raise CliError(message)
    organization = InstanceView.of(cluster.instance(name)).organization
    return PersonOrder(organization=organization, instance=name, person=person, export=export, media=media)


def _line(order: PersonOrder) -> Iterator[bytes]:
    yield order.model_dump_json().encode() + b"\n"


def _require_yes(who: str, name: str) -> None:
    question = f"Forget {who} of {name} for good? Messages, files and pets cannot be brought back."
    if not sys.stdin.isatty():
        message = f"{question} Nobody can be asked here: say --yes"
        raise CliError(message)
    if not typer.confirm(question, err=True):
        message = "nothing was forgotten"
        raise CliError(message)


WAITING: Final = {
    "platform": "the workers delete what is left",
    "pod": "the pod has not taken the request: it is asked until it does",
    "report": "the pod is deleting its part",
    "instance": "the instance is deleted: its volume, if it was kept, is cleaned once the instance is made again",
    None: "nothing",
}
"""What an erasure waits for, for people."""


def _print_erasures(statuses: Sequence[ErasureStatus], resource: Mapping[str, Any], output: Output) -> None:
    name, now = resource["metadata"]["name"], datetime.now(UTC)
    stale = [StaleBackups.of(resource, status.done_at or now) for status in statuses]
    if output is Output.JSON:
        print_json([erasure_json(*both) for both in zip(statuses, stale, strict=True)])
    elif not statuses:
        console().print(f"Nobody is being forgotten by {name}.")
    else:
        print_table(("ID", "AGE", "BY", "WAITS FOR"), map(erasure_row, statuses))
        most = max(stale, key=lambda backups: backups.count)
        if most.count:
            console().print(backups_said(most, name), markup=False)
        for other in sorted({other for status in statuses for other in status.known_to}):
            console().print(f"{other} of the same organization knows this number too: `oxy contact erase {other} …`")


def erasure_json(status: ErasureStatus, backups: StaleBackups) -> dict[str, Any]:
    """Return an erasure as JSON values, with the backups of the session that it has not reached."""
    until = backups.until and utc_text(backups.until)
    return status.model_dump(mode="json") | {"session_backups": {"count": backups.count, "until": until}}


def backups_said(backups: StaleBackups, name: str) -> str:
    """Return what is to be known of backups that were made before a person was forgotten."""
    ends = (
        f"newer ones will have replaced the last of them about {backups.until:%Y-%m-%d}"
        if backups.until
        else "none replaces them while spec.session.backup.enabled is false"
    )
    return (
        f"The session's backups from before ({backups.count}) may name the person: {ends}. To delete one now, run: oxy "
        f"sessions delete {name} --backup ID"
    )


def erasure_row(status: ErasureStatus) -> tuple[str, ...]:
    """Return an erasure as a row of the table."""
    left = "".join(f"; {file} on its volume cannot be read and may name the person: delete it" for file in status.left)
    return str(status.id), age(status.made_at, datetime.now(UTC)), status.asked_by, WAITING[status.waits_for] + left
