"""What the contract of links is tested in: an account, its link, and a customer whose phone the test holds.

A further adapter needs a world of its own, or the one here with a host of its own.
"""

import asyncio
import itertools
import os
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from integration.tenant.links.wire import read_frame, write_frame
from integration.tenant.scene import BUSINESS, ROOT, until
from unit.tenant.memory_link import Contact, MemoryLink, MemoryWhatsApp, now

from oxy_core.identity import Jid
from oxy_core.report_bodies import ReceiptKind
from oxy_simulator.attachments import Document
from oxy_simulator.faults import FaultKind
from oxy_simulator.mediadesk import MediaFaultKind
from oxy_simulator.testing import TRUST_FOLDER, Phone, WhatsApp
from oxy_tenant.content.arrival import ArrivedMessage
from oxy_tenant.content.media import MediaPointer, MediaType, UploadedFile
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.library_environment import LIBRARY_ENVIRONMENT
from oxy_tenant.links.events import CallMissed, ChangedNumber, Connected, LinkEvent, QrOffered, Receipts
from oxy_tenant.links.neonize.library import load_messages
from oxy_tenant.links.neonize.send_errors import send_error
from oxy_tenant.links.protocol import Sent

CUSTOMER = "+5511987651111"
WITHOUT_NINTH_DIGIT = "+551187651111"

E = TypeVar("E")
MESSAGES = load_messages()[1]
Marking = Literal["read", "played"]


@dataclass
class Delivered:
    """What a link has delivered."""

    messages: list[ArrivedMessage] = field(default_factory=list)
    events: list[LinkEvent] = field(default_factory=list)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


class World(ABC):
    """An account with a link, and a customer."""

    def __init__(self) -> None:
        self.delivered = Delivered()

    async def message(self, whatsapp_id: str) -> ArrivedMessage:
        """Wait for a message with this id."""

        def found() -> ArrivedMessage | None:
            arrivals = (one for one in self.delivered.messages if one.facts.whatsapp_id == whatsapp_id)
            return next(arrivals, None)

        return await until(found, what=f"the message {whatsapp_id}")

    async def event(self, kind: type[E], fits: Callable[[E], bool] = lambda _: True) -> E:
        """Wait for an event."""
        return await until(lambda: next(filter(fits, self.delivered.of(kind)), None), what=f"the event {kind}")

    # -- the link

    @abstractmethod
    async def call(self, method: str, *arguments: object, **named: object) -> Any:  # noqa: ANN401 whatever it returns
        """Call a method of the link; `send` includes its turn, `download` returns the file's bytes."""

    async def send(self, chat: Jid, message: MessageProtobuf) -> Sent:
        sent: Sent = await self.call("send", chat, message)
        return sent

    @abstractmethod
    async def link_up(self) -> None:
        """Open the link, linking the account if need be, and wait until it is connected."""

    # -- the customer's phone

    @abstractmethod
    async def write(self, text: str) -> str:
        """Write to the account; return the id."""

    @abstractmethod
    async def write_on_own_phone(self, text: str) -> None:
        """Let the account's phone write in the "message yourself" chat."""

    @abstractmethod
    async def give(self, content: bytes) -> str:
        """Send the account a document; return the message's id."""

    @abstractmethod
    async def text_of(self, whatsapp_id: str) -> str:
        """Wait for a message of the account; return its text."""

    @abstractmethod
    async def file_of(self, whatsapp_id: str) -> bytes:
        """Wait for a file of the account; return its content."""

    @abstractmethod
    async def mark(self, whatsapp_id: str, kind: Marking) -> None:
        """Read or play a message of the account."""

    @abstractmethod
    async def marked(self, whatsapp_id: str) -> ReceiptKind:
        """Wait until the account shows that it read or played a message; return which."""

    @abstractmethod
    async def shown(self, state: str) -> None:
        """Wait until the phone shows that the account is `composing`, `recording` or has `paused`."""

    @abstractmethod
    async def ring(self) -> None:
        """Call the account in vain."""

    @abstractmethod
    async def move(self, number: str) -> None:
        """Change the customer's number."""

    @abstractmethod
    async def confirm(self, kind: str, whatsapp_id: str) -> None:
        """Send a receipt of a type that links do not know."""

    # -- bad days

    @abstractmethod
    async def refuse(self, code: int) -> None:
        """Let WhatsApp refuse the next message with this code."""

    @abstractmethod
    async def expire(self, pointer: MediaPointer) -> None:
        """Let WhatsApp forget a file."""


