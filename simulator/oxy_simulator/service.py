"""The simulator as a service: network, servers and state folder, and every operation on them.

The control API, the Python test objects and the command line all act through `Service`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final

import structlog

from oxy_simulator import __version__, actions, groups, linking, sending
from oxy_simulator.accounts import Account, InboxMessage, MailItem
from oxy_simulator.appstate import PUSH_NAME_COLLECTION
from oxy_simulator.armed import armed, disarm
from oxy_simulator.attachments import Attachment
from oxy_simulator.clock import SimulatedClock
from oxy_simulator.contents import Text
from oxy_simulator.errors import DecryptionError, PairingError, RequestError
from oxy_simulator.faultkind import SERVER_KINDS
from oxy_simulator.faults import Breakage, FaultKind, break_phone
from oxy_simulator.jid import phone_digits
from oxy_simulator.keys import NOISE_ROOT_FILE, ServerKeys
from oxy_simulator.load import LoadGenerator
from oxy_simulator.logins import parse_version, version_text
from oxy_simulator.mediadesk import MediaFaultKind, MediaRule
from oxy_simulator.medialibrary import MIME_TYPES, MediaLibrary, limit_of
from oxy_simulator.network import Network
from oxy_simulator.notices import tell_app_state
from oxy_simulator.operations import Operations
from oxy_simulator.proxies import Proxies
from oxy_simulator.proxy_protocol import ProxyPolicy
from oxy_simulator.replies import (
    ClockView,
    DeviceView,
    FileId,
    GroupView,
    LineView,
    LoginView,
    Message,
    MessageState,
    PacketView,
    PhoneView,
    RuleView,
    StateView,
    TrustView,
    ViolationView,
)
from oxy_simulator.requests import (
    AddPhone,
    AdvanceClock,
    ChangeMembers,
    Fault,
    LinkDevice,
    MediaFault,
    NewGroup,
    Request,
    SendText,
    StartLoad,
    VersionFloor,
)
from oxy_simulator.transcript import Record, transcript
from oxy_simulator.waiting import Waiters

LINK_SECONDS: Final = 15.0
PAIRING_SECONDS: Final = 160.0  # how long a client's codes are valid; whatsmeow pair-code.go

_FILE_ID_DIGITS: Final = 32

log = structlog.get_logger(__name__)


@dataclass
class Service:
    """A running simulator. Make it with `hosting.run_service`."""

    network: Network
    clock: SimulatedClock
    keys: ServerKeys
    proxies: Proxies
    operations: Operations
    library: MediaLibrary
    load: LoadGenerator
    host: str
    proxy_port: int
    _waiters: Waiters = field(default_factory=Waiters)

    def pulse(self) -> None:
        """Wake whoever waits for a change."""
        self._waiters.pulse()

    async def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition on the state holds; return whether it did within the time."""
        return await self._waiters.wait_for(condition, seconds)

    def account(self, phone: str) -> Account:
        """Return a phone's account by either spelling of its number.

        Raise RequestError if the number is malformed or unknown.
        """
        digits = phone_digits(phone)
        return self.network.resolve(digits) or self.network.account(digits)

    def add_phone(self, request: AddPhone) -> PhoneView:
        """Add a phone; an existing one takes the new name and settings."""
        digits = phone_digits(request.phone)
        account = self.network.state.accounts.get(digits)
        if account is None:
            account = Account(digits, request.name or digits)
            self.network.add_account(account)
        elif request.name and request.name != account.name:
            account.name = request.name
            account.app_state.set_push_name(request.name, int(self.network.clock() * 1000))
            tell_app_state(self.network, account, PUSH_NAME_COLLECTION)
        account.addressing = request.addressing
        account.sends_read_receipts = request.sends_read_receipts
        self.network.changed()
        return self.phone_view(account)

    def send(self, phone: str, request: SendText) -> str:
        """Let a phone send a message; return its id."""
        content = request.message or Text(text=request.text or "", quote=request.quote)
        return sending.say(self.network, self.account(phone), self.account(request.to), content, request.id)

    async def attach(self, phone: str, kind: str, chunks: AsyncIterator[bytes]) -> FileId:
        """Give a phone a file to send, encrypted and uploaded; raise RequestError if the kind or the size is wrong."""
        account = self.account(phone)
        if kind not in MIME_TYPES:
            msg = f"there are no files of kind {kind!r}; kinds: {', '.join(MIME_TYPES)}"
            raise RequestError(msg)
        plain = await self.library.receive(chunks, limit_of(kind))
        if not plain.size:
            msg = "the file is empty; send its bytes as the body, or as the message's 'data'"
            raise RequestError(msg)
        facts = await asyncio.to_thread(self.library.attach, kind, plain)
        file_id = facts.file_enc_sha256.hex()[:_FILE_ID_DIGITS]
        account.files[file_id] = facts
        self.network.changed(account)
        return FileId(file=file_id, size=plain.size)

    async def with_file(self, phone: str, request: SendText) -> SendText:
        """Turn a request's inline file into one that the phone has."""
        content = request.message
        if not isinstance(content, Attachment) or not content.data:
            return request
        attached = await self.attach(phone, str(getattr(content, "kind", "")), _once(content.data))
        content = content.model_copy(update={"data": b"", "file": attached.file})
        return request.model_copy(update={"message": content})

    async def open_file(self, phone: str, message_id: str) -> BinaryIO:
        """Return the decrypted file of a phone's message; raise RequestError with what is wrong with it."""
        known = self.account(phone).chats.search(message_id)
        if known is None or known.media is None:
            msg = f"{phone} has no message {message_id} with a file; take an id from its inbox"
            raise RequestError(msg)
        try:
            return await asyncio.to_thread(self.library.open_plain, known.media)
        except DecryptionError as error:
            msg = f"the file of message {message_id} cannot be read: {error}"
            raise RequestError(msg) from error

    def media_fault(self, request: MediaFault) -> None:
        """Break something about the next files."""
        if request.kind is MediaFaultKind.AUTH_EXPIRED:
            self.network.media.expire_authorisations(request.ttl, self.network.clock())
            return
        rule = MediaRule(request.kind, request.count, request.status, request.rate)
        self.network.media.rules.append(rule)

    def message(self, phone: str, message_id: str) -> MessageState:
        """Return how a message stands on a phone now; raise RequestError if the phone has none with this id."""
        known = self.account(phone).chats.search(message_id)
        if known is None:
            msg = f"{phone} has no message {message_id}; take an id from its inbox, or one that it sent"
            raise RequestError(msg)
        return MessageState.model_validate(known)

    async def inbox(self, phone: str, after: int, seconds: float) -> list[Message]:
        """Return a phone's messages after a number, waiting up to `seconds` for the first."""
        # A restart of the server replaces accounts, so the phone's is looked up anew.
        await self.wait_for(lambda: self.account(phone).inbox.next_number > after + 1, seconds)
        account = self.account(phone)
        return [_message_view(account, entry) for entry in account.inbox.after(after)]

    async def link(self, phone: str, request: LinkDevice) -> DeviceView:
        """Link a device by code or QR; raise PairingError if the client does not finish."""
        account = self.account(phone)
        if (request.code is None) == (request.qr is None):
            msg = "give exactly one of 'code' (what the client shows) and 'qr' (the text of its QR code)"
            raise PairingError(msg)
        before = set(account.devices)
        if request.code is not None:
            outcome = await self._link_by_code(account, request.code)
        else:
            outcome = await self._link_by_qr(account, request.qr or "")
        new = set(account.devices) - before
        if not new:
            raise PairingError(outcome or "the client did not finish linking; look at its log and try again")
        return self._device_view(account, max(new))

    async def _link_by_code(self, account: Account, code: str) -> str:
        attempt = linking.enter_code(self.network, account, code)
        await self.wait_for(lambda: bool(attempt.outcome), LINK_SECONDS)
        return attempt.outcome

    async def _link_by_qr(self, account: Account, text: str) -> str:
        connection = linking.scan_qr(self.network, account, text)
        await self.wait_for(lambda: connection.candidate is None or connection.closed, LINK_SECONDS)
        return "the client refused the link" if connection.candidate is None else ""

    def unlink(self, phone: str, device: int | None) -> list[int]:
        """Remove one linked device, or all; return which."""
        account = self.account(phone)
        removed = [device] if device is not None else sorted(account.devices)
        for device_id in removed:
            linking.unlink(self.network, account, device_id)
        return removed

    def fault(self, request: Fault) -> None:
        """Break something; raise RequestError if the phone is missing or unknown."""
        self.network.note(f"fault {request.kind.value}" + (f" on {request.phone}" if request.phone else ""))
        if request.kind in SERVER_KINDS:
            self._server_fault(request)
            return
        if request.phone is None:
            msg = f"fault {request.kind.value!r} needs 'phone': whose linked devices to act on"
            raise RequestError(msg)
        peer = self.account(request.peer).phone if request.peer else None
        breakage = Breakage(**request.model_dump(exclude={"phone", "peer"}), peer=peer)
        break_phone(self.network, self.account(request.phone), breakage)

    def _server_fault(self, request: Fault) -> None:
        front = self.proxies.front
        if request.kind is FaultKind.TLS:
            front.trouble(request.tls, request.count, request.duration)
        elif request.kind is FaultKind.PROXY:
            policy = ProxyPolicy(answer="hang" if request.code == 0 else "refuse", code=request.code)
            front.trouble(policy, request.count, request.duration)
        else:
            front.set_down(down=request.kind is FaultKind.DOWN)

    def rules(self) -> list[RuleView]:
        """Return everything that is broken now, or waits to happen."""
        return armed(self.network, self.proxies.front)

    def clear_faults(self, phone: str | None) -> int:
        """End the faults of one phone, or all faults; return how many."""
        return disarm(self.network, self.proxies.front, None if phone is None else self.account(phone).phone)

    def start_load(self, request: StartLoad) -> None:
        """Start sending; raise RequestError if a run is in progress or a phone is unknown."""
        senders = [self.account(phone) for phone in request.senders]
        recipients = [self.account(phone) for phone in ([request.to] if isinstance(request.to, str) else request.to)]
        self.load.start(senders, recipients, request.count, request.rate, request.text)

    def phone_views(self) -> list[PhoneView]:
        """Describe every phone."""
        return [self.phone_view(account) for account in self.network.state.accounts.values()]

    def phone_view(self, account: Account) -> PhoneView:
        """Describe one phone."""
        return PhoneView(
            phone=account.phone,
            name=account.name,
            lid=str(account.lid),
            devices=[self._device_view(account, device_id) for device_id in sorted(account.devices)],
            messages=account.inbox.next_number - 1,
            chat_states=dict(account.chat_states),
            waits_for_code=account.phone in self.network.links,
        )

    def _device_view(self, account: Account, device_id: int) -> DeviceView:
        device = account.devices[device_id]
        connection = self.network.connection_of(account, device)
        return DeviceView(
            id=device_id,
            platform=device.platform,
            online=connection is not None and connection.active,
            prekeys=len(device.prekeys),
            waiting=len(device.mailbox),
        )

    def accounting(self, after: int = 0) -> list[LineView]:
        """Return the life lines numbered after a number, in order."""
        lines = (line for line in self.network.state.ledger if line.number > after)
        return [LineView.model_validate(line) for line in lines]

    def act(self, phone: str, action: str, request: Request) -> PhoneView:
        """Let a phone do one of `actions.ACTIONS`; raise RequestError if that is impossible."""
        account = self.account(phone)
        actions.act(self.network, account, action, request)
        return self.phone_view(account)

    def create_group(self, request: NewGroup) -> GroupView:
        """Make a group."""
        members = [self.account(phone) for phone in request.members]
        group = groups.create_group(self.network, self.account(request.creator), request.subject, members)
        return GroupView.model_validate(group)

    def change_members(self, name: str, request: ChangeMembers) -> GroupView:
        """Add and remove members of a group; raise RequestError if it is unknown."""
        group = groups.find_group(self.network, name)
        added, removed = ([self.account(phone) for phone in phones] for phones in (request.add, request.remove))
        groups.change_members(self.network, group, added, removed)
        return GroupView.model_validate(group)

    def logins(self, phone: str | None = None) -> list[LoginView]:
        """Return every login so far, or those to one phone's account."""
        book = self.network.state.logins
        logins = book.logins if phone is None else book.of(self.account(phone).phone)
        return [LoginView.model_validate(login) for login in logins]

    def clock_view(self) -> ClockView:
        """Tell the time."""
        return ClockView(now=self.network.clock(), advanced=self.clock.advanced)

    def advance_clock(self, request: AdvanceClock) -> ClockView:
        """Move time forward and let happen what is due by then."""
        self.clock.advance(request.advance)
        self.network.state.advanced = self.clock.advanced
        self.network.schedule.run_due()
        self.network.schedule.sooner()
        self.network.changed()
        log.info("clock_advanced", seconds=request.advance)
        return self.clock_view()

    def set_version_floor(self, request: VersionFloor) -> str:
        """Refuse clients below a version from now on; return it."""
        self.network.state.version_floor = parse_version(request.version)
        self.network.changed()
        return version_text(self.network.state.version_floor)

    def violations(self) -> list[ViolationView]:
        """Return every recorded protocol violation."""
        return [ViolationView.model_validate(violation) for violation in self.network.state.violations]

    def packets(self, after: int = 0) -> list[PacketView]:
        """Return the kept packets numbered after a number; raise RequestError if none are kept."""
        if self.network.packets is None:
            msg = "no packets are kept; start the simulator with --kept-packets above 0"
            raise RequestError(msg)
        return [PacketView.model_validate(packet) for packet in self.network.packets.after(after)]

    def transcript(self) -> str:
        """Write who said what to whom, with the packet log's notes (faults, violations, connections)."""
        accounts = self.network.state.accounts.values()
        packets = self.network.packets.after(0) if self.network.packets else []
        record = Record(
            names={account.phone: account.name for account in accounts},
            inboxes={account.phone: [_message_view(account, entry) for entry in account.inbox] for account in accounts},
            lines=self.accounting(),
            notes=[PacketView.model_validate(packet) for packet in packets if packet.direction == "note"],
        )
        return transcript(record)

    async def settled(self, seconds: float) -> bool:
        """Wait until no linked device has anything left to acknowledge and no fault holds a message.

        Return whether it was so in time.
        """
        return await self.wait_for(
            lambda: not self.network.impairments.holds_messages and not any(self._mailboxes()), seconds
        )

    def _mailboxes(self) -> Iterator[Mapping[str, MailItem]]:
        for account in self.network.state.accounts.values():
            yield from (device.mailbox for device in account.devices.values())

    def trust(self) -> TrustView:
        """Return what a client needs to reach and to trust this server."""
        root = self.keys.ca_file.with_name(NOISE_ROOT_FILE)
        return TrustView(
            proxy_port=self.proxy_port, ca=self.keys.ca_file.read_text(), noise_root=root.read_text().strip()
        )

    def state(self) -> StateView:
        """Return an overview."""
        return StateView(
            version=__version__,
            phones=self.phone_views(),
            connections=len(self.network.connections),
            messages=len(self.network.state.ledger.lines),
            forgotten=self.network.state.ledger.forgotten,
            violations=len(self.network.state.violations),
            down=self.proxies.front.down,
            load_running=self.load.running,
        )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _message_view(account: Account, entry: InboxMessage) -> Message:
    message = Message.model_validate(entry)
    known = account.chats.find(entry.chat, entry.id)
    if known is None or (known.kind == "text" and not (known.edited_at or known.revoked_at or known.reactions)):
        return message
    return message.model_copy(update={"state": MessageState.model_validate(known)})
