"""Everything that is broken now: what `GET /faults` lists and `DELETE /faults` ends."""

from collections import Counter
from collections.abc import Iterator

from oxy_simulator.connection import Connection
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.faults import LOGIN_FAILURES
from oxy_simulator.front import Front, Trouble
from oxy_simulator.impairments import Direction, Rule
from oxy_simulator.mediadesk import CONNECTION_SECONDS, MediaDesk, MediaFaultKind
from oxy_simulator.network import Network
from oxy_simulator.node import Node
from oxy_simulator.proxy_protocol import ProxyPolicy
from oxy_simulator.replies import RuleView

_KINDS = {str(reason): kind for kind, reason in LOGIN_FAILURES.items()}


def armed(network: Network, front: Front) -> list[RuleView]:
    """Return every fault that holds or waits to happen: of messages, logins, connections, newcomers and files."""
    return [
        *(_of_rule(rule) for rule in network.impairments.active()),
        *_of_logins(network),
        *(
            view
            for connection in network.connections.values()
            if not connection.closed
            for view in _of_connection(connection)
        ),
        *(_of_trouble(trouble) for trouble in front.troubles()),
        *([RuleView(kind=FaultKind.DOWN)] if front.down else []),
        *_of_files(network.media),
    ]


def disarm(network: Network, front: Front, phone: str | None) -> int:
    """End the faults of one phone, or all; return how many there were.

    What they held back is released, and a half-open connection, which missed too much to go on, is cut.
    """
    ended = len([view for view in armed(network, front) if phone in {None, view.phone}])
    network.impairments.clear(phone)
    for connection in list(network.connections.values()):
        if phone is None or (connection.account is not None and connection.account.phone == phone):
            _mend(connection)
    if phone is not None:
        network.login_failures.pop(phone, None)
    else:
        network.login_failures.clear()
        network.media.rules.clear()
        network.media.ttl = CONNECTION_SECONDS
        front.clear_troubles()
        front.set_down(down=False)
    return ended


def _mend(connection: Connection) -> None:
    if connection.pace.stopped:
        connection.abort()
    connection.muted = False
    connection.pace.hasten()


def _of_rule(rule: Rule) -> RuleView:
    return RuleView.model_validate(rule).model_copy(update={"code": rule.code or None})


def _of_logins(network: Network) -> Iterator[RuleView]:
    for phone, failures in network.login_failures.items():
        for (kind, code), count in Counter(map(_failure, failures)).items():
            yield RuleView(kind=kind, phone=phone, left=count, code=code)


def _failure(failure: Node) -> tuple[FaultKind, int | None]:
    """Return the fault that made a login failure, and the code that was given with it."""
    reason = str(failure.attrs["reason"])
    kind = _KINDS.get(reason, FaultKind.LOGIN_FAILURE)
    code = reason if kind is FaultKind.LOGIN_FAILURE else failure.attrs.get("code")
    return kind, None if code is None else int(str(code))


def _of_connection(connection: Connection) -> Iterator[RuleView]:
    phone, pace = connection.account.phone if connection.account else None, connection.pace
    if connection.muted:
        yield RuleView(kind=FaultKind.SILENCE, phone=phone)
    if pace.stopped:
        yield RuleView(kind=FaultKind.HALF_OPEN, phone=phone)
    rates: list[tuple[Direction, int | None]] = [("inbound", pace.inbound), ("outbound", pace.outbound)]
    for direction, rate in rates:
        if rate is not None:
            yield RuleView(kind=FaultKind.SLOW, phone=phone, direction=direction, rate=rate)


def _of_trouble(trouble: Trouble) -> RuleView:
    if isinstance(trouble.what, ProxyPolicy):
        view = RuleView(kind=FaultKind.PROXY, code=trouble.what.code)
    else:
        view = RuleView(kind=FaultKind.TLS, tls=trouble.what)
    return view.model_copy(update={"left": trouble.left, "until": trouble.until, "taken": trouble.taken})


def _of_files(desk: MediaDesk) -> Iterator[RuleView]:
    for rule in desk.rules:
        yield RuleView(kind=rule.kind, files=True, left=rule.left)
    if desk.ttl != CONNECTION_SECONDS:
        yield RuleView(kind=MediaFaultKind.AUTH_EXPIRED, files=True)
