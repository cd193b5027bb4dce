"""The state as rows: what changed since it was last saved, and how it is put together again.

A row has a kind, an owner, a key and a JSON body. An account and a device hold their small fields in
one row; whatever grows (sessions, mail, inboxes, …) has rows of its own. A field that is added to
`State`, `Account` or `Device` is kept in their row without further ado.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias, TypeVar

from pydantic import TypeAdapter

from oxy_simulator.accounts import Account, Device, InboxMessage, MailItem, PreKey, SentMessage, inbox_identity
from oxy_simulator.chats import KnownMessage
from oxy_simulator.ledger import LifeLine
from oxy_simulator.logins import Login
from oxy_simulator.network import State, Violation
from oxy_simulator.signal import SessionRecord
from oxy_simulator.tables import History, Table


class Row(NamedTuple):
    """One row; without a body it is to be removed, and without a key all of its owner's are."""

    kind: str
    owner: str
    key: str | None
    body: bytes | None


class StoredRow(NamedTuple):
    """A row of some kind as it was saved."""

    owner: str
    key: str
    body: bytes


V = TypeVar("V")
Select: TypeAlias = Callable[[str], Iterable[StoredRow]]

_STATE: Final = TypeAdapter(State)
_ACCOUNT: Final = TypeAdapter(Account)
_DEVICE: Final = TypeAdapter(Device)
_PREKEYS: Final = TypeAdapter(list[PreKey])
_SESSION: Final = TypeAdapter(SessionRecord)
_MAIL: Final = TypeAdapter(MailItem)
_INBOX: Final = TypeAdapter(InboxMessage)
_SENT: Final = TypeAdapter(SentMessage)
_KNOWN: Final = TypeAdapter(KnownMessage)
_LINE: Final = TypeAdapter(LifeLine)
_LOGIN: Final = TypeAdapter(Login)
_VIOLATION: Final = TypeAdapter(Violation)

_STATE_OWN_ROWS: Final[dict[str, bool | set[str]]] = {
    "accounts": True,
    "ledger": {"lines", "kept"},
    "logins": {"logins"},
    "violations": True,
}
_OWN_ROWS: Final = {"devices", "sessions", "inbox", "seen", "sent", "chats"}
_DEVICE_OWN_ROWS: Final = {"mailbox", "prekeys"}


