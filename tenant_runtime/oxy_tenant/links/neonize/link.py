"""`WhatsAppLink` on neonize, used through its binding alone.

Facts about neonize 0.5.2 and the whatsmeow inside that shaped this module:

- ``Neonize()`` blocks for the life of a session and calls back, one event at a time, from threads of Go. It returns
  an error at once when the first connection fails; once it has called back, any return means that events are lost.
- Receipts go to the server without waiting for us, so a message is journalled inside the callback.
- An event with a value unknown to neonize ends its event loop: only the events named here are asked for.
- While unpaired, ``Stop()`` never ends the thread; it is a daemon thread and is left behind.
- ``SendMessage()`` blocks up to 75 s, one message at a time, and loses the message's id when it fails.
"""

import asyncio
import contextlib
import ctypes
import itertools
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from oxy_core.identity import Jid, mask
from oxy_tenant.content.received import Received
from oxy_tenant.links.errors import LinkError, LinkUnavailableError, SendRefusedError, SendUnconfirmedError
from oxy_tenant.links.events import (
    CONNECT_FAILURE,
    Banned,
    CaughtUp,
    Connected,
    CopyRefused,
    Delivered,
    Disconnected,
    Identified,
    LinkEvent,
    LinkStopped,
    LoggedOut,
    Outdated,
    PairingStopped,
    QrOffered,
    Replaced,
)
from oxy_tenant.links.neonize.classification import classify_message, classify_undecryptable, jid_of
from oxy_tenant.links.neonize.library import Library, load_library
from oxy_tenant.links.neonize.sending_chains import SendingChains
from oxy_tenant.links.protocol import EventSink, MessageSink

log = structlog.get_logger()

_ACCOUNT: Final = 0
_MESSAGE: Final = 17
_RECEIPT: Final = 18
_UNDECRYPTABLE: Final = 44
_BAN: Final = 8
_EVENTS: Final[dict[int, LinkEvent]] = {
    3: Connected(),
    4: Disconnected("KeepAliveTimeout"),
    5: Connected(),
    6: LoggedOut(),
    7: Replaced(),
    9: Disconnected(CONNECT_FAILURE),
    10: Outdated(),
    12: Disconnected("ConnectionLost"),
    27: CaughtUp(),
}
"""The events that are asked for besides messages, by number. Source: neonize/events.py, EVENT_TO_INT."""

_DATABASE_OPTIONS: Final = "?_foreign_keys=on&_journal_mode=WAL&_synchronous=FULL&_x="
"""Appended to the session's path: neonize passes a name on as an SQLite URI and adds an option of its own, which
``_x`` swallows. WAL receives six times faster than the default; FULL keeps ratchets over a power loss."""

_CHROME: Final = 1
"""Client type that a pairing code is asked for with. Source: neonize/utils/enum.py, ClientType."""

_OLD_COUNTER: Final = re.compile(r"Ignoring message (?P<id>\S+) from (?:\S+ in )?(?P<chat>\S+): .*old counter")
"""whatsmeow's warning about a message whose key was used. Source: whatsmeow message.go, decryptMessages."""

_LONG_NUMBER: Final = re.compile(r"\d{6,}")
"""Phone numbers and LIDs in errors of the library: they are hidden, since errors are logged and reported."""

_COMPOSING: Final = 0
_PAUSED: Final = 1
_TEXT_MEDIA: Final = 0

_QUIET_SECONDS: Final = 0.1
_CLOSE_SECONDS: Final = 2.0


@dataclass(slots=True)
class _Session:
    """One call of ``Neonize()``."""

    id: bytes
    on_message: MessageSink
    on_event: EventSink
    own: frozenset[str] = frozenset()
    opened: bool = False
    closing: bool = False
    failure: str | None = None
    last_callback: float = field(default_factory=time.monotonic)
    finished: threading.Event = field(default_factory=threading.Event)
    context: Context = field(default_factory=copy_context)
    """What logs are bound to, for threads that Go makes."""
    references: tuple[Any, ...] = ()
    """Callbacks given to Go: they must outlive the session."""


