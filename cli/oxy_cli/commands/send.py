"""``oxy send``: one message to one phone, a text or a file."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, BinaryIO, Final

import typer
from pydantic import ValidationError
from rich.markup import escape

from oxy_cli.cluster import Cluster
from oxy_cli.errors import ClusterError, SendError
from oxy_cli.exit_codes import FAILURE
from oxy_cli.instance import InstanceView
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.output import console, print_json
from oxy_cli.worker_admin import administer
from oxy_core.identity import PHONE_PATTERN, mask
from oxy_core.message_limits import MAX_TEXT
from oxy_core.outbound import MAX_FILE_NAME, SendRefusal
from oxy_core.send_command import (
    MAX_FILE_BYTES,
    MAX_WAIT_SECONDS,
    FileOrder,
    SendAnswer,
    SendOrder,
    SendState,
)

CHUNK_BYTES: Final = 32 << 10
"""How much of a file is written at once to the connection that carries it into the cluster."""

WAIT_SECONDS: Final = 60
"""Default of ``--timeout``: a text takes seconds, a large file longer."""

_UNSENT: Final = frozenset({SendState.WAITING, SendState.EXPIRED})
"""How a message stands that a freeze has kept."""

_MIB: Final = 1 << 20

Phone = Annotated[str, typer.Argument(metavar="PHONE", help="Number to write to, in the form +5511987654321.")]
Text = Annotated[
    str | None,
    typer.Argument(metavar="TEXT", help=f"The text, at most {MAX_TEXT:,} characters; below a file it is --caption."),
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "-f",
        help=f"Image, video, audio or document, at most {MAX_FILE_BYTES // _MIB} MiB; shown by its content.",
    ),
]
Voice = Annotated[Path | None, typer.Option(help="Voice note, Ogg/Opus.")]
Caption = Annotated[str | None, typer.Option(help="Text below the file.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Whether to wait until WhatsApp has the message.")]
Timeout = Annotated[int, typer.Option(min=1, max=MAX_WAIT_SECONDS, help="Seconds to wait.")]


@dataclass(frozen=True, slots=True)
class Message:
    """What to send, as the command line names it."""

    text: str | None = None
    file: Path | None = None
    voice: Path | None = None
    caption: str | None = None

    @property
    def path(self) -> Path | None:
        """The file, whichever option names it."""
        return self.file or self.voice


def send(  # noqa: PLR0913 each is an option of the command
    name: Name,
    phone: Phone,
    text: Text = None,
    *,
    file: File = None,
    voice: Voice = None,
    caption: Caption = None,
    wait: Wait = True,
    timeout: Timeout = WAIT_SECONDS,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Send a text or a file from an instance's number. Exit status 1: it was not sent, or not in time."""
    message = Message(text, file, voice, caption)
    if (problem := problem_of(phone, message)) is not None:
        raise SendError(problem)
    with _opened(message.path) as content:
        instance = InstanceView.of(Cluster.connect(context, namespace).instance(name))
        if (problem := hindrance_of(instance)) is not None:
            raise SendError(problem)
        before = freeze_of(instance)
        if before is not None:
            # Said at once: whoever waits can thaw it meanwhile.
            typer.echo(f"{name} is frozen. {before}", err=True)
        order = order_of(instance, phone, message, size=_size(content), wait_seconds=timeout if wait else 0)
        answer = _ask(Cluster.connect(context, system_namespace), order, content)
    frozen = _freeze_now(context, namespace, instance, before) if answer.state in _UNSENT else None
    if frozen is not None and before is None:
        typer.echo(f"{name} was frozen meanwhile. {frozen}", err=True)
    _show(answer, phone, instance.place, output, frozen=frozen is not None)
    if answer.state is not SendState.SENT and not (answer.state is SendState.WAITING and not wait):
        raise typer.Exit(FAILURE)


def problem_of(phone: str, message: Message) -> str | None:
    """Return why this cannot be a message, and what to do instead; None if it can."""
    path, voice = message.path, message.voice
    blank = not (message.text or "").strip()
    problems = {
        f"{phone!r} is not a phone number; write it with country and area code, as +5511987654321": not re.fullmatch(
            PHONE_PATTERN, phone
        ),
        "there is nothing to send: write a text, or name a file with --file or --voice": blank and not path,
        "the text is not UTF-8; check the terminal's encoding": not all(map(_is_utf8, (message.text, message.caption))),
        "--file and --voice are two messages: send them one after the other": bool(message.file and voice),
        "a text and a file are two messages: write the text as --caption, or send it by itself": bool(
            message.text and path
        ),
        "--caption belongs to a file: name one with --file": bool(message.caption) and path is None,
        "a voice note has no caption on WhatsApp: send the text by itself": bool(message.caption and voice),
    }
    return next((problem for problem, applies in problems.items() if applies), None)


def _is_utf8(text: str | None) -> bool:
    # Python keeps bytes of an argument that are not UTF-8 as half surrogates.
    return text is None or text.encode(errors="ignore").decode() == text


