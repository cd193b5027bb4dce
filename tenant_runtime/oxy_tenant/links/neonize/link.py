"""`WhatsAppLink` on neonize, of which only the C binding is used.

Facts about neonize 0.5.2 and its whatsmeow that shaped this module and `session`:

- ``Neonize()`` blocks for the life of a session and calls back, one event at a time, from Go's threads. If the first
  connection fails, it returns an error at once; if it returns after it has called back, events are lost.
- Receipts go to the server without waiting for us, so a message is journalled inside the callback.
- An event with a value unknown to neonize ends its event loop, so only the events in `events` are subscribed to.
- While unpaired, ``Stop()`` never ends the thread.
- ``SendMessage()`` blocks up to 75 s, one message at a time, and loses the message's id when it fails.
"""

import asyncio
import contextlib
import itertools
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import structlog

from oxy_core.identity import Jid
from oxy_core.instance.proxy_url import ProxyUrl
from oxy_core.tasks import end_tasks
from oxy_tenant.content.bounds import escaped, plausible_moment
from oxy_tenant.content.media import MediaPointer, MediaType, UploadedFile
from oxy_tenant.content.protobuf import MessageProtobuf, MessagesModule
from oxy_tenant.links.errors import LinkError, LinkUnavailableError, SendUnconfirmedError
from oxy_tenant.links.events import DeviceRefused, LinkStopped, LoginRefused
from oxy_tenant.links.neonize.arrivals import jid_of
from oxy_tenant.links.neonize.callbacks import QUIET_SECONDS
from oxy_tenant.links.neonize.calls import CALL_EVENTS
from oxy_tenant.links.neonize.chain_watch import ChainWatch
from oxy_tenant.links.neonize.client_facts import display_name
from oxy_tenant.links.neonize.events import CopyRefused, wanted_events
from oxy_tenant.links.neonize.fillers import SendingTurns, compose_filler
from oxy_tenant.links.neonize.library import Library, Untyped, load_library
from oxy_tenant.links.neonize.presence import Presence
from oxy_tenant.links.neonize.proxy_check import cut_connections, silence_of
from oxy_tenant.links.neonize.renewals import Renewals
from oxy_tenant.links.neonize.send_errors import send_error
from oxy_tenant.links.neonize.session import NeonizeSession, Sinks
from oxy_tenant.links.neonize.time_to_end import done_in_time
from oxy_tenant.links.neonize.transfers import Transfers
from oxy_tenant.links.protocol import DownloadedFile, EventSink, MessageSink, Sent
from oxy_tenant.own_account import OwnAccount

log = structlog.get_logger()

_DATABASE_OPTIONS: Final = "?_foreign_keys=on&_journal_mode=WAL&_synchronous=FULL&_cache_size=-256&_x="
"""Appended to the session's path: neonize passes it to SQLite as a URI and appends an option, which ``_x`` swallows.
With WAL we receive six times faster than by default; with FULL ratchets survive a power failure. Each connection keeps
512 KiB of the file in memory instead of 2,000: neonize has several, and the system keeps the rest."""

_CHROME: Final = 1
"""Client type sent when requesting a pairing code. Source: neonize/utils/enum.py, ClientType."""

_COMPOSING: Final = 0
_PAUSED: Final = 1
_NOBODY: Final = "Function returned nothing."
"""neonize's error if WhatsApp knows nobody with a number."""

_TEXT_MEDIA: Final = 0
_AUDIO_MEDIA: Final = 1

_TYPING_SECONDS: Final = 2.0
"""How long a message may wait because "typing" cannot be shown."""

LOOK_SECONDS: Final = 0.25
"""How often it is checked whether others wait for a message that is not acknowledged."""

_DIAL_SECONDS: Final = 9.0
"""How long the library may need to close a connection, before it is taken to wait for the proxy. On a busy machine it
takes seconds to connect, and whoever is cut off then begins anew: it would not let go within the time for all."""

_END_LOOK_SECONDS: Final = 0.02
"""How often it is checked whether a stopped session's thread has ended."""