class ChangedRows:
    """Finds the rows of a state that changed since the last call."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._bodies: dict[tuple[str, str, str], int] = {}
        self._prekeys: dict[str, tuple[int, bytes, bytes]] = {}
        self._violations = 0

    @classmethod
    def none(cls, state: State) -> "ChangedRows":
        """Begin with a state that has just been read: nothing has changed."""
        for account in state.accounts.values():
            for device in account.devices.values():
                device.mailbox.take_touched()
            account.devices.take_touched()
            account.sessions.take_touched()
            account.sent.take_touched()
            account.chats.messages.take_touched()
            account.inbox.take_touched()
        state.ledger.lines.take_touched()
        state.logins.logins.take_touched()
        changed = cls(state)
        changed.take_all()
        return changed

    def take(self) -> list[Row]:
        """Return the changed rows of the accounts that were reached since the last call."""
        return [row for phone in self._state.accounts.take_touched() for row in self._account(phone)] + self._shared()

    def take_all(self) -> list[Row]:
        """Return every changed row, also of accounts that were changed without being looked up."""
        self._state.accounts.take_touched()
        return [row for phone in list(self._state.accounts) for row in self._account(phone)] + self._shared()

    def _shared(self) -> list[Row]:
        state = self._state
        body = _STATE.dump_json(state, exclude=_STATE_OWN_ROWS)
        rows = [
            *self._unless_same("state", "", "", body),
            *_of_table("line", "", state.ledger.lines, _LINE),
            *_of_history("login", "", state.logins.logins, _LOGIN),
        ]
        if len(state.violations) < self._violations:
            rows.append(Row("violation", "", None, None))
            self._violations = 0
        for number, violation in enumerate(state.violations[self._violations :], self._violations + 1):
            rows.append(Row("violation", "", str(number), _VIOLATION.dump_json(violation)))
        self._violations = len(state.violations)
        return rows

    def _account(self, phone: str) -> Iterator[Row]:
        account = dict.get(self._state.accounts, phone)
        if account is None:
            return
        yield from self._unless_same("account", "", phone, _ACCOUNT.dump_json(account, exclude=_OWN_ROWS))
        for device_id, removed in account.devices.take_touched().items():
            if removed:
                yield from self._removed_device(phone, str(device_id))
        for device_id, device in account.devices.items():
            yield from self._device(phone, str(device_id), device)
        if account.sessions.touched:
            yield from _of_table("session", phone, account.sessions, _SESSION)
        if account.sent.touched:
            yield from _of_table("sent", phone, account.sent, _SENT)
        if account.chats.messages.touched:
            yield from _of_table("known", phone, account.chats.messages, _KNOWN)
        if account.inbox.touched:
            yield from _of_history("inbox", phone, account.inbox, _INBOX)

    def _device(self, phone: str, device_id: str, device: Device) -> Iterator[Row]:
        owner = f"{phone}:{device_id}"
        yield from self._unless_same("device", phone, device_id, _DEVICE.dump_json(device, exclude=_DEVICE_OWN_ROWS))
        prekeys = _fingerprint(device.prekeys)
        if self._prekeys.get(owner) != prekeys:
            self._prekeys[owner] = prekeys
            yield Row("prekeys", phone, device_id, _PREKEYS.dump_json(device.prekeys))
        if device.mailbox.touched:
            yield from _of_table("mail", owner, device.mailbox, _MAIL)

    def _removed_device(self, phone: str, device_id: str) -> Iterator[Row]:
        owner = f"{phone}:{device_id}"
        self._prekeys.pop(owner, None)
        self._bodies.pop(("device", phone, device_id), None)
        yield Row("device", phone, device_id, None)
        yield Row("prekeys", phone, device_id, None)
        yield Row("mail", owner, None, None)

    def _unless_same(self, kind: str, owner: str, key: str, body: bytes) -> Iterator[Row]:
        """Yield a row that is cheap to write out but need not be saved when it is as before."""
        digest = hash(body)
        if self._bodies.get((kind, owner, key)) != digest:
            self._bodies[kind, owner, key] = digest
            yield Row(kind, owner, key, body)


def _of_table(kind: str, owner: str, table: Table[str, V], adapter: TypeAdapter[V]) -> Iterator[Row]:
    for key, removed in table.take_touched().items():
        row = dict.get(table, key)
        if removed:
            yield Row(kind, owner, key, None)
        if row is not None:
            yield Row(kind, owner, key, adapter.dump_json(row))


def _of_history(kind: str, owner: str, history: History[V], adapter: TypeAdapter[V]) -> Iterator[Row]:
    for number in history.take_touched():
        entry = history.numbered(number)
        yield Row(kind, owner, str(number), None if entry is None else adapter.dump_json(entry))


def _fingerprint(prekeys: list[PreKey]) -> tuple[int, bytes, bytes]:
    """Tell lists of prekeys apart cheaply: they only grow at their end and shrink from their start."""
    return (len(prekeys), prekeys[0].public, prekeys[-1].public) if prekeys else (0, b"", b"")


def read_state(select: Select) -> State:
    """Put a state together from its rows, which `select` gives by kind in the order of their addition.

    Rows whose owner is gone are passed over. Raise ValidationError if a body is damaged.
    """
    state = State()
    for row in select("state"):
        state = _STATE.validate_json(row.body)
    accounts = state.accounts
    for row in select("account"):
        accounts[row.key] = _ACCOUNT.validate_json(row.body)
    for row in select("device"):
        if row.owner in accounts:
            accounts[row.owner].devices[int(row.key)] = _DEVICE.validate_json(row.body)
    _read_owned(select, state)
    for row in select("line"):
        state.ledger.lines[row.key] = _LINE.validate_json(row.body)
    for row in select("login"):
        _read_entry(state.logins.logins, (login := _LOGIN.validate_json(row.body)), login.number)
    state.violations.extend(_VIOLATION.validate_json(row.body) for row in select("violation"))
    return state


def _read_owned(select: Select, state: State) -> None:
    accounts = state.accounts
    devices = {f"{phone}:{key}": device for phone, owner in accounts.items() for key, device in owner.devices.items()}
    for row in select("prekeys"):
        device = devices.get(f"{row.owner}:{row.key}")
        if device is not None:
            device.prekeys = _PREKEYS.validate_json(row.body)
    for row in select("mail"):
        if row.owner in devices:
            devices[row.owner].mailbox[row.key] = _MAIL.validate_json(row.body)
    for row in select("session"):
        accounts[row.owner].sessions[row.key] = _SESSION.validate_json(row.body)
    for row in select("sent"):
        accounts[row.owner].sent[row.key] = _SENT.validate_json(row.body)
    for row in select("known"):
        accounts[row.owner].chats.messages[row.key] = _KNOWN.validate_json(row.body)
    for row in select("inbox"):
        _read_inbox(accounts[row.owner], _INBOX.validate_json(row.body))


def _read_inbox(account: Account, entry: InboxMessage) -> None:
    _read_entry(account.inbox, entry, entry.number)
    account.seen.add(inbox_identity(entry))


def _read_entry(history: History[V], entry: V, number: int) -> None:
    if not history:
        history.forgotten = number - 1
    history.append(entry)
