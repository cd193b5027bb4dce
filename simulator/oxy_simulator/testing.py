"""Python objects for tests: a WhatsApp server and its phones, in this process or in another.

async with WhatsApp() as wa:  # or WhatsApp(url="http://127.0.0.1:9101")
    ana = await wa.phone("+5511911111111", "Ana")
    await ana.send("oi", to="+5511900000001")
    message = await ana.expect("Olá! Como posso ajudar?", within=5)

The block fails at its end if a client broke the protocol meanwhile. Both kinds work through the control API, so
they behave alike, and an object may be used from any event loop.
"""

import asyncio
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
from pydantic import TypeAdapter

from oxy_simulator import live
from oxy_simulator.accounting import with_answers
from oxy_simulator.client import SimulatorClient
from oxy_simulator.control import serving_control
from oxy_simulator.errors import RequestError, UnreachableError
from oxy_simulator.faults import FaultKind
from oxy_simulator.handset import Phone as Phone  # noqa: PLC0414 - part of this module's interface
from oxy_simulator.handset import digits_of
from oxy_simulator.hosting import run_service
from oxy_simulator.keys import CA_FILE, NOISE_ROOT_FILE, client_environment
from oxy_simulator.keys import TRUST_FOLDER as TRUST_FOLDER  # noqa: PLC0414 - part of this module's interface
from oxy_simulator.ledger import Direction
from oxy_simulator.packets import line_of
from oxy_simulator.reasons import explaining
from oxy_simulator.replies import LineView, PacketView, ViolationView
from oxy_simulator.requests import Addressing
from oxy_simulator.retention import KEPT_MESSAGES
from oxy_simulator.service import PAIRING_SECONDS, Service

_FETCH_SECONDS: Final = 10.0


class ViolationError(AssertionError):
    """A client did what the real server would refuse; the message lists each breach."""


