"""``oxy pair``: link an instance to the business's phone."""

import math
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import Annotated, Any, Final

import segno
import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from oxy_cli.cluster import Cluster
from oxy_cli.errors import PairingError
from oxy_cli.instance import Condition, InstanceView
from oxy_cli.options import Context, Format, Name, Namespace, Output
from oxy_cli.output import console, print_event
from oxy_cli.pairing import PairingStep, current_offer, lasts_long_enough, next_step
from oxy_core.instance.connection_causes import CONNECTION_CAUSES
from oxy_core.instance.custom_resource import REPAIR_ANNOTATION, pairing_secret_name
from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer
from oxy_core.instance.pairing_proof import PairingProof
from oxy_core.instance.pairing_window import PAIRING_WINDOW
from oxy_core.times import utc_text

POLL_SECONDS: Final = 1.0
WINDOW_SECONDS: Final = int(PAIRING_WINDOW.total_seconds())

PROOF: Final = "PairingConfirmed"
PROOF_SECONDS: Final = 20.0
"""How long a command waits for the phone to confirm that it is linked, which takes about a second."""

DENIED: Final = "PairingDenied"
"""Reason while a code is shown that the phone did not accept."""

BANNED: Final = "TemporaryBan"

OWN_ADVICE: Final = "oxy pair"
"""The operator's advice while an instance waits to be linked: not shown to someone who is already following it."""


