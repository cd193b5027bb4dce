"""One session of neonize: a call that blocks as long as the session lasts, and calls back from Go's threads."""

import ctypes
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

import structlog

from oxy_core.instance.proxy_url import ProxyUrl
from oxy_tenant import metrics
from oxy_tenant.content.arrival import ArrivedMessage
from oxy_tenant.content.bounds import escaped
from oxy_tenant.errors import description_of, stack_of
from oxy_tenant.links.events import (
    CallMissed,
    DeviceRefused,
    Identified,
    LinkedToAnother,
    LinkStopped,
    LoginRefused,
    PairingStopped,
    QrOffered,
)
from oxy_tenant.links.neonize.arrivals import (
    addresses_of,
    arrival_of,
    jid_of,
    parse_message,
    undecryptable_arrival,
)
from oxy_tenant.links.neonize.callbacks import Callbacks
from oxy_tenant.links.neonize.calls import CALL_EVENTS, Calls
from oxy_tenant.links.neonize.chain_watch import ChainWatch
from oxy_tenant.links.neonize.dial_errors import failure_of
from oxy_tenant.links.neonize.events import (
    ACCOUNT,
    LOST,
    MESSAGE,
    QUEUE_ANNOUNCED,
    QUEUE_DELIVERED,
    UNDECRYPTABLE,
    CopyRefused,
    caught_up_after,
    copy_refused,
    translate_event,
)
from oxy_tenant.links.neonize.foreign_threads import keep_state
from oxy_tenant.links.neonize.library import Library, Untyped
from oxy_tenant.links.neonize.library_errors import kind_of_error
from oxy_tenant.links.neonize.peer_messages import PeerMessages, is_peer_entry
from oxy_tenant.links.neonize.received_nodes import event_of, is_node_entry, is_received_entry, is_unimportant_entry
from oxy_tenant.links.neonize.troubles import is_trouble_entry, trouble_in_node, trouble_in_warning
from oxy_tenant.links.protocol import EventSink, MessageSink
from oxy_tenant.own_account import OwnAccount

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where a session delivers; all are called from its threads."""

    on_message: MessageSink
    on_event: EventSink
    on_copy_refused: Callable[[CopyRefused], None]
    on_last_words: Callable[[LoginRefused], None]
    """Told of a refusal over which the library ends the process as soon as the call returns."""
    on_device_refused: Callable[[DeviceRefused], None]
    """Told of a refusal over which the library deletes its device, if it has one, as soon as the call returns."""


class NeonizeSession:
    """One call of ``Neonize()``; `watch` and `account` outlive it."""

    def __init__(  # noqa: PLR0913 what a session has to do with
        self,
        name: bytes,
        library: Library,
        sinks: Sinks,
        watch: ChainWatch,
        account: OwnAccount,
        *,
        proxy: ProxyUrl | None,
    ) -> None:
        self.name = name
        """What the library calls this session."""
        self.opened = False
        """Whether it has logged in. If it ends after that, events are lost."""
        self.closing = False
        """Set before it is stopped on purpose, so that its end is not reported."""
        self.callbacks = Callbacks()
        self.sender = ThreadPoolExecutor(1, thread_name_prefix="whatsapp-send")
        """Where it sends: the thread of a session that was given up is busy until the library gives up too."""
        self.finished = threading.Event()
        self.last_frame: float | None = None
        """When the server last said anything, on the monotonic clock; None: it has not."""
        self._library = library
        self._sinks = sinks
        self._watch = watch
        self._account = account
        self._proxy = proxy
        self._calls = Calls(account.owns)
        self._peers = PeerMessages(account.owns)
        self._failure: str | None = None
        self._foreign = False
        """Whether it belongs to another account than it should: nothing of that account is delivered."""
        self._caught_up = False
        """Whether the server has delivered what it queued: messages now come as soon as they are sent."""
        # Threads created by Go start with an empty context, and their logs would lack the bound variables.
        self._context = copy_context()
        self._references: tuple[Untyped, ...] = ()
        self._read_node = self._guarded(self._node_logged)
        self._read_warning = self._guarded(self._warning_logged)

    def start(self, database: bytes, properties: bytes, wanted: bytes) -> None:
        """Start its thread, with the URI of its store, the device's properties, and the events to subscribe to."""
        # A daemon, because ``Stop()`` never ends the thread of an unpaired session: it is abandoned.
        threading.Thread(
            target=self._run, args=(database, properties, wanted), name="whatsapp-session", daemon=True
        ).start()

    def _run(self, database: bytes, properties: bytes, wanted: bytes) -> None:
        binder = self._library.binder
        # Keep references as long as the session: if Python collected a callback, Go would crash when calling it.
        self._references = (
            binder.func_string(self._guarded(self._qr_offered)),
            binder.func_string(self._guarded(self._pairing_ended)),
            binder.func_callback_bytes(self._guarded(self._event)),
            binder.func_callback_bytes2(self._log_entry),
        )
        error = binder.gocode.Neonize(
            database, self.name, b"", 0, 0, b"DEBUG", *self._references,
            wanted, len(wanted), properties, len(properties), b"", 0, self._proxy_settings(),
        )  # fmt: skip
        self.finished.set()
        if not self.closing:
            text = self._failure or error.decode(errors="replace")
            reason, detail = failure_of(text, self._without_login)
            self._sinks.on_event(LinkStopped(detail, self.opened, reason))

    def _proxy_settings(self) -> Untyped:
        """Return the proxy for everything that the session does, files included; None: there is none."""
        if self._proxy is None:
            return None
        settings = self._library.binder.ProxySettings(self._proxy.text)
        return ctypes.byref(settings._to_c_struct())  # noqa: SLF001 as neonize's own clients pass it

    def _without_login(self, text: str) -> str:
        """Return a text of the library without user and password of the proxy, whose answers it quotes."""
        return text if self._proxy is None else self._proxy.hide(text)

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Wrap a callback so that an exception, which C would drop, ends the session."""

        def guarded(*arguments: Untyped) -> None:
            keep_state()
            try:
                with self.callbacks.running():
                    self._context.copy().run(callback, *arguments)
            except Exception as error:  # noqa: BLE001 the edge of a thread, and no exception may cross into C
                log.error("link_callback_failed", error=description_of(error), stack=stack_of(error))  # noqa: TRY400 no values
                self._fail(description_of(error))

        return guarded

    def _fail(self, failure: str) -> None:
        """Stop delivering: no message may be journalled after one that could not be."""
        if self._failure is None:
            self._failure = failure
            self._sinks.on_event(LinkStopped(failure, opened=True))

    # -- callbacks, with what C passes

    def _qr_offered(self, _session: int, text: int) -> None:
        self._sinks.on_event(QrOffered(ctypes.string_at(text).decode(errors="replace")))

    def _pairing_ended(self, _session: int, text: int) -> None:
        status = ctypes.string_at(text)
        log.info("pairing_stopped", status=status.decode(errors="replace"))
        self._sinks.on_event(PairingStopped(succeeded=status == b"success"))

    def _event(self, _session: int, pointer: int, size: int, number: int) -> None:
        if self._failure is None:
            with self._watch.calling_back():
                self._handle(number, ctypes.string_at(pointer, size))

    def _log_entry(self, pointer: int, size: int) -> None:
        # Several times per message: whatever is not needed must end here.
        keep_state()
        entry = ctypes.string_at(pointer, size)
        if is_received_entry(entry):
            self.last_frame = time.monotonic()
            if is_node_entry(entry) or is_trouble_entry(entry) or is_peer_entry(entry):
                self._read_node(entry)
        elif not is_unimportant_entry(entry):
            self._read_warning(entry)

    def _node_logged(self, entry: bytes) -> None:
        node = escaped(self._library.envelopes.LogEntry.FromString(entry).Message)
        self._peers.note(node)
        event = trouble_in_node(node) or event_of(node, self._account.owns)
        if isinstance(event, LoginRefused) and event.fatal:
            self._sinks.on_last_words(event)
        if isinstance(event, DeviceRefused):
            self._sinks.on_device_refused(event)
        if event is not None and not self._foreign:
            self._sinks.on_event(event)

    def _warning_logged(self, data: bytes) -> None:
        entry = self._library.envelopes.LogEntry.FromString(data)
        text = escaped(entry.Message)
        refused = copy_refused(text)
        if refused is not None:
            if not self._peers.includes(refused.whatsapp_id):
                self._sinks.on_copy_refused(refused)
        elif (trouble := trouble_in_warning(text, self._without_login)) is not None:
            self._sinks.on_event(trouble)
        metrics.LIBRARY_ERRORS.labels(kind_of_error(text)).inc()
        log.debug("library_logged", level=entry.Level, name=entry.Name, text=self._without_login(text))

    # -- events

    def _handle(self, number: int, data: bytes) -> None:
        self._caught_up = caught_up_after(number, before=self._caught_up)
        if number == QUEUE_ANNOUNCED:
            self._watch.queue_announced()
        elif number in {QUEUE_DELIVERED, LOST}:
            self._watch.queue_delivered()
        envelopes = self._library.envelopes
        if number == MESSAGE:
            event = parse_message(envelopes, data)
            self._decrypted(event.Info.MessageSource)
            self._deliver(arrival_of(event, live=self._caught_up))
        elif number == UNDECRYPTABLE:
            event = envelopes.UndecryptableMessage.FromString(data)
            self._decrypted(event.Info.MessageSource)
            self._deliver(undecryptable_arrival(event, live=self._caught_up))
        elif number == ACCOUNT:
            self._identified(envelopes.Device.FromString(data))
        elif number in CALL_EVENTS:
            self._missed(self._calls.missed(envelopes, number, data))
        elif (event := translate_event(envelopes, number, data)) is not None:
            self._sinks.on_event(event)

    def _decrypted(self, source: Untyped) -> None:
        """Record whose ratchet a message changed, in any chat, before it is journalled and can be answered."""
        self._watch.record_arrival(addresses_of(source), from_me=source.IsFromMe)

    def _missed(self, call: CallMissed | None) -> None:
        if call is not None and not self._foreign:
            self._sinks.on_event(call)

    def _deliver(self, arrival: ArrivedMessage) -> None:
        if not self._foreign:
            self._sinks.on_message(arrival)

    def _identified(self, device: Untyped) -> None:
        """Take note of the account; this comes before all other events."""
        self.opened = True
        phone, lid = (jid_of(jid) if jid.User else None for jid in (device.JID, device.LID))
        if not self._account.expects(phone):
            self._foreign = True
            self._sinks.on_event(LinkedToAnother(f"+{device.JID.User}"))
            return
        self._account.identify(phone, lid)
        if phone is not None:
            self._sinks.on_event(Identified(phone, None if lid is None else lid.bare))