class WhatsApp:
    """A WhatsApp server: one of its own in this process, or a running one by the URL of its control API."""

    api: SimulatorClient
    """Every call of the control API."""
    control_url: str
    proxy_url: str
    """The proxy through which clients reach the simulated WhatsApp."""
    ca_file: Path
    """The certificate that clients must trust for TLS."""
    noise_root_file: Path
    """The Noise root key that clients must trust, as 64 hexadecimal digits."""

    def __init__(  # noqa: PLR0913 - what a server can be told, all by name
        self,
        url: str | None = None,
        *,
        state: Path | None = None,
        pairing_seconds: float = PAIRING_SECONDS,
        clock: Callable[[], float] = time.time,
        kept_messages: int = KEPT_MESSAGES,
        allow_client_control: bool = False,
    ) -> None:
        """Prepare a server of its own (on free ports, in a temporary state folder by default) or name a running one."""
        self._url = url
        self._state = state
        self._pairing_seconds = pairing_seconds
        self._clock = clock
        self._kept_messages = kept_messages
        self._allow_client_control = allow_client_control
        self._service: Service | None = None
        self._allowed: set[str] = set()
        self._judged = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start, or find, the server; raise UnreachableError if there is none at the URL."""
        async with AsyncExitStack() as exits:
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="oxy-simulator-")))
            if self._url is None:
                await self._start(exits, self._state or folder)
            else:
                await self._find(self._url.rstrip("/"), folder)
            self._exits = exits.pop_all()
        self._loop = asyncio.get_running_loop()
        live.open_sources.append(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; raise ViolationError if a client broke the protocol and nothing else went wrong."""
        try:
            if kind is None:
                self.judge(await self.violations())
            else:
                live.ended.append(await self.evidence_by_api())
        except ViolationError:
            live.ended.append(await self.evidence_by_api())
            raise
        finally:
            live.open_sources.remove(self)
            await self._exits.aclose()

    async def _start(self, exits: AsyncExitStack, folder: Path) -> None:
        service = await exits.enter_async_context(
            run_service(
                folder,
                pairing_seconds=self._pairing_seconds,
                clock=self._clock,
                kept_messages=self._kept_messages,
                allow_client_control=self._allow_client_control,
            )
        )
        self._service = service
        port = await exits.enter_async_context(serving_control(service))
        self.control_url = f"http://{service.host}:{port}"
        self.proxy_url = f"http://{service.host}:{service.proxy_port}"
        self.ca_file = service.keys.ca_file
        self.noise_root_file = self.ca_file.with_name(NOISE_ROOT_FILE)
        self.api = SimulatorClient(self.control_url)
        self._judged = len(service.network.state.violations)

    async def _find(self, url: str, folder: Path) -> None:
        try:
            self.api = SimulatorClient(url)
            self.control_url = url
            await self.keep_trust(folder)
            self._judged = len(await self.violations())
        except RequestError as error:
            raise UnreachableError(str(error)) from error
        except aiohttp.ClientError as error:
            msg = f"no simulator answers at {url} ({error}); start one with 'oxy-simulator serve', or correct the URL"
            raise UnreachableError(msg) from error

    async def keep_trust(self, folder: Path) -> None:
        """Write what clients must trust into a folder, and name it in `client_environment` from now on."""
        trust = await self.api.trust()
        self.proxy_url = f"http://{urlsplit(self.control_url).hostname}:{trust.proxy_port}"
        self.ca_file, self.noise_root_file = folder / CA_FILE, folder / NOISE_ROOT_FILE
        with explaining("the trust folder", folder, "let this user write it, or name another with --folder"):
            self.ca_file.write_text(trust.ca)
            self.noise_root_file.write_text(trust.noise_root + "\n")

    @property
    def service(self) -> Service:
        """The simulator itself; raises RequestError if it runs in another process."""
        if self._service is None:
            msg = f"the simulator at {self.control_url} runs in another process: only WhatsApp() without url has it"
            raise RequestError(msg)
        return self._service

    @property
    def client_environment(self) -> dict[str, str]:
        """What a neonize client needs in its environment, from the start, to connect here and trust this server."""
        return client_environment(self.proxy_url, self.ca_file, self.noise_root_file)

    async def phone(
        self, number: str, name: str = "", *, addressing: Addressing = "lid", sends_read_receipts: bool = False
    ) -> Phone:
        """Add a phone, or take an existing one, whose earlier messages `expect` will not look at."""
        view = await self.api.add_phone(number, name, addressing=addressing, sends_read_receipts=sends_read_receipts)
        return Phone(self, view.phone, view.messages)

    async def fault(self, kind: FaultKind | str, **arguments: object) -> None:
        """Break the whole server (`down`, `up`, `tls`, `proxy` …), with the arguments of `POST /faults`."""
        await self.api.fault(kind, None, **arguments)

    async def clear_faults(self) -> None:
        """End every rule that impairs delivery; what it holds back is delivered."""
        await self.api.clear_faults()

    async def advance(self, seconds: float) -> float:
        """Move the server's and the phones' time forward; return the new time, in Unix seconds.

        What is due by then has happened when this returns. A client's own waits are not moved.
        """
        return (await self.api.advance_clock(seconds)).now

    async def load(self, senders: Sequence[Phone], to: Phone, count: int, rate: float = 0.0) -> None:
        """Start sending `count` texts from several phones in turn, `rate` a second."""
        await self.api.load([sender.number for sender in senders], to.number, count, rate)

    async def settled(self, within: float) -> bool:
        """Wait until no linked device has anything left to acknowledge; return whether it was so in time."""
        return await self.api.settled(within)

    async def messages(
        self,
        *,
        id: str | None = None,  # noqa: A002 - the name that messages have for it
        from_: Phone | str | None = None,
        to: Phone | str | None = None,
        direction: Direction | None = None,
        text: str | None = None,
    ) -> list[LineView]:
        """Return the life lines of the messages that fit everything given, in the order in which they began.

        Each is one message on its way to or from one linked device. `stages` has the time of each stage that it
        reached, with `answered` for those that the device wrote back to.
        """
        lines = with_answers(await self.api.accounting())
        sender, recipient = digits_of(from_), digits_of(to)
        return [
            line
            for line in lines
            if (id is None or line.id == id)
            and (direction is None or line.direction == direction)
            and (text is None or line.text == text)
            and (sender is None or line.sender == sender)
            and (recipient is None or _recipient(line) == recipient)
        ]

    async def violations(self) -> list[ViolationView]:
        """Return every protocol violation so far."""
        return await self.api.violations()

    def allow_violations(self, *rules: str) -> None:
        """Do not fail because of violations of these rules."""
        self._allowed |= set(rules)

    def judge(self, violations: Sequence[ViolationView]) -> None:
        """Raise ViolationError about those that are new here and not allowed; each is raised once."""
        fresh = violations[self._judged :]
        self._judged = max(self._judged, len(violations))
        guilty = [violation for violation in fresh if violation.rule not in self._allowed | live.allowed_rules]
        if guilty:
            listed = "\n".join(f"  {entry.rule} ({entry.phone or 'no phone'}): {entry.detail}" for entry in guilty)
            msg = f"a client broke the protocol:\n{listed}\nIf a test wants that: allow_violations({guilty[0].rule!r})"
            raise ViolationError(msg)

    def judge_now(self) -> None:
        """As `judge`, about what there is now, without an event loop."""
        service = self._service_here()
        if service is not None:
            self.judge(service.violations())
        else:
            self.judge(TypeAdapter(list[ViolationView]).validate_json(self._fetch("/violations")))

    def evidence(self) -> live.Evidence:
        """Return the transcript and the packet log so far, without an event loop."""
        service = self._service_here()
        if service is not None:
            return _evidence(service.transcript(), service.packets())
        packets = TypeAdapter(list[PacketView]).validate_json(self._fetch("/packets"))
        return _evidence(self._fetch("/transcript").decode(), packets)

    async def evidence_by_api(self) -> live.Evidence:
        """Return the transcript and the packet log so far, wherever the server runs."""
        try:
            return _evidence(await self.api.transcript(), await self.api.packets())
        except (aiohttp.ClientError, OSError, RequestError) as error:
            return _evidence(f"{self.control_url} tells nothing any more: {error!r}\n", [])

    def idle_service(self) -> Service | None:
        """Return the simulator if it is in this process and its event loop does not run: anyone may look at it then."""
        running = self._loop is not None and self._loop.is_running()
        return None if running else self._service

    def _service_here(self) -> Service | None:
        """Return the idle simulator behind the URL, whoever opened it."""
        servers = (source for source in live.open_sources if isinstance(source, WhatsApp))
        idle = (server.idle_service() for server in servers if server.control_url == self.control_url)
        return next((service for service in idle if service is not None), None)

    def _fetch(self, path: str) -> bytes:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(self.control_url + path, timeout=_FETCH_SECONDS) as answer:
            content: bytes = answer.read()
        return content


def _evidence(transcript: str, packets: Sequence[PacketView]) -> live.Evidence:
    return live.Evidence(transcript, "".join(f"{line_of(packet)}\n" for packet in packets))


def _recipient(line: LineView) -> str:
    return line.chat if line.sender == line.account else line.account
