"""A client's session: from the finished handshake to the end of its connection."""

import base64
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from oxy_simulator import linking, presence, receipts, relay
from oxy_simulator.connection import Connection, NoiseIdentity, Outbox
from oxy_simulator.errors import ProtocolError, SimulatorError
from oxy_simulator.iqs import on_iq
from oxy_simulator.logins import version_of, version_text
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.offline import BATCH

_UNANSWERED: Final = "0"
"""Instead of a code: the login is never answered."""

log = structlog.get_logger(__name__)


def open_connection(network: Network, outbox: Outbox, identity: NoiseIdentity) -> Connection:
    """Start serving a client that has just connected."""

    def established(connection: Connection) -> None:
        _on_established(network, connection)

    def stanza(connection: Connection, received: Node) -> None:
        _on_stanza(network, connection, received)

    def damages(connection: Connection, sent: Node) -> bool:
        account = connection.account
        return account is not None and network.impairments.damages_frame(account.phone, sent.tag)

    connection = Connection(outbox, identity, established, stanza, damages=damages)
    if network.packets is not None:
        network.packets.watch(connection)
    return connection


def receive(network: Network, connection: Connection, data: bytes) -> None:
    """Take bytes from a client; a stream broken beyond use is recorded and cut."""
    try:
        connection.receive(data)
    except ProtocolError as error:
        refuse(network, connection, str(error))
    except Exception as error:
        log.exception("connection_failed")
        network.violation(connection, "simulator-error", repr(error))
        connection.abort()


def resume(network: Network, connection: Connection) -> None:
    """Go on with what waits for a client that has read what it was sent."""
    if connection.device is not None and not connection.closed:
        network.send_waiting(connection)


def refuse(network: Network, connection: Connection, reason: str) -> None:
    """Cut a client whose stream is broken beyond use, and record why."""
    network.violation(connection, "broken-stream", reason)
    connection.abort()


def lost(network: Network, connection: Connection) -> None:
    """Take note that a connection ended: its codes are void, its mail waits for the next one."""
    network.note("disconnected", connection)
    connection.closed = True
    connection.active = connection.available = False
    linking.withdraw(network, connection)
    if connection.device is not None and network.connections.get(connection.lid) is connection:
        del network.connections[connection.lid]
    network.changed()


def _on_established(network: Network, connection: Connection) -> None:
    payload = connection.payload
    if not payload.HasField("device_pairing_data"):
        _log_in(network, connection)
    elif version_of(payload) < network.state.version_floor:
        _refuse(network, connection, _outdated(network, connection))
    else:
        linking.offer_refs(network, connection)
    network.changed()


def _log_in(network: Network, connection: Connection) -> None:
    refusal = _login_refusal(network, connection)
    if refusal is not None:
        _refuse(network, connection, refusal)
        return
    account = network.account(str(connection.payload.username))
    device = account.devices[connection.payload.device]
    network.state.logins.record(
        connection.payload,
        at=network.clock(),
        kind="login",
        phone=account.phone,
        device=device.id,
        described=device.described,
    )
    replaced = network.connection_of(account, device)
    if replaced is not None:
        replaced.finish(node("stream:error", content=[node("conflict", {"type": "replaced"})]))
    connection.account, connection.device = account, device
    network.connections[connection.lid] = connection
    log.info("device_logged_in", device=device.id, waiting=len(device.mailbox))
    attrs: Attrs = {
        "t": int(network.clock()),
        "lid": connection.lid,
        "props": "27",
        "location": "lla",
        "companion_enc_static": base64.b64encode(os.urandom(32)).decode(),
    }
    connection.send(node("success", attrs))


def _login_refusal(network: Network, connection: Connection) -> "_Refusal | None":
    """Decide whether a login fails, and why. Codes: whatsmeow `types/events/events.go`, ConnectFailureReason."""
    payload = connection.payload
    failures = network.login_failures.get(str(payload.username), deque())
    if failures:
        stanza = failures.popleft()
        return _Refusal(stanza, f"{stanza.text('reason')} by a fault")
    if version_of(payload) < network.state.version_floor:
        return _outdated(network, connection)
    account = network.state.accounts.get(str(payload.username))
    device = account.devices.get(payload.device) if account else None
    if account is None:
        reason = "the account is unknown"
    elif device is None:
        reason = "the device is not linked"
    elif device.noise_key != connection.client_key:
        reason = "the device has another Noise key"
    else:
        return None
    return _Refusal(node("failure", {"reason": "401", "location": "lla"}), f"401 {reason}")


def _outdated(network: Network, connection: Connection) -> "_Refusal":
    found, floor = version_text(version_of(connection.payload)), version_text(network.state.version_floor)
    return _Refusal(node("failure", {"reason": "405", "location": "lla"}), f"405 version {found} is below {floor}")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What a refused client is told, and why."""

    stanza: Node
    outcome: str


def _refuse(network: Network, connection: Connection, refusal: _Refusal) -> None:
    payload = connection.payload
    linking_device = payload.HasField("device_pairing_data")
    network.state.logins.record(
        payload,
        at=network.clock(),
        kind="link" if linking_device else "login",
        outcome=refusal.outcome,
        phone=None if linking_device else str(payload.username),
        device=None if linking_device else payload.device,
    )
    log.warning("login_refused", reason=refusal.outcome)
    if refusal.stanza.text("reason") == _UNANSWERED:
        connection.muted = True
    else:
        connection.finish(refusal.stanza)


def _on_stanza(network: Network, connection: Connection, stanza: Node) -> None:
    handler = _HANDLERS.get(stanza.tag)
    if handler is None:
        network.violation(connection, "unknown-stanza", str(stanza))
        return
    try:
        handler(network, connection, stanza)
    except SimulatorError as error:
        network.violation(connection, "bad-stanza", f"{error}: {stanza}")
    network.changed(connection.account)


def _on_information(network: Network, connection: Connection, stanza: Node) -> None:
    """Take information for the server: a wish for more of the offline queue, or statistics."""
    for child in stanza.children:
        if child.tag == "offline_batch":
            network.enlarge_batch(connection, child.number("count", BATCH))
        elif child.tag != "unified_session":
            network.violation(connection, "unknown-information", str(stanza))


_HANDLERS: Final[dict[str, Callable[[Network, Connection, Node], None]]] = {
    "iq": on_iq,
    "message": relay.on_message,
    "receipt": receipts.on_receipt,
    "ack": receipts.on_ack,
    "presence": presence.on_presence,
    "chatstate": presence.on_chatstate,
    "ib": _on_information,
}