class NeonizeLink:
    """A WhatsApp account's connection through neonize. `database` is the session's SQLite file."""

    def __init__(self, database: Path, *, browser: str, chains: SendingChains) -> None:
        """Load the library; raises LinkError. `chains` hears of every message that was decrypted."""
        self._library: Library = load_library()
        self._go = self._library.binder.gocode
        self._database = database
        self._browser = browser
        self._chains = chains
        self._numbers = itertools.count(1)
        self._session: _Session | None = None
        self._senders = ThreadPoolExecutor(1, thread_name_prefix="whatsapp-send")
        self._others = ThreadPoolExecutor(1, thread_name_prefix="whatsapp-call")

    # A session's life

    def open(self, on_message: MessageSink, on_event: EventSink, *, receipts: bool) -> None:
        """Start a session in the background; its fate is told by events."""
        session = _Session(b"oxy-%d" % next(self._numbers), on_message, on_event)
        self._session = session
        wanted = {*_EVENTS, _BAN, _MESSAGE, _UNDECRYPTABLE, *({_RECEIPT} if receipts else ())}
        threading.Thread(
            target=self._run, args=(session, bytes(sorted(wanted))), name="whatsapp-session", daemon=True
        ).start()

    def _run(self, session: _Session, wanted: bytes) -> None:
        binder = self._library.binder
        session.references = (
            binder.func_string(self._guard(session, lambda _, text: self._qr_offered(session, text))),
            binder.func_string(self._guard(session, lambda _, text: self._pairing_ended(session, text))),
            binder.func_callback_bytes(self._guard(session, lambda _, *event: self._event(session, *event))),
            binder.func_callback_bytes2(self._guard(session, lambda *entry: self._log_entry(session, *entry))),
        )
        properties = self._library.companion.DeviceProps(
            os=self._browser, platformType=self._library.companion.DeviceProps.CHROME
        ).SerializeToString()
        database = f"{self._database}{_DATABASE_OPTIONS}".encode()
        error = self._go.Neonize(
            database, session.id, b"", 0, 0, b"WARN", *session.references,
            wanted, len(wanted), properties, len(properties), b"", 0, None,
        )  # fmt: skip
        session.finished.set()
        if not session.closing:
            session.on_event(LinkStopped(session.failure or error.decode(errors="replace"), session.opened))

    def _guard(self, session: _Session, callback: Callable[..., None]) -> Callable[..., None]:
        """Wrap a callback: an exception must not vanish in C, and ends the session."""

        def guarded(*arguments: Any) -> None:  # noqa: ANN401 whatever C passes
            session.last_callback = time.monotonic()
            try:
                session.context.copy().run(callback, *arguments)
            except Exception as error:
                log.exception("link_callback_failed")
                self._break(session, f"{type(error).__name__}: {error}")

        return guarded

    def _break(self, session: _Session, failure: str) -> None:
        """Deliver nothing more: what cannot be journalled must not be followed by what can."""
        if session.failure is None:
            session.failure = failure
            session.on_event(LinkStopped(failure, opened=True))

    async def close(self) -> bool:
        """End the session after what it had received was handed over; return whether it surely ended."""
        session, self._session = self._session, None
        if session is None or session.finished.is_set():
            return True
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._call(self._go.Disconnect, session.id)
                while time.monotonic() - session.last_callback < _QUIET_SECONDS:  # noqa: ASYNC110 silence has no event
                    await asyncio.sleep(_QUIET_SECONDS / 4)
                session.closing = True
                await self._call(self._go.Stop, session.id)
        except TimeoutError:
            session.closing = True
            return False
        # While unpaired it is disconnected now, though its thread never ends.
        return not session.opened or await asyncio.to_thread(session.finished.wait, _CLOSE_SECONDS)

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 whatever C takes
        return await asyncio.get_running_loop().run_in_executor(self._others, function, *arguments)

    # What Go tells

    def _qr_offered(self, session: _Session, text: int) -> None:
        session.on_event(QrOffered(ctypes.string_at(text).decode()))

    def _pairing_ended(self, session: _Session, text: int) -> None:
        status = ctypes.string_at(text)
        log.info("pairing_stopped", status=status.decode(errors="replace"))
        session.on_event(PairingStopped(succeeded=status == b"success"))

    def _event(self, session: _Session, pointer: int, size: int, number: int) -> None:
        if session.failure is not None:
            return
        with self._chains.handing_over():
            self._handle(session, pointer, size, number)

    def _handle(self, session: _Session, pointer: int, size: int, number: int) -> None:
        data = ctypes.string_at(pointer, size)
        if number == _MESSAGE:
            event = self._library.envelopes.Message.FromString(data)
            self._note_decryption(event.Info.MessageSource)
            self._deliver(session, classify_message(event, session.own))
        elif number == _UNDECRYPTABLE:
            event = self._library.envelopes.UndecryptableMessage.FromString(data)
            self._note_decryption(event.Info.MessageSource)
            self._deliver(session, classify_undecryptable(event, session.own))
        elif number == _ACCOUNT:
            self._account_known(session, self._library.envelopes.Device.FromString(data))
        elif (event := self._translate(number, data)) is not None:
            session.on_event(event)

    def _note_decryption(self, source: Any) -> None:  # noqa: ANN401 neonize has no types
        """Tell whose session a message changed, in whichever chat it came."""
        addresses = frozenset(jid_of(jid).bare for jid in (source.Sender, source.SenderAlt) if jid.User)
        self._chains.arrived(addresses, from_me=source.IsFromMe)

    def _deliver(self, session: _Session, received: Received | None) -> None:
        if received is not None:
            session.on_message(received)

    def _account_known(self, session: _Session, device: Any) -> None:  # noqa: ANN401 neonize has no types
        session.opened = True
        session.own = frozenset({device.JID.User, device.LID.User} - {""})
        if device.JID.User:
            lid = jid_of(device.LID).bare if device.LID.User else None
            session.on_event(Identified(jid_of(device.JID), lid))

    def _translate(self, number: int, data: bytes) -> LinkEvent | None:
        if number == _BAN:
            ban = self._library.envelopes.TemporaryBan.FromString(data)
            return Banned(datetime.now(UTC) + timedelta(seconds=ban.Expire) if ban.Expire > 0 else None)
        if number == _RECEIPT:
            receipt = self._library.envelopes.Receipt.FromString(data)
            return Delivered(tuple(receipt.MessageIDs)) if receipt.Type != receipt.RETRY else None
        return _EVENTS.get(number)

    def _log_entry(self, session: _Session, pointer: int, size: int) -> None:
        entry = self._library.envelopes.LogEntry.FromString(ctypes.string_at(pointer, size))
        refused = copy_refused(entry.Message)
        if refused is not None:
            session.on_event(refused)
        log.debug("library_logged", level=entry.Level, name=entry.Name, text=entry.Message)

    # What we ask of it

    def _open_session(self) -> bytes:
        session = self._session
        if session is None or session.finished.is_set():
            message = "there is no WhatsApp session"
            raise LinkUnavailableError(message)
        return session.id

    async def request_pairing_code(self, phone: str) -> str:
        """Return the code to type on the phone with this E.164 number; raises LinkError."""
        parameters = self._library.envelopes.PairPhoneParams(
            phone=phone.removeprefix("+"),
            showPushNotification=True,
            clientType=_CHROME,
            clientDisplayName=f"Chrome ({self._browser})",
        ).SerializeToString()
        answer = await self._call(self._go.PairPhone, self._open_session(), parameters, len(parameters))
        result = self._library.envelopes.PairPhoneReturnFunction.FromString(answer)
        if result.Error:
            raise LinkError(result.Error)
        return str(result.Code)

    async def send(self, chat: Jid, text: str, secret: bytes) -> str:
        """Send a text that carries `secret` and return its WhatsApp id."""
        message = self._library.messages.Message(conversation=text)
        message.messageContextInfo.messageSecret = secret
        return await self._send(chat, message)

    async def send_filler(self, chat: Jid, target: str) -> None:
        """Send what phones do not show: it takes back a reaction, which there is not, to our own message `target`."""
        message = self._library.messages.Message()
        reaction = message.reactionMessage
        reaction.key.remoteJID, reaction.key.fromMe, reaction.key.ID = str(chat), True, target
        reaction.text, reaction.senderTimestampMS = "", time.time_ns() // 1_000_000
        await self._send(chat, message)

    async def _send(self, chat: Jid, message: Any) -> str:  # noqa: ANN401 neonize has no types
        session = self._open_session()
        recipient = self._jid_bytes(chat)
        content = message.SerializeToString()
        answer = await asyncio.get_running_loop().run_in_executor(
            self._senders, self._go.SendMessage, session, recipient, len(recipient), content, len(content)
        )
        result = self._library.envelopes.SendMessageReturnFunction.FromString(answer)
        if result.Error:
            raise send_error(result.Error)
        return str(result.SendResponse.ID)

    async def show_typing(self, chat: Jid, *, typing: bool) -> None:
        """Show or hide that we are typing; never raises, it is decoration."""
        recipient = self._jid_bytes(chat)
        state = _COMPOSING if typing else _PAUSED
        with contextlib.suppress(LinkUnavailableError):
            session = self._open_session()
            error = await self._call(self._go.SendChatPresence, session, recipient, len(recipient), state, _TEXT_MEDIA)
            if error:
                log.debug("typing_not_shown", error=error.decode(errors="replace"))

    def show_online(self, *, online: bool) -> None:
        """Show the account as online or not, without waiting; never raises, it is decoration."""
        presence = b"available" if online else b"unavailable"
        with contextlib.suppress(LinkUnavailableError):
            self._others.submit(self._go.SendPresence, self._open_session(), presence)

    def _jid_bytes(self, jid: Jid) -> bytes:
        encoded: bytes = self._library.envelopes.JID(
            User=jid.user, Server=jid.server, RawAgent=0, Device=0, Integrator=0, IsEmpty=False
        ).SerializeToString()
        return encoded


