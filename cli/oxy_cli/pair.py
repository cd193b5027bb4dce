"""``oxy pair``: link an instance to the business's phone."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from io import StringIO
from typing import Annotated, Final

import segno
import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from oxy_cli.cluster import Cluster
from oxy_cli.errors import PairingError
from oxy_cli.instance import Instance
from oxy_cli.options import Context, Format, Name, Namespace, Output
from oxy_cli.output import console, print_event

REPAIR: Final = "oxy.dev/repair"
"""Annotation that asks the operator for a new pairing window; its value is a nonce."""

OWN_ADVICE: Final = "oxy pair"
"""What the operator advises for an instance that waits to be linked: no news to someone who does just that."""

POLL_SECONDS: Final = 1.0
WINDOW_SECONDS: Final = 900
"""How long the operator keeps a pairing window open."""


class Method(StrEnum):
    """How a phone is linked."""

    PHONE_CODE = "PhoneCode"
    QR_CODE = "QRCode"


@dataclass(frozen=True, slots=True)
class Code:
    """What to type on the phone, or to scan with it."""

    method: str
    text: str
    expires_at: datetime


class Step(StrEnum):
    """What to do next for an instance that someone wants to pair."""

    DONE = "done"
    SHOW = "show"
    WAIT = "wait"
    REQUEST = "request"


_ENDED: Final = frozenset({"LoggedOut", "Failed", "Paused"})
"""Phases that nothing but a repair leaves."""


def code_of(secret: Mapping[str, str] | None, now: datetime) -> Code | None:
    """Return the current code from the pairing Secret's content; None where it is absent, empty or expired."""
    text = (secret or {}).get("code") or (secret or {}).get("qr")
    if not secret or not text:
        return None
    code = Code(secret.get("method", Method.PHONE_CODE), text, datetime.fromisoformat(secret["expiresAt"]))
    return code if code.expires_at > now else None


def next_step(instance: Instance, code: Code | None, nonce: str | None, now: datetime) -> Step:
    """Decide what to do; `nonce` is that of a repair we asked for, None if we asked for none.

    Raises PairingError where waiting is in vain.
    """
    if instance.suspended:
        message = f"{instance.name} is suspended; set spec.suspend to false, then pair it"
        raise PairingError(message)
    if instance.condition("Accepted").status == "False":
        accepted = instance.condition("Accepted")
        message = f"{instance.name} cannot be paired as it is ({accepted.reason}). {accepted.message}"
        raise PairingError(message)
    if nonce is not None and instance.repaired != nonce:
        # What is shown now belongs to the time before our request.
        return Step.WAIT
    if instance.ready.status == "True":
        return Step.DONE
    if code is not None:
        return Step.SHOW
    window_open = instance.pairing_until is not None and instance.pairing_until > now
    if nonce is None and (instance.phase in _ENDED or (instance.phase == "Pairing" and not window_open)):
        return Step.REQUEST
    return Step.WAIT


def pair(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    method: Annotated[Method | None, typer.Option(help="Change how it is linked; default: as it is set.")] = None,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds to wait until it is connected.")] = WINDOW_SECONDS,
    namespace: Namespace = None,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show the code that links an instance to the business's phone, until it is connected."""
    cluster = Cluster.connect(context, namespace)
    nonce: str | None = None
    instance = Instance.of(cluster.instance(name))
    if method is not None and method != instance.method:
        nonce = _request(cluster, name, {"spec": {"pairing": {"method": method.value}}})
    shown: Code | None = None
    told = ""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        now = datetime.now(UTC)
        instance = Instance.of(cluster.instance(name))
        code = code_of(cluster.secret(f"wai-{name}-pairing"), now)
        match next_step(instance, code, nonce, now):
            case Step.DONE:
                _tell_connected(instance, output)
                return
            case Step.REQUEST:
                nonce = _request(cluster, name, {})
            case Step.SHOW if code is not None and code != shown:
                shown = code
                _show(code, output)
            case Step.WAIT if (news := _news(instance)) != told:
                told = news
                Console(stderr=True, highlight=False, soft_wrap=True).print(f"[dim]{escape(told)}[/]")
            case _:
                pass
        time.sleep(POLL_SECONDS)
    raise PairingError(_too_late(instance, timeout, offered=shown is not None))


def _news(instance: Instance) -> str:
    state = f"{instance.name} is {instance.phase} ({instance.ready.reason or 'not looked at yet'}); waiting"
    return state if OWN_ADVICE in instance.ready.message else f"{state}. {instance.ready.message}"


def _request(cluster: Cluster, name: str, patch: dict[str, object]) -> str:
    nonce = secrets.token_hex(8)
    cluster.patch_instance(name, {**patch, "metadata": {"annotations": {REPAIR: nonce}}})
    return nonce


def _too_late(instance: Instance, timeout: int, *, offered: bool) -> str:
    """Say why it took too long. To try again is advice only where a code was shown."""
    ready, where = instance.ready, f"{instance.name} -n {instance.namespace}"
    why = f"{instance.phase}: {ready.reason or 'no reason given'}. {ready.message}".rstrip()
    again = f"Run `oxy pair {where}` again for a new code; " if offered else ""
    return (
        f"{instance.name} was not connected after {timeout} s. It is {why}\n"
        f"{again}`oxy logs {where}` shows what its pod says."
    )


def _tell_connected(instance: Instance, output: Output) -> None:
    if output is Output.JSON:
        print_event({"event": "connected", "name": instance.name, "namespace": instance.namespace})
    else:
        console().print(f"[bold green]✓[/] {instance.name} is connected.")


def _show(code: Code, output: Output) -> None:
    if output is Output.JSON:
        expires = code.expires_at.isoformat()
        print_event({"event": "code", "method": code.method, "code": code.text, "expiresAt": expires})
        return
    if code.method == Method.QR_CODE:
        drawing = StringIO()
        segno.make(code.text, micro=False).terminal(drawing, compact=True, border=2)
        console().out(drawing.getvalue(), highlight=False)
        where = "Linked devices > Link a device, and scan this."
    else:
        console().print(Panel.fit(f"[bold]{'  '.join(grouped(code.text))}[/]", padding=(1, 4)))
        where = "Linked devices > Link a device > Link with phone number instead, and type this."
    console().print(
        f"On the phone: {where} It expires at {code.expires_at.astimezone():%H:%M:%S}; a new one will follow."
    )


def grouped(code: str) -> str:
    """Return a phone code as people read it.

    >>> grouped("ABCD1234")
    'ABCD-1234'
    """
    bare = code.replace("-", "")
    return f"{bare[:4]}-{bare[4:]}"