def hindrance_of(instance: InstanceView) -> str | None:
    """Return why an instance sends nothing whatever it is asked, and what to do; None if it may."""
    accepted = instance.condition("Accepted")
    if instance.suspended:
        return f"{instance.name} is suspended and sends nothing; set spec.suspend to false first"
    if accepted.status == "False":
        return f"{instance.name} sends nothing: {accepted.message}"
    if instance.repair_required:
        return f"{instance.name} is not linked to a phone ({instance.ready.reason}). {instance.ready.message}"
    return None


def freeze_of(instance: InstanceView) -> str | None:
    """Return since when and by whose order nothing is sent, and how to send again; None: sending is not frozen."""
    frozen = instance.condition("Frozen")
    return frozen.message if frozen.status == "True" else None


def _freeze_now(context: str | None, namespace: str | None, instance: InstanceView, before: str | None) -> str | None:
    """Return as `freeze_of` what holds after the wait; if nobody can say, what held before it."""
    try:
        return freeze_of(InstanceView.of(Cluster.connect(context, namespace).instance(instance.name)))
    except ClusterError:
        return before


def order_of(instance: InstanceView, phone: str, message: Message, *, size: int, wait_seconds: float) -> SendOrder:
    """Return the order for a worker; `size` is the file's, in bytes."""
    file = message.path and FileOrder(
        name=_name(message.path), size=size, voice=message.voice is not None, caption=message.caption or None
    )
    return SendOrder(
        organization=instance.organization,
        instance=instance.name,
        phone=phone,
        text=message.text or None,
        file=file,
        wait_seconds=wait_seconds,
    )


def _name(path: Path) -> str:
    return path.name[-MAX_FILE_NAME:].encode(errors="replace").decode()


@contextmanager
def _opened(path: Path | None) -> Iterator[BinaryIO]:
    """Open the file; raises SendError if it cannot be sent. Without a path, what is opened is empty."""
    if path is None:
        yield BytesIO()
        return
    try:
        with path.open("rb") as content:
            if (problem := unfit(os.fstat(content.fileno()))) is not None:
                message = f"{path} {problem}"
                raise SendError(message)
            yield content
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise SendError(message) from error


def unfit(found: os.stat_result) -> str | None:
    """Return what is wrong with a file, as the end of a sentence; None if it can be sent."""
    if not S_ISREG(found.st_mode):
        return "is not a file"
    if found.st_size == 0:
        return "is empty"
    if found.st_size > MAX_FILE_BYTES:
        return f"has {found.st_size / _MIB:.1f} MiB; at most {MAX_FILE_BYTES // _MIB} MiB can be sent"
    return None


def _size(content: BinaryIO) -> int:
    return 0 if isinstance(content, BytesIO) else os.fstat(content.fileno()).st_size


def _ask(system: Cluster, order: SendOrder, content: BinaryIO) -> SendAnswer:
    try:
        found = administer(system, ["send"], _written(order, content))
    except ClusterError as error:
        message = f"{error}\nThe message may be on its way: look at the phone before you send it again."
        raise SendError(message) from error
    try:
        return SendAnswer.model_validate(found)
    except ValidationError as error:
        message = "the worker's answer cannot be read; are it and this command the same version?"
        raise SendError(message) from error


def _written(order: SendOrder, content: BinaryIO) -> Iterator[bytes]:
    """Yield what the worker reads: a line with the order, then the file."""
    yield order.model_dump_json(exclude_none=True).encode() + b"\n"
    while chunk := content.read(CHUNK_BYTES):
        yield chunk


def _show(answer: SendAnswer, phone: str, place: str, output: Output, *, frozen: bool) -> None:
    if output is Output.JSON:
        print_json(answer.model_dump(mode="json", exclude_none=True))
    else:
        console().print(sentence(answer, phone, place, frozen=frozen))


def sentence(answer: SendAnswer, phone: str, place: str, *, frozen: bool = False) -> str:
    """Return how far the message has come, for people.

    `place` is the instance as commands take it, `frozen` whether sending is now.
    """
    match answer.state:
        case SendState.SENT:
            return f"[bold green]✓[/] WhatsApp has the message for {mask(phone)}: {answer.whatsapp_id}"
        case SendState.WAITING if frozen:
            return f"The message for {mask(phone)} waits until sending is thawed, and is sent then unless it expires."
        case SendState.WAITING if answer.refusal is SendRefusal.REACHOUT_LOCKED:
            return (
                f"The message for {mask(phone)} waits: WhatsApp lets the number write to nobody first (463), as far as "
                "is known. It is sent when its recipient writes, or WhatsApp allows it, which one message finds out "
                f"every 15 minutes, unless it expires. To find out at once: oxy campaign resume {place} --instance"
            )
        case SendState.WAITING:
            return f"The message for {mask(phone)} waits; it is sent as soon as the instance can, without another try."
        case SendState.EXPIRED if frozen:
            return f"[bold red]✗[/] The message for {mask(phone)} expired before sending was thawed."
        case _:
            why = escape(answer.error or answer.refusal or "no reason was given")
            return f"[bold red]✗[/] The message for {mask(phone)} was not sent ({answer.state}): {why}"