def pair(  # noqa: PLR0913 each is an option of the command
    name: Name,
    *,
    method: Annotated[
        PairingMethod | None, typer.Option(help="Change the method; default: the one in the spec.")
    ] = None,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds to wait until it is connected.")] = WINDOW_SECONDS,
    namespace: Namespace = None,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show the code that links an instance to the business's phone, until it is connected."""
    cluster = Cluster.connect(context, namespace)
    instance = InstanceView.of(cluster.instance(name))
    display = _Display(output)
    display.banned(instance)
    nonce = _request(cluster, name, method) if method not in (None, instance.method) else None
    ahead = cluster.clock_ahead()
    deadline = time.monotonic() + timeout  # however slow the cluster answers, it is looked at once
    while time.monotonic() < deadline:
        instance = InstanceView.of(cluster.instance(name))
        now = datetime.now(UTC) + ahead
        offer = current_offer(cluster.secret(pairing_secret_name(name)), now)
        match next_step(instance, offer, nonce, shown=display.last_offer is not None):
            case PairingStep.DONE:
                display.connected(instance)
                _await_proof(cluster, name, display)
                return
            case PairingStep.REQUEST:
                nonce = _request(cluster, name)
            case PairingStep.SHOW if offer is not None and (
                offer == display.last_offer or lasts_long_enough(offer, now)
            ):
                display.offer(offer, now)
                display.denied(instance)
            case _:
                display.waiting(instance)
        time.sleep(POLL_SECONDS)
    raise PairingError(_too_late(instance, timeout, offered=display.last_offer is not None))


def _await_proof(cluster: Cluster, name: str, display: "_Display") -> None:
    """Wait a little while until the phone has confirmed the notice in its own chat, if it is to."""
    deadline = time.monotonic() + PROOF_SECONDS
    while True:
        proof = InstanceView.of(cluster.instance(name)).condition(PROOF)
        if proof.reason != PairingProof.WAITING or time.monotonic() >= deadline:
            display.proof(name, proof)
            return
        time.sleep(POLL_SECONDS)


def _request(cluster: Cluster, name: str, method: PairingMethod | None = None) -> str:
    """Request a new pairing window, with another method if one is given; return the request's nonce."""
    nonce = secrets.token_hex(8)
    patch: dict[str, Any] = {"metadata": {"annotations": {REPAIR_ANNOTATION: nonce}}}
    if method is not None:
        patch["spec"] = {"pairing": {"method": method.value}}
    cluster.patch_instance(name, patch)
    return nonce


def _too_late(instance: InstanceView, timeout: int, *, offered: bool) -> str:
    """Explain why time ran out; suggest another try only if a code was shown."""
    ready, where = instance.ready, f"{instance.name} -n {instance.namespace}"
    why = f"{instance.phase}: {ready.reason or 'no reason given'}. {ready.message}".rstrip()
    again = f"Run `oxy pair {where}` again for a new code; " if offered else ""
    return (
        f"{instance.name} was not connected after {timeout} s. It is {why}\n"
        f"{again}`oxy logs {where}` shows the log of its pod."
    )


@dataclass(slots=True)
class _Display:
    """Shows the progress of pairing, and nothing twice."""

    output: Output
    last_offer: PairingOffer | None = None
    _last_state: str = ""
    _denied: PairingOffer | None = None
    """The code that the phone was said not to have accepted."""

    def connected(self, instance: InstanceView) -> None:
        if self.output is Output.JSON:
            print_event({"event": "connected", "name": instance.name, "namespace": instance.namespace})
        else:
            console().print(f"[bold green]✓[/] {instance.name} is connected.")

    def proof(self, name: str, proof: Condition) -> None:
        """Say whether the phone has confirmed that it is linked; nothing if it was not asked to."""
        if not proof.reason:
            return
        confirmed = proof.status == "True"
        if self.output is Output.JSON:
            print_event({"event": "confirmed" if confirmed else "unconfirmed", "reason": proof.reason})
        elif confirmed:
            console().print(f"[bold green]✓[/] {name}'s phone has confirmed a notice in its own chat.")
        else:
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"[yellow]![/] {escape(proof.message)}")

    def offer(self, offer: PairingOffer, now: datetime) -> None:
        if offer == self.last_offer:
            return
        self.last_offer = offer
        if self.output is Output.JSON:
            expires = utc_text(offer.expires_at)
            print_event({"event": "code", "method": offer.method, "code": offer.text, "expiresAt": expires})
        else:
            _print_offer(offer, now)

    def denied(self, instance: InstanceView) -> None:
        """Say that the phone did not accept the code that is shown, once for each code."""
        if instance.ready.reason != DENIED or self._denied == self.last_offer:
            return
        self._denied = self.last_offer
        if self.output is Output.JSON:
            print_event({"event": "denied", "name": instance.name, "namespace": instance.namespace})
        else:
            text = CONNECTION_CAUSES[DENIED].explain(instance.name)
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"[yellow]![/] {escape(text)}")

    def banned(self, instance: InstanceView) -> None:
        """Warn of the attempt that is about to be made if WhatsApp has banned the number for a time."""
        if instance.ready.reason != BANNED:
            return
        if self.output is Output.JSON:
            where = {"name": instance.name, "namespace": instance.namespace}
            print_event({"event": "banned", **where, "message": instance.ready.message})
        else:
            text = f"{instance.ready.message}\nAn attempt before the ban has ended may lengthen it."
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"[yellow]![/] {escape(text)}")

    def waiting(self, instance: InstanceView) -> None:
        state = _state(instance)
        if state != self._last_state:
            self._last_state = state
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"[dim]{escape(state)}[/]")


def _state(instance: InstanceView) -> str:
    ready = instance.ready
    state = f"{instance.name} is {instance.phase}" + (f" ({ready.reason})" if ready.reason else "")
    return f"{state}; waiting for a code" if OWN_ADVICE in ready.message else f"{state}. {ready.message}"


def _print_offer(offer: PairingOffer, now: datetime) -> None:
    if offer.method is PairingMethod.QR_CODE:
        drawing = StringIO()
        segno.make(offer.text, micro=False).terminal(drawing, compact=True, border=2)
        console().out(drawing.getvalue(), highlight=False)
        where = "Linked devices > Link a device, and scan this."
    else:
        console().print(Panel.fit(f"[bold]{'  '.join(grouped(offer.text))}[/]", padding=(1, 4)))
        where = "Linked devices > Link a device > Link with phone number instead, and type this."
    seconds = math.ceil((offer.expires_at - now).total_seconds())
    console().print(f"On the phone: {where} It is valid for {seconds} s; a new one will follow.")


def grouped(code: str) -> str:
    """Return a phone code in two groups, as people read it.

    >>> grouped("ABCD1234")
    'ABCD-1234'
    """
    bare = code.replace("-", "")
    return f"{bare[:4]}-{bare[4:]}"
