"""The rows of the matrix: how each cause is brought about on an instance of its own, and how it ends.

What people must be told of each cause is in `cause_table`.
"""

import asyncio
import contextlib
from dataclasses import replace
from itertools import count
from types import MappingProxyType
from typing import Final

from e2e.fleet import Fleet, Member
from e2e.row import LASTING, PATIENT, UNHURRIED, Json, Row, clear, faulted
from e2e.volume_rows import VOLUME_ROWS
from e2e.ways_out import DIRECT, Policy, Proxy, change_network, point_at
from e2e.worker_shell import queue_contents

from oxy_core.outbound import PlaceContent
from oxy_dev.connection_faults import FINAL, OF_SERVER, PASSING, SILENT, UNANSWERED, ConnectionFault
from oxy_dev.example import NETWORK
from oxy_simulator.errors import SimulatorError
from oxy_simulator.faultkind import FaultKind


def brief(fault: ConnectionFault) -> Row:
    """The library replaces the first lost connection on its own; the second within a minute is met with a pause."""
    return Row(fault.name, fault.reason, faulted(fault), says=fault.says, every=3, reconnect=UNHURRIED)


def unreadable(fault: ConnectionFault) -> Row:
    """A frame that cannot be read ends the session at once, and what was in it comes again."""

    async def inflict(fleet: Fleet, member: Member) -> None:
        await fault.inflict(fleet.whatsapp, member.linked)
        await fleet.say(member, f"durante {fault.name}")

    return Row(fault.name, fault.reason, inflict, says=fault.says, every=60, reconnect=UNHURRIED)


def at_login(fault: ConnectionFault) -> Row:
    """Each login is refused until the fault is cleared."""
    return Row(fault.name, fault.reason, faulted(fault, count=LASTING), clear, says=fault.says, tries=True)


def silent(fault: ConnectionFault) -> Row:
    """Only time reveals it."""
    policy = UNHURRIED | {"silentAfterSeconds": 35, "renewAfterSeconds": 50}
    return Row(fault.name, fault.reason, faulted(fault), says=fault.says, every=120, reconnect=policy)


def final(fault: ConnectionFault) -> Row:
    """Nothing connects again until a person acts."""
    return Row(fault.name, fault.reason, faulted(fault), says=fault.says)


_PORTS: Final = count(9200)
CUSTOMERS: Final = ("+5511933330003", "+5511933330004")
SHOP: Final = PlaceContent(latitude=-23.5, longitude=-46.5)
WITH_PASSWORD: Final = {"scheme": "socks5", "username": "shop", "password": "hush-hush"}
OTHER_PASSWORD: Final = WITH_PASSWORD | {"password": "another"}


def proxied(name: str, reason: str, broken: Policy | None, says: str = "", usual: Policy = MappingProxyType({})) -> Row:
    """The instance's proxy becomes `broken` (None: nobody listens) from one moment to the next, and `usual` again.

    It is away for a moment when another takes its place.
    """
    proxy = Proxy(next(_PORTS), usual)

    async def inflict(fleet: Fleet, member: Member) -> None:
        await proxy.put(fleet, broken)
        await member.linked.fault(FaultKind.ABORT)

    async def mend(fleet: Fleet, member: Member) -> None:
        await proxy.put(fleet, usual)

    network, also = NETWORK | {"proxySecretRef": {"name": name}}, frozenset({"ProxyUnreachable"})
    return Row(name, reason, inflict, mend, says, tries=True, also=also, network=network, proxy=proxy)


def _secret_changed() -> Row:
    """The Secret gets a URL whose password the proxy does not accept, and then the right one."""
    name, proxy = "proxy-secret", Proxy(next(_PORTS), WITH_PASSWORD)

    async def inflict(fleet: Fleet, member: Member) -> None:
        point_at(fleet, name, proxy.url(fleet.kubectl, OTHER_PASSWORD))

    async def mend(fleet: Fleet, member: Member) -> None:
        point_at(fleet, name, proxy.url(fleet.kubectl, WITH_PASSWORD))

    network, reason = NETWORK | {"proxySecretRef": {"name": name}}, "ProxyAuthenticationFailed"
    says = "username/password authentication failed"
    return Row(name, reason, inflict, mend, says, tries=True, replaces_pod=True, network=network, proxy=proxy)