class NeonizeWorld(World):
    """The simulator, and neonize in a process of its own."""

    def __init__(self, simulator: WhatsApp, business: Phone, customer: Phone, folder: Path) -> None:
        super().__init__()
        self._simulator = simulator
        self._business = business
        self._customer = customer
        self._folder = folder
        self._numbers = itertools.count()
        self._answers: dict[int, asyncio.Future[Any]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the link's process."""
        ours, theirs = socket.socketpair()
        path = os.pathsep.join(map(str, (TRUST_FOLDER, ROOT / "core", ROOT / "tenant_runtime", ROOT / "tests")))
        path = os.pathsep.join([path, str(ROOT / "simulator"), str(ROOT / "dev")])
        variables = {"PATH": os.environ["PATH"], **LIBRARY_ENVIRONMENT, **self._simulator.client_environment}
        command = (sys.executable, "-m", "integration.tenant.links.host", str(theirs.fileno()), str(self._folder))
        with (self._folder / "host.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig=KILL", *command),
                env={**variables, "PYTHONPATH": path},
                pass_fds=[theirs.fileno()],
                stdout=log,
                stderr=log,
            )
        theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours)
        listening = asyncio.create_task(self._listen(reader))
        try:
            yield
        finally:
            listening.cancel()
            self._writer.close()
            process.kill()
            await process.wait()
            print((self._folder / "host.log").read_text()[-5_000:])  # noqa: T201 pytest shows it with a failure

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                self._take(*await read_frame(reader))

    def _take(self, kind: str, *frame: Any) -> None:  # noqa: ANN401 whatever came
        match kind:
            case "answer":
                number, answer, error = frame
                future = self._answers.pop(number)
                future.set_result(answer) if error is None else future.set_exception(error)
            case "message":
                facts, content, missing = frame
                message = None if content is None else MESSAGES.Message.FromString(content)
                self.delivered.messages.append(ArrivedMessage(facts, message, missing))
            case "event":
                self.delivered.events.append(frame[0])

    async def call(self, method: str, *arguments: object, **named: object) -> Any:  # noqa: ANN401 whatever it returns
        if method == "send":
            chat, message = arguments
            arguments = (chat, message.SerializeToString())  # type: ignore[attr-defined]  # a protobuf
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        write_frame(self._writer, number, method, arguments, named)
        async with asyncio.timeout(60):
            return await self._answers[number]

    async def link_up(self) -> None:
        before = len(self.delivered.of(Connected))
        await self.call("open")
        if not before:
            await self.event(QrOffered)
            await self._business.link(code=await self.call("request_pairing_code", BUSINESS))
        await until(lambda: len(self.delivered.of(Connected)) > before, what="the connection")

    async def write(self, text: str) -> str:
        return await self._customer.send(text, self._business)

    async def write_on_own_phone(self, text: str) -> None:
        await self._business.self_chat(text)

    async def give(self, content: bytes) -> str:
        file = await self._simulator.api.attach(self._customer.number, "document", content)
        document = Document(file=file, mimetype="application/pdf", file_name="exame.pdf")
        return await self._simulator.api.say(self._customer.number, BUSINESS, document)

    async def text_of(self, whatsapp_id: str) -> str:
        [received] = await until(lambda: self._received(whatsapp_id), what=f"the message {whatsapp_id} on the phone")
        return received

    async def _received(self, whatsapp_id: str) -> list[str]:
        entries = await self._simulator.api.inbox(self._customer.number)
        return [entry.text for entry in entries if entry.id == whatsapp_id]

    async def file_of(self, whatsapp_id: str) -> bytes:
        await self.text_of(whatsapp_id)
        return await self._simulator.api.file(self._customer.number, whatsapp_id)

    async def mark(self, whatsapp_id: str, kind: Marking) -> None:
        await self._customer.act("mark", chat=BUSINESS, ids=[whatsapp_id], kind=kind)

    async def marked(self, whatsapp_id: str) -> ReceiptKind:
        async def stage() -> ReceiptKind | None:
            [line] = await self._simulator.messages(id=whatsapp_id, direction="inbound")
            return next((kind for kind in (ReceiptKind.PLAYED, ReceiptKind.READ) if kind in line.stages), None)

        return await until(stage, what=f"the receipt of {whatsapp_id}")

    async def shown(self, state: str) -> None:
        async def seen() -> bool:
            phones = {one.phone: one.chat_states for one in await self._simulator.api.phones()}
            return state in phones[CUSTOMER.removeprefix("+")].values()

        await until(seen, what=f"the account is shown {state}")

    async def ring(self) -> None:
        await self._customer.act("call", to=BUSINESS)

    async def move(self, number: str) -> None:
        await self._simulator.phone(number, "Ana")
        await self._customer.act("change-number", contact=number)

    async def confirm(self, kind: str, whatsapp_id: str) -> None:
        await self._customer.act("receipt", to=BUSINESS, type=kind, ids=[whatsapp_id])

    async def refuse(self, code: int) -> None:
        await self._business.fault(FaultKind.REFUSE, code=code)

    async def expire(self, pointer: MediaPointer) -> None:
        del pointer
        await self._simulator.api.media_fault(MediaFaultKind.EXPIRED)