class NeonizeLink:
    """A WhatsApp account's connection through neonize."""

    _opening: asyncio.Task[None] | None = None
    """Opens a session as soon as the proxy answers."""

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        database: Path,
        *,
        browser: str,
        proxy: ProxyUrl | None,
        account: OwnAccount,
        watch: ChainWatch,
        newest_sent: Callable[[Jid], str | None],
        on_copy_refused: Callable[[CopyRefused], None],
        on_last_words: Callable[[LoginRefused], None],
        on_device_refused: Callable[[DeviceRefused], None],
        stopping: asyncio.Event,
        frozen: Callable[[], bool],
    ) -> None:
        """Load the library; raises LinkError. `database` is the session's SQLite file, `proxy` the only way out.

        `newest_sent`, `stopping`, `frozen`: see `SendingTurns`. `on_copy_refused`, `on_last_words` and
        `on_device_refused` (see `Sinks`) are called from threads of the link.
        """
        self._library: Library = load_library()
        self._go = self._library.binder.gocode
        self._database = f"{database}{_DATABASE_OPTIONS}".encode()
        self._browser = browser
        self._proxy = proxy
        self._stopping = stopping
        self._account = account
        self._watch = watch
        self._told = (on_copy_refused, on_last_words, on_device_refused)
        self._turns = SendingTurns(
            watch,
            account,
            newest_sent=newest_sent,
            send_filler=self._send_filler,
            stopping=stopping,
            frozen=frozen,
        )
        self._numbers = itertools.count(1)
        self._session: NeonizeSession | None = None
        self._sinks: Sinks | None = None
        self._presence = Presence(self._present)
        self._renewals = Renewals(self._presence.show_again)
        self._transfers = Transfers(self._library, self._open_session, proxy)
        self._others = ThreadPoolExecutor(1, thread_name_prefix="whatsapp-call")
        self._queries = ThreadPoolExecutor(1, thread_name_prefix="whatsapp-query")

    # -- a session's life

    @property
    def last_frame(self) -> float | None:
        """When the open session last received anything, on the monotonic clock; None: not yet, or there is none."""
        session = self._session
        return None if session is None else session.last_frame

    @property
    def messages(self) -> MessagesModule:
        """The generated module of the messages that this link delivers and takes."""
        return self._library.messages

    def open(self, on_message: MessageSink, on_event: EventSink) -> None:
        """Start a session in the background; its progress is reported as events."""
        loop = asyncio.get_running_loop()
        watched = self._renewals.watch(on_event, loop.call_soon_threadsafe)
        self._sinks = Sinks(on_message, watched, *self._told)
        if self._proxy is None:
            self._session = self._started(self._sinks)
        else:
            self._opening = asyncio.create_task(self._open_through(self._proxy, self._sinks))

    async def _open_through(self, proxy: ProxyUrl, sinks: Sinks) -> None:
        """Open a session, unless the proxy does not answer: the library would wait for it, and could not be stopped."""
        failure = await silence_of(proxy)
        if failure is None:
            self._session = self._started(sinks)
        else:
            sinks.on_event(LinkStopped(failure.detail, opened=False, reason=failure.reason))

    def _started(self, sinks: Sinks) -> NeonizeSession:
        name = b"oxy-%d" % next(self._numbers)
        session = NeonizeSession(name, self._library, sinks, self._watch, self._account, proxy=self._proxy)
        device = self._library.companion.DeviceProps
        properties = device(os=self._browser, platformType=device.CHROME, requireFullSync=False).SerializeToString()
        session.start(self._database, properties, wanted_events(CALL_EVENTS))
        return session

    async def close(self) -> bool:
        """Deliver what the session has received, then end it; return whether it has certainly ended."""
        await self._renewals.over()
        await self._presence.over()
        opening, self._opening = self._opening, None
        if opening is not None:
            await end_tasks(opening)
        session, self._session = self._session, None
        return session is None or await self._ended(session)

    async def _ended(self, session: NeonizeSession) -> bool:
        session.sender.shutdown(wait=False)
        if session.finished.is_set():
            return True
        if session.closing:
            return False  # it was tried before, for as long as may be
        try:
            return await done_in_time(self._end(session), self._stopping)
        finally:
            session.closing = True

    async def _end(self, session: NeonizeSession) -> None:
        # Disconnect first, so that nothing new arrives while the callbacks drain.
        await self._disconnect(session)
        while not session.callbacks.over:  # noqa: ASYNC110 silence has no event
            await asyncio.sleep(QUIET_SECONDS / 4)
        session.closing = True
        await self._call(self._go.Stop, session.name)
        # An unpaired session is disconnected by now, although its thread never ends.
        while session.opened and not session.finished.is_set():  # noqa: ASYNC110 set by a thread
            await asyncio.sleep(_END_LOOK_SECONDS)

    async def _disconnect(self, session: NeonizeSession) -> None:
        """Close the session's connection; if it is just being made, through a proxy that does not answer, cut that."""
        call = asyncio.get_running_loop().run_in_executor(self._others, self._go.Disconnect, session.name)
        if not (await asyncio.wait({call}, timeout=_DIAL_SECONDS))[0] and self._proxy is not None:
            await cut_connections(self._proxy)
        await call

    async def _call(self, function: Callable[..., Untyped], *arguments: Untyped) -> Untyped:
        return await asyncio.get_running_loop().run_in_executor(self._others, function, *arguments)

    def _open_session(self) -> bytes:
        """Return the name of the open session; raises LinkUnavailableError."""
        return self._opened().name

    def _opened(self) -> NeonizeSession:
        session = self._session
        if session is None or session.finished.is_set() or session.closing:
            message = "there is no WhatsApp session"
            raise LinkUnavailableError(message)
        return session

    async def request_pairing_code(self, phone: str) -> str:
        """Return the code to type on the phone with this E.164 number; raises LinkError."""
        parameters = self._library.envelopes.PairPhoneParams(
            phone=phone.removeprefix("+"),
            showPushNotification=True,
            clientType=_CHROME,
            clientDisplayName=display_name(self._browser),
        ).SerializeToString()
        answer = await self._call(self._go.PairPhone, self._open_session(), parameters, len(parameters))
        result = self._library.envelopes.PairPhoneReturnFunction.FromString(answer)
        if result.Error:
            raise LinkError(result.Error)
        return str(result.Code)

    async def log_out(self) -> None:
        """Remove this device from the account, and its keys from the session; raises LinkError."""
        error: bytes = await self._call(self._go.Logout, self._open_session())
        if error:
            raise LinkError(error.decode(errors="replace"))

    # -- sending

    def sending_turn(self, chat: Jid) -> AbstractAsyncContextManager[None]:
        """Wait until a message to `chat` can be sent safely, and send fillers if any are owed."""
        return self._turns.turn(chat)

    async def _send_filler(self, chat: Jid, target: str) -> None:
        await self.send(chat, lambda: compose_filler(self._library.messages, chat, target))

    async def send(self, chat: Jid, compose: Callable[[], MessageProtobuf]) -> Sent:
        """Send the message that `compose` returns, with the message secret that it contains."""
        with self._watch.sending(chat):
            answer = await self._answer(self._opened(), self._jid_bytes(chat), compose)
            result = self._library.envelopes.SendMessageReturnFunction.FromString(answer)
            if result.Error:
                raise send_error(result.Error)
            return Sent(str(result.SendResponse.ID), plausible_moment(result.SendResponse.Timestamp))

    async def _answer(self, session: NeonizeSession, recipient: bytes, compose: Callable[[], MessageProtobuf]) -> bytes:
        """Send a message in a session and return what the library does; raises SendUnconfirmedError."""
        loop = asyncio.get_running_loop()
        began = math.inf

        def send() -> bytes:
            nonlocal began
            content = compose().SerializeToString()
            began = loop.time()
            answer: bytes = self._go.SendMessage(session.name, recipient, len(recipient), content, len(content))
            return answer

        answer = loop.run_in_executor(session.sender, send)
        while not (await asyncio.wait({answer}, timeout=LOOK_SECONDS))[0]:
            others_wait = self._turns.waiting > 0 and not self._stopping.is_set()
            if others_wait and loop.time() - began >= self._renewals.patience.seconds:
                await self._renewals.run(self._renewed(session))
                message = "WhatsApp has not acknowledged the message, and the session was renewed for others"
                raise SendUnconfirmedError(message)
        result = answer.result()
        self._renewals.patience.answered(loop.time() - began)
        return result

    async def _renewed(self, session: NeonizeSession) -> None:
        """Replace a session that waits for an acknowledgement by one that does not; nothing received is lost."""
        if session is not self._session or self._sinks is None:
            return
        log.warning("session_renewed", reason="slow acknowledgement")
        if not await self._ended(session):
            self._sinks.on_event(LinkStopped("a session could not be renewed", opened=True))
            return
        if self._stopping.is_set():
            return  # a stop has time to end one session, not two
        self._session = self._started(self._sinks)

    # -- files

    def download(self, pointer: MediaPointer, *, max_bytes: int) -> AbstractAsyncContextManager[DownloadedFile]:
        """Download and decrypt a file; its memory is given back when the context ends."""
        return self._transfers.download(pointer, max_bytes=max_bytes)

    async def upload(self, content: bytes, media_type: MediaType) -> UploadedFile:
        """Encrypt and upload a file."""
        return await self._transfers.upload(content, media_type)

    # -- reading, presence

    async def mark_read(self, chat: Jid, sender: Jid, whatsapp_ids: Sequence[str], *, played: bool = False) -> None:
        """Tell WhatsApp that messages of `sender` were read, or `played`; raises LinkError."""
        # neonize separates ids by spaces. One that contains a space is none that WhatsApp's own clients make.
        ids = " ".join(whatsapp_id for whatsapp_id in whatsapp_ids if " " not in whatsapp_id).encode()
        if not ids:
            return
        addresses = [argument for jid in (chat, sender) for argument in self._sized(self._jid_bytes(jid))]
        kind = b"played" if played else b"read"
        error = await self._call(self._go.MarkRead, self._open_session(), ids, int(time.time()), *addresses, kind)
        if error:
            raise LinkUnavailableError(escaped(error))

    async def resolve(self, phone: str) -> Jid | None:
        """Return the address of an E.164 number as WhatsApp has registered it; None: it has no account."""
        answer = await asyncio.get_running_loop().run_in_executor(
            self._queries, self._go.IsOnWhatsApp, self._open_session(), phone.encode()
        )
        result = self._library.envelopes.IsOnWhatsAppReturnFunction.FromString(answer)
        if result.Error and not result.IsOnWhatsAppResponse:
            if result.Error == _NOBODY:
                return None
            raise LinkUnavailableError(result.Error)
        found = result.IsOnWhatsAppResponse[0]
        return jid_of(found.JID).bare if found.IsIn else None

    @staticmethod
    def _sized(data: bytes) -> tuple[bytes, int]:
        return data, len(data)

    async def show_typing(self, chat: Jid, *, typing: bool, recording: bool = False) -> None:
        """Show or hide that we are typing, or recording; never raises."""
        recipient = self._jid_bytes(chat)
        state = _COMPOSING if typing or recording else _PAUSED
        media = _AUDIO_MEDIA if recording else _TEXT_MEDIA
        with contextlib.suppress(LinkUnavailableError, TimeoutError):
            session = self._open_session()
            # The thread for these calls may be busy with one that the server does not answer.
            async with asyncio.timeout(_TYPING_SECONDS):
                error = await self._call(self._go.SendChatPresence, session, recipient, len(recipient), state, media)
            if error:
                log.debug("typing_not_shown", error=error.decode(errors="replace"))

    def show_online(self, *, online: bool) -> None:
        """Show the account as online or offline; does not wait, never raises."""
        self._presence.show(online=online)

    async def _present(self, presence: bytes) -> bytes:
        error: bytes = await self._call(self._go.SendPresence, self._open_session(), presence)
        return error

    def _jid_bytes(self, jid: Jid) -> bytes:
        encoded: bytes = self._library.envelopes.JID(
            User=jid.user, Server=jid.server, RawAgent=0, Device=0, Integrator=0, IsEmpty=False
        ).SerializeToString()
        return encoded
