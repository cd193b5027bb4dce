"""The simulated network: accounts, who is connected, and the mail between them.

`State` is what survives a restart; `Network` adds what lives with the process. Nothing here does
I/O: callers give the clock and are told when something changed.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog

from oxy_simulator.accounts import Account, Device, MailItem, mail_key
from oxy_simulator.connection import Connection
from oxy_simulator.errors import UnknownPhoneError
from oxy_simulator.impairments import Carriage, Impairments
from oxy_simulator.jid import GROUP_SERVER, LID_SERVER, PHONE_SERVER, SERVER_JID, Jid
from oxy_simulator.ledger import Ledger, mark
from oxy_simulator.logins import VERSION_FLOOR, LoginBook, Version
from oxy_simulator.media import MediaFile
from oxy_simulator.mediadesk import MediaDesk
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.numbers import spellings
from oxy_simulator.offline import preview
from oxy_simulator.packets import PacketLog
from oxy_simulator.retention import KEPT_MESSAGES, Retention
from oxy_simulator.schedule import Action, Schedule
from oxy_simulator.signal import PreKeyBundle
from oxy_simulator.tables import Table

# The server asks for more one-time prekeys when this few are left: fewer than what clients take for
# too few. Source: whatsmeow `prekeys.go`, MinPreKeyCount.
LOW_PREKEYS: Final = 4

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that the real server would refuse; time in Unix seconds."""

    number: int
    at: float
    phone: str | None
    rule: str
    detail: str


@dataclass(slots=True)
class Group:
    """A group: its members by number, the creator first, and who named it last if that was changed; Unix seconds."""

    id: str
    subject: str
    creator: str
    members: list[str]
    created_at: int
    named_at: int = 0
    named_by: str = ""

    @property
    def jid(self) -> Jid:
        """The group's address."""
        return Jid(self.id, GROUP_SERVER)


@dataclass(slots=True)
class State:
    """Everything that survives a restart of the simulator."""

    accounts: Table[str, Account] = field(default_factory=Table)
    ledger: Ledger = field(default_factory=Ledger)
    violations: list[Violation] = field(default_factory=list)
    next_message: int = 1
    media: dict[str, MediaFile] = field(default_factory=dict)
    logins: LoginBook = field(default_factory=LoginBook)
    version_floor: Version = VERSION_FLOOR
    advanced: float = 0.0
    """How far the clock is ahead of the wall's, in seconds."""
    groups: dict[str, Group] = field(default_factory=dict)


@dataclass(slots=True)
class LinkAttempt:
    """A companion that waits for its phone code to be typed; `outcome` is set when it ended."""

    connection: Connection
    ref: str
    wrapped_key: bytes
    expires_at: float
    shared_secret: bytes = b""
    outcome: str = ""