class MemoryWorld(World):
    """WhatsApp in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._whatsapp = MemoryWhatsApp(BUSINESS)
        self._link = MemoryLink(self._whatsapp)
        self._ana = self._whatsapp.add(CUSTOMER, "Ana")
        self._own = Contact(BUSINESS, self._whatsapp.account, "Pet Shop")

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 whatever the link takes
        match method:
            case "send":
                async with self._link.sending_turn(arguments[0]):
                    return await self._link.send(arguments[0], lambda: arguments[1])
            case "download":
                async with self._link.download(*arguments, **named) as file:
                    return bytes(file.content)
            case "show_online":
                return self._link.show_online(**named)
        return await getattr(self._link, method)(*arguments, **named)

    async def link_up(self) -> None:
        self._link.open(self.delivered.messages.append, self.delivered.events.append)

    async def write(self, text: str) -> str:
        return self._whatsapp.write(self._ana, MESSAGES.Message(conversation=text))

    async def write_on_own_phone(self, text: str) -> None:
        self._whatsapp.write(self._own, MESSAGES.Message(conversation=text), from_me=True)

    async def give(self, content: bytes) -> str:
        uploaded = await self._link.upload(content, MediaType.DOCUMENT)
        return self._whatsapp.write(self._ana, MESSAGES.Message(documentMessage=document_of(uploaded)))

    async def text_of(self, whatsapp_id: str) -> str:
        return str(dict(self._ana.received)[whatsapp_id].conversation)

    async def file_of(self, whatsapp_id: str) -> bytes:
        return self._whatsapp.files[dict(self._ana.received)[whatsapp_id].documentMessage.directPath]

    async def mark(self, whatsapp_id: str, kind: Marking) -> None:
        self._whatsapp.tell(Receipts(ReceiptKind(kind), (whatsapp_id,), self._ana.lid, self._ana.lid, now()))

    async def marked(self, whatsapp_id: str) -> ReceiptKind:
        return self._ana.marked[whatsapp_id]

    async def shown(self, state: str) -> None:
        assert self._ana.shown[-1] == state

    async def ring(self) -> None:
        self._whatsapp.tell(CallMissed("C1", self._ana.lid, self._ana.phone, now()))

    async def move(self, number: str) -> None:
        self._whatsapp.tell(ChangedNumber(self._ana.phone, Jid.of_phone(number), now()))

    async def confirm(self, kind: str, whatsapp_id: str) -> None:
        """Nothing: this link is told of no receipts that it does not know."""

    async def refuse(self, code: int) -> None:
        self._whatsapp.failures.append(send_error(f"server returned error {code}"))

    async def expire(self, pointer: MediaPointer) -> None:
        del self._whatsapp.files[pointer.direct_path]


def document_of(uploaded: UploadedFile) -> object:
    """Return the part of a message that announces an uploaded document."""
    pointer = uploaded.pointer
    return MESSAGES.DocumentMessage(
        URL=uploaded.url,
        directPath=pointer.direct_path,
        mediaKey=pointer.media_key,
        fileSHA256=pointer.file_sha256,
        fileEncSHA256=pointer.encrypted_sha256,
        fileLength=pointer.size,
        mimetype="application/pdf",
        fileName="recibo.pdf",
    )


@asynccontextmanager
async def neonize_world(folder: Path) -> AsyncIterator[World]:
    """The simulator with neonize."""
    async with WhatsApp() as simulator:
        business = await simulator.phone(BUSINESS, "Pet Shop")
        customer = await simulator.phone(CUSTOMER, "Ana")
        world = NeonizeWorld(simulator, business, customer, folder)
        async with world.running():
            yield world


@asynccontextmanager
async def memory_world(folder: Path) -> AsyncIterator[World]:
    """WhatsApp in memory."""
    del folder
    yield MemoryWorld()
