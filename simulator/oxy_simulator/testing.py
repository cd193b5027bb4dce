"""Python objects for tests: a simulator in this process, and its phones.

async with Simulator.running() as sim:
ana = await sim.phone("+5511911111111", "Ana")
await ana.send("oi", to="+5511900000001")
message = await ana.expect("Olá! Como posso ajudar?", within=5)
assert not sim.violations
"""

import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from aiohttp import web

from oxy_simulator.accounts import InboxMessage
from oxy_simulator.control import ControlApi
from oxy_simulator.faults import FaultKind
from oxy_simulator.keys import NOISE_ROOT_FILE
from oxy_simulator.models import AddPhone, Addressing, DeviceView, Fault, LineView, LinkDevice, SendText, StartLoad
from oxy_simulator.network import Violation
from oxy_simulator.service import PAIRING_SECONDS, Service, run_service

TextPattern: TypeAlias = str | re.Pattern[str]


@dataclass
class Phone:
    """A phone under the test's control. Messages that `expect` returned are not looked at again."""

    simulator: "Simulator"
    number: str
    _seen: int = 0

    @property
    def inbox(self) -> list[InboxMessage]:
        """Everything that arrived, in order, repeated ids included."""
        return self.simulator.service.account(self.number).inbox

    async def send(
        self, text: str, to: "Phone | str", *, message_id: str | None = None, quote: str | None = None
    ) -> str:
        """Send a text and return its id; `message_id` repeats one on purpose."""
        number = to.number if isinstance(to, Phone) else to
        request = SendText(to=number, text=text, id=message_id, quote=quote)
        return self.simulator.service.send(self.number, request)

    async def self_chat(self, text: str) -> str:
        """Write in this phone's "message yourself" chat."""
        return await self.send(text, self)

    async def expect(self, text: TextPattern | None = None, *, within: float, chat: str | None = None) -> InboxMessage:
        """Return the next message with this text (or matching the pattern) in this chat.

        Repeated ids are passed over. Raise AssertionError with what came instead after `within` seconds.
        """

        def arrived() -> InboxMessage | None:
            return next((entry for entry in self.inbox[self._seen :] if _fits(entry, text, chat)), None)

        await self.simulator.service.wait_for(lambda: arrived() is not None, within)
        message = arrived()
        if message is None:
            got = [f"{entry.sender}: {entry.text!r}" for entry in self.inbox[self._seen :]] or ["nothing"]
            explanation = f"{self.number} expected {text!r} within {within} s and got " + ", ".join(got)
            raise AssertionError(explanation)
        self._seen = message.number
        return message

    async def link(self, *, code: str | None = None, qr: str | None = None) -> DeviceView:
        """Type a linking code, or scan the text of a QR code."""
        return await self.simulator.service.link(self.number, LinkDevice(code=code, qr=qr))

    async def unlink(self, device: int | None = None) -> None:
        """Remove one linked device, or all."""
        self.simulator.service.unlink(self.number, device)

    async def fault(self, kind: FaultKind, *, count: int = 1) -> None:
        """Break the connection of this phone's linked devices."""
        self.simulator.service.fault(Fault(kind=kind, phone=self.number, count=count))


@dataclass
class Simulator:
    """A simulator in this process, with its control API for clients in others."""

    service: Service
    control_url: str

    @classmethod
    @asynccontextmanager
    async def running(
        cls, state: Path | None = None, *, pairing_seconds: float = PAIRING_SECONDS
    ) -> "AsyncIterator[Simulator]":
        """Run a simulator on free ports until the block ends; a temporary state folder by default."""
        with tempfile.TemporaryDirectory(prefix="oxy-simulator-") as temporary:
            async with run_service(state or Path(temporary), pairing_seconds=pairing_seconds) as service:
                runner = web.AppRunner(ControlApi(service).application, access_log=None, shutdown_timeout=1.0)
                await runner.setup()
                site = web.TCPSite(runner, service.host, 0)
                await site.start()
                try:
                    yield cls(service, f"http://{service.host}:{runner.addresses[0][1]}")
                finally:
                    await runner.cleanup()

    @property
    def proxy_url(self) -> str:
        """The proxy through which clients reach the simulated WhatsApp."""
        return f"http://{self.service.host}:{self.service.proxy_port}"

    @property
    def ca_file(self) -> Path:
        """The certificate that clients must trust for TLS."""
        return self.service.keys.ca_file

    @property
    def noise_root_file(self) -> Path:
        """The Noise root key that clients must trust, as 64 hexadecimal digits."""
        return self.ca_file.with_name(NOISE_ROOT_FILE)

    @property
    def client_environment(self) -> dict[str, str]:
        """What a neonize client with the trust patch needs in its environment from the start."""
        return {
            "HTTPS_PROXY": self.proxy_url,
            "SSL_CERT_FILE": str(self.ca_file),
            "OXY_NOISE_ROOT_FILE": str(self.noise_root_file),
        }

    @property
    def violations(self) -> list[Violation]:
        """Every protocol violation so far."""
        return self.service.network.state.violations

    @property
    def accounting(self) -> list[LineView]:
        """The life line of every message so far."""
        return self.service.accounting()

    async def phone(
        self, number: str, name: str = "", *, addressing: Addressing = "lid", sends_read_receipts: bool = False
    ) -> Phone:
        """Add a phone, or take an existing one."""
        request = AddPhone(phone=number, name=name, addressing=addressing, sends_read_receipts=sends_read_receipts)
        return Phone(self, self.service.add_phone(request).phone)

    async def fault(self, kind: FaultKind) -> None:
        """Break the whole network: `down` and `up`."""
        self.service.fault(Fault(kind=kind))

    async def load(self, senders: list[Phone], to: Phone, count: int, rate: float = 0.0) -> None:
        """Start sending `count` texts from several phones in turn, `rate` a second."""
        numbers = [sender.number for sender in senders]
        self.service.start_load(StartLoad(senders=numbers, to=to.number, count=count, rate=rate))


def _fits(entry: InboxMessage, text: TextPattern | None, chat: str | None) -> bool:
    if entry.duplicate or (chat is not None and entry.chat != chat.lstrip("+")):
        return False
    if isinstance(text, re.Pattern):
        return text.search(entry.text) is not None
    return text is None or entry.text == text