def copy_refused(warning: str) -> CopyRefused | None:
    """Read whatsmeow's warning about a copy of a message whose key was used already; None for any other."""
    match = _OLD_COUNTER.search(warning)
    if match is None:
        return None
    with contextlib.suppress(ValueError):
        return CopyRefused(match["id"], Jid.parse(match["chat"]).bare)
    return CopyRefused(match["id"], None)


def send_error(error: str) -> LinkError:
    """Return what an error of ``SendMessage()`` means for the message.

    Source: whatsmeow send.go. Preparing (device list, sessions, encryption) comes before the message's frame is
    written, so those errors mean that nothing was sent; so does having no socket when it would be written. A message
    whose frame was written and not answered may or may not have arrived.
    """
    error = _LONG_NUMBER.sub(lambda number: mask(number[0]), error)
    if error.startswith(("server returned error", "no LID found", "can't send", "unknown server")):
        return SendRefusedError(error)
    if error.startswith(_BEFORE_SENDING):
        return LinkUnavailableError(error)
    return SendUnconfirmedError(error)


_BEFORE_SENDING: Final = (
    "the store doesn't contain a device JID",
    "failed to get",
    "failed to fetch",
    "failed to prefetch",
    "failed to marshal",
    "failed to send message node: websocket not connected",
)