class Network:
    """The living network around a `State`."""

    def __init__(
        self, state: State, clock: Callable[[], float], pairing_seconds: float, kept_messages: int = KEPT_MESSAGES
    ) -> None:
        self.state = state
        self.state.ledger.kept = self._kept_messages = kept_messages
        self.clock = clock
        self.pairing_seconds = pairing_seconds
        self.listeners: list[Callable[[], None]] = []
        self.save_now: Callable[[], None] = _nothing
        self.connections: dict[Jid, Connection] = {}
        self.refs: dict[str, tuple[Connection, float]] = {}
        self.links: dict[str, LinkAttempt] = {}
        self.media = MediaDesk()
        self.login_failures: dict[str, deque[Node]] = {}
        self.packets: PacketLog | None = None
        self.schedule = Schedule(clock)
        self.impairments = Impairments(clock, self.schedule)
        self.retention = Retention(state.accounts, kept_messages)
        self._phones = {account.lid_user: account.phone for account in state.accounts.values()}
        self._free_held_mail()

    def _free_held_mail(self) -> None:
        """Let mail that a fault held when the process was killed wait as any other: faults end with the process."""
        for account in self.state.accounts.values():
            for device in account.devices.values():
                for item in device.mailbox.values():
                    item.held = False

    def reload(self, state: State) -> None:
        """Go on with another state; nobody is connected any more, and codes are void."""
        for connection in self.connections.values():
            connection.closed, connection.active = True, False
        self.state = state
        self.state.ledger.kept = self._kept_messages
        self.retention = Retention(state.accounts, self._kept_messages)
        self.connections.clear()
        self.refs.clear()
        self.links.clear()
        self._phones = {account.lid_user: account.phone for account in state.accounts.values()}

    def add_account(self, account: Account) -> None:
        """Register an account; its number must be new."""
        self.state.accounts[account.phone] = account
        self._phones[account.lid_user] = account.phone
        self.save_now()
        self.changed()

    def account(self, phone: str) -> Account:
        """Return the account of a number (digits); raise UnknownPhoneError if there is none."""
        account = self.state.accounts.get(phone)
        if account is None:
            raise UnknownPhoneError(phone)
        return account

    def find(self, jid: Jid) -> Account | None:
        """Return the account of an address by number or LID, or None."""
        if jid.server == LID_SERVER:
            return self.state.accounts.get(self._phones.get(jid.user, ""))
        return self.state.accounts.get(jid.user) if jid.server == PHONE_SERVER else None

    def resolve(self, digits: str) -> Account | None:
        """Return the account of a number in either of its spellings, or None."""
        accounts = self.state.accounts
        return next((accounts[spelling] for spelling in spellings(digits) if spelling in accounts), None)

    def connection_of(self, account: Account, device: Device) -> Connection | None:
        """Return the connection of a device, if it has one."""
        return self.connections.get(account.device_lid(device.id))

    def connections_of(self, account: Account) -> Iterator[Connection]:
        """Yield the connections of an account's devices."""
        for device in list(account.devices.values()):
            connection = self.connection_of(account, device)
            if connection is not None:
                yield connection

    def changed(self, account: Account | None = None) -> None:
        """Tell listeners that something happened, and to whom if the account was not looked up just now."""
        if account is not None:
            self.state.accounts.touched.setdefault(account.phone, False)
        for listener in self.listeners:
            listener()

    def note(self, text: str, connection: Connection | None = None) -> None:
        """Write something that is not a stanza into the packet log, if one is kept."""
        if self.packets is not None:
            self.packets.note(text, connection)

    def violation(self, connection: Connection | None, rule: str, detail: str) -> None:
        """Record that a client broke the protocol."""
        account = connection.account if connection else None
        violations = self.state.violations
        phone = account.phone if account else None
        violations.append(Violation(len(violations) + 1, self.clock(), phone, rule, detail))
        log.error("protocol_violated", rule=rule, detail=detail)
        self.note(f"violation {rule}: {detail}", connection)
        self.changed()

    def post(self, account: Account, device: Device, stanza: Node, line: str | None = None) -> None:
        """Give a stanza to a device: at once if it listens, otherwise when it comes back.

        It is kept, with its ciphertext, until the device acknowledges it. Faults may hold or lose
        what has a life line; what they hold is kept too.
        """
        found = self.state.ledger.find(line)
        if found is None:
            self._post(account, device, stanza, line)
            return

        key = mail_key(stanza, "from")

        def carry() -> None:
            self._post(account, device, stanza, line)

        def hold() -> Action:
            device.mailbox[key] = MailItem(stanza, line, held=True)
            self.changed(account)
            return carry_held

        def carry_held() -> None:
            owner = self.account(account.phone)  # looked up afresh: this may run much later
            current = owner.devices.get(device.id)
            if current is None or current.noise_key != device.noise_key or key not in current.mailbox:
                return
            del current.mailbox[key]  # its place in the order is the last now
            self._post(owner, current, stanza, line)

        def lose() -> None:
            mark(self.state.ledger.find(line), "dropped", self.clock(), latest=True)
            self.changed()

        self.impairments.deliver(Carriage(account.phone, found.chat, "inbound", carry, lose, hold))

    def _post(self, account: Account, device: Device, stanza: Node, line: str | None) -> None:
        device.mailbox[mail_key(stanza, "from")] = MailItem(stanza, line)
        connection = self.connection_of(account, device)
        live = connection is not None and connection.active and not connection.closed
        if connection is not None and live:
            connection.send(stanza)
        found = self.state.ledger.find(line)
        if found is not None:
            mark(found, "relayed" if live else "queued", self.clock())
            found.deliveries += live
        self.changed(account)

    def flush(self, connection: Connection) -> None:
        """Send a device everything it has not acknowledged, before anything live."""
        _, device = connection.require_login()
        waiting = device.sendable()
        connection.queue.start(waiting)
        stanzas = [device.mailbox[key].stanza for key in waiting]
        connection.send(node("ib", {"from": SERVER_JID}, [preview(stanzas)]))
        self.send_waiting(connection)

    def enlarge_batch(self, connection: Connection, count: int) -> None:
        """Send a device more of what waits than it has room for so far."""
        connection.queue.enlarge(count)
        self.send_waiting(connection)

    def take_mail(self, connection: Connection, key: str) -> MailItem | None:
        """Remove what a device has acknowledged, and return it if it was there."""
        _, device = connection.require_login()
        item = device.mailbox.pop(key, None)
        connection.queue.settle(key)
        self.send_waiting(connection)
        return item

    def send_waiting(self, connection: Connection) -> None:
        """Send a device what waits for it, as far as its batch and its reading allow, and then go live."""
        account, device = connection.require_login()
        queue = connection.queue
        if not queue.started or connection.active or connection.closed:
            return
        while not connection.outbox.full:
            key = queue.take()
            if key is not None:
                self._send_kept(connection, device, key)
            elif queue.waiting:
                break  # until the device acknowledges
            elif queue.open:
                queue.open = False
                connection.send(node("ib", {"from": SERVER_JID}, [node("offline", {"count": queue.total})]))
            elif not queue.add_late(device.sendable()):
                connection.active = True
                break
        self.changed(account)

    def _send_kept(self, connection: Connection, device: Device, key: str) -> None:
        """Send what a device was not connected for, unless that is settled."""
        item = device.mailbox.get(key)
        if item is None:
            return
        kept = item.stanza
        flushed = Node(kept.tag, {**kept.attrs, "offline": "0"}, kept.content) if connection.queue.open else kept
        connection.send(flushed)
        self._mark_flushed(item)

    def take_bundle(self, account: Account, device: Device) -> PreKeyBundle:
        """Take a device's bundle; when that makes its one-time prekeys few, it is asked for more, once."""
        bundle = device.take_bundle()
        if bundle.prekey_id is not None:
            self.notice_low_prekeys(account, device)
        return bundle

    def notice_low_prekeys(self, account: Account, device: Device) -> None:
        """Ask a device for more one-time prekeys when few are left."""
        if len(device.prekeys) not in {LOW_PREKEYS, 0}:
            return
        attrs: Attrs = {"from": SERVER_JID, "type": "encrypt", "id": self.next_stanza_id(), "t": int(self.clock())}
        count = node("count", {"value": len(device.prekeys)})
        self.post(account, device, node("notification", attrs, [count]))

    def next_stanza_id(self) -> str:
        """Return an id that no other stanza of this network has, also after a restart."""
        self.state.next_message += 1
        return f"{self.state.next_message:08X}"

    def _mark_flushed(self, item: MailItem) -> None:
        line = self.state.ledger.find(item.line)
        if line is None:
            return
        again = line.deliveries > 0
        mark(line, "redelivered" if again else "relayed", self.clock(), latest=again)
        line.deliveries += 1


def _nothing() -> None:
    """Do nothing: without a state folder nothing is saved."""