def _rewired(name: str, reason: str, network: Json, says: str) -> Row:
    """The spec names another network, and then the usual one."""

    async def inflict(fleet: Fleet, member: Member) -> None:
        change_network(fleet, member, network)

    async def mend(fleet: Fleet, member: Member) -> None:
        change_network(fleet, member, NETWORK)

    return Row(name, reason, inflict, mend, says, tries=True, replaces_pod=True)


def _fatal(code: int) -> Row:
    """The library panics over a refused login, and the kubelet starts another process."""
    fault = ConnectionFault(f"login-{code}", FaultKind.LOGIN_FAILURE, "ConnectFailure", {"code": code})
    return replace(at_login(fault), says=f"code {code}", exit_code=2, tries=False)


def _exhausted() -> Row:
    """The process gives up, and the kubelet starts another."""
    fault = next(fault for fault in PASSING if fault.name == "login-unavailable")
    policy = PATIENT | {"maxAttempts": 2}
    row = replace(at_login(fault), name="exhausted", reason="AttemptsExhausted", exit_code=70, tries=False)
    return replace(row, says="LoginUnavailable: WhatsApp refuses logins at present: code 503", reconnect=policy)


def _limited() -> Row:
    """WhatsApp answers no request any more; the connection holds."""
    fault = ConnectionFault("requests-limited", FaultKind.RATE_LIMIT_REQUESTS, "RequestsRateLimited")
    return Row(fault.name, fault.reason, faulted(fault, count=LASTING), clear, by_live_state=True)


async def link(fleet: Fleet, member: Member) -> None:
    """Link a member's phone with the code that is shown, of either kind."""
    while not (await member.linked.view()).devices:
        offer = await fleet.offered(member)
        with contextlib.suppress(SimulatorError):  # a code that was replaced meanwhile
            await member.linked.link(code=offer.code, qr=offer.qr)


def _unacknowledged() -> Row:
    """WhatsApp does not confirm one message while another waits, and the session that replaces this one hangs.

    It is told until the proxy is known to hang, which on a busy machine may be too short for anybody to see.
    """
    name, of, proxy = "unacknowledged", "org-unacknowledged", Proxy(next(_PORTS), {})
    begun = False

    async def inflict(fleet: Fleet, member: Member) -> None:
        nonlocal begun
        if begun:
            await mend(fleet, member)
            await fleet.until("back to begin again", [member], lambda one: one.connected)
        begun = True
        await member.linked.fault(FaultKind.NO_ACK, count=LASTING)
        await proxy.put(fleet, {"answer": "hang"})
        for customer in CUSTOMERS:
            await fleet.whatsapp.phone(customer, "Caio")
            await asyncio.to_thread(queue_contents, fleet.kubectl, customer, [SHOP], organization=of, instance=name)

    async def mend(fleet: Fleet, member: Member) -> None:
        await clear(fleet, member)
        await proxy.put(fleet, proxy.usual)

    network = NETWORK | {"proxySecretRef": {"name": name}}
    row = Row(name, "SlowAcknowledgement", inflict, mend, by_live_state=True, network=network, proxy=proxy)
    also = frozenset({"ProxyTimedOut", "ProxyUnreachable"})
    # On a busy machine it takes long to end the first session, in which nothing is received either.
    patient = UNHURRIED | {"silentAfterSeconds": 300, "renewAfterSeconds": 300}
    return replace(row, reconnect=patient, also=also, every=150)


def _denied() -> Row:
    """The phone types a wrong code, and then the right one."""

    async def inflict(fleet: Fleet, member: Member) -> None:
        await fleet.offered(member)
        with contextlib.suppress(SimulatorError):
            await member.linked.link(code="AAAA-1111")

    return Row("code-denied", "PairingDenied", inflict, link, every=20, by_live_state=True, is_linked=False)


def _refused() -> Row:
    """WhatsApp gives no code to type: the next connection offers one to scan."""
    limit = ConnectionFault("code-refused", FaultKind.RATE_LIMIT_REQUESTS, "PhoneCodeRefused")

    async def inflict(fleet: Fleet, member: Member) -> None:
        await faulted(limit, count=LASTING)(fleet, member)
        await member.linked.fault(FaultKind.RESTART)

    return Row(limit.name, limit.reason, inflict, link_again, every=20, by_live_state=True, is_linked=False)


async def link_again(fleet: Fleet, member: Member) -> None:
    """End the faults of a member's phone, and link it."""
    await clear(fleet, member)
    await link(fleet, member)


def _codeless(name: str, kind: FaultKind, reason: str, says: str = "") -> Row:
    """WhatsApp ends the connection as soon as a code is shown, again and again."""
    act = faulted(ConnectionFault(name, kind, reason))
    row = Row(name, reason, act, link_again, says, every=3, by_live_state=True, is_linked=False)
    return replace(row, tries=True, reconnect=UNHURRIED)


def _stranger() -> Row:
    """A phone with another number scans the code."""

    async def inflict(fleet: Fleet, member: Member) -> None:
        stranger = await fleet.whatsapp.phone(f"{member.number[:-1]}{(int(member.number[-1]) + 5) % 10}", "Flor")
        offer = await fleet.offered(member)
        with contextlib.suppress(SimulatorError):  # a code that was replaced meanwhile
            await stranger.link(qr=offer.qr)

    qr, reason = {"method": "QRCode"}, "LinkedToAnotherNumber"
    return Row("another-number", reason, inflict, every=20, pairing=qr, by_live_state=True, is_linked=False)


def _row_of(fault: ConnectionFault) -> Row:
    if "count" not in fault.options or fault.reason == "ConnectionUnsteady":
        return brief(fault)
    return unreadable(fault) if fault.reason == "FrameUnreadable" else at_login(fault)


ROWS: Final = (
    *map(_row_of, PASSING),
    at_login(UNANSWERED),
    *map(silent, SILENT),
    *map(final, FINAL),
    *(proxied(one.name, one.reason, {"tls": one.options["tls"]}, one.says) for one in OF_SERVER),
    proxied("tls-hangs", "TlsFailed", {"tls": "hang"}, "TLS handshake timeout"),
    proxied("proxy-dead", "ProxyUnreachable", None, "connection refused"),
    proxied("proxy-refuses", "ProxyRefused", {"answer": "refuse", "code": 403}, "Forbidden"),
    proxied("proxy-hangs", "ProxyTimedOut", {"answer": "hang"}, "no answer"),
    proxied(
        "proxy-password",
        "ProxyAuthenticationFailed",
        OTHER_PASSWORD,
        "username/password authentication failed",
        WITH_PASSWORD,
    ),
    _secret_changed(),
    _rewired("name-not-resolved", "NameNotResolved", DIRECT, "lookup"),
    _fatal(413),
    _fatal(414),
    _exhausted(),
    _limited(),
    _unacknowledged(),
    _denied(),
    _refused(),
    _codeless("pairing-interrupted", FaultKind.RESTART, "PairingInterrupted"),
    _codeless("linking-refused", FaultKind.LOGGED_OUT, "LinkingRefused", "code 401"),
    _stranger(),
    *VOLUME_ROWS,
)
"""All of them; each has a name of its own."""


def rows_named(*names: str) -> list[Row]:
    """Return the rows of these names."""
    by_name = {row.name: row for row in ROWS}
    return [by_name[name] for name in names]
