"""A simulated phone in the hands of a test or a scenario."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oxy_simulator.contents import AnyContent
from oxy_simulator.faults import FaultKind
from oxy_simulator.replies import DeviceView, Message, MessageState, PhoneView
from oxy_simulator.wanted import TextPattern, Wanted, told

if TYPE_CHECKING:
    from oxy_simulator.testing import WhatsApp

_LONGEST_POLL: Final = 30.0


@dataclass(eq=False)
class Phone:
    """A phone under the test's control. What `expect` returned, and what came before it, is not looked at again."""

    whatsapp: "WhatsApp"
    number: str
    seen: int = 0
    """The number of the newest message that is not looked at again."""

    async def inbox(self, after: int = 0) -> list[Message]:
        """Return everything that arrived after a number, in order, repeated ids included."""
        return await self.whatsapp.api.inbox(self.number, after)

    async def send(
        self, what: str | AnyContent, to: "Phone | str", *, message_id: str | None = None, quote: str | None = None
    ) -> str:
        """Send a text, or any other content, and return its id; `message_id` repeats one on purpose.

        `quote` answers a message with a text; other contents have a quote of their own.
        """
        api = self.whatsapp.api
        if isinstance(what, str):
            return await api.send(self.number, number_of(to), what, message_id=message_id, quote=quote)
        return await api.say(self.number, number_of(to), what, message_id=message_id)

    async def attach(self, kind: str, file: Path | bytes) -> str:
        """Give this phone a file (`image`, `video`, `audio`, `voice`, `sticker`, `document`); return its id."""
        return await self.whatsapp.api.attach(self.number, kind, file)

    async def file(self, message_id: str) -> bytes:
        """Return the decrypted file of a message; raise RequestError if anything about it is wrong."""
        return await self.whatsapp.api.file(self.number, message_id)

    async def message(self, message_id: str) -> MessageState:
        """Return how a message stands on this phone now, whoever sent it: edits, deletion, reactions, votes."""
        return await self.whatsapp.api.message(self.number, message_id)

    async def self_chat(self, text: str) -> str:
        """Write in this phone's "message yourself" chat."""
        return await self.send(text, self)

    async def expect(
        self,
        text: TextPattern | None = None,
        *,
        within: float,
        kind: str | None = None,
        from_: "Phone | str | None" = None,
        chat: "Phone | str | None" = None,
    ) -> Message:
        """Return the next message that fits everything given; a pattern is searched for in the text.

        Repeated ids are passed over. Raise AssertionError with what came instead after `within` seconds.
        """
        wanted = Wanted(text, kind, digits_of(from_), digits_of(chat))
        passed: list[Message] = []
        deadline = asyncio.get_running_loop().time() + within
        while True:
            left = max(deadline - asyncio.get_running_loop().time(), 0.0)
            cursor = passed[-1].number if passed else self.seen
            fresh = await self.whatsapp.api.inbox(self.number, cursor, min(left, _LONGEST_POLL))
            for message in fresh:
                if wanted.fits(message):
                    self.seen = message.number
                    return message
                passed.append(message)
            if not fresh and left == 0.0:
                explanation = f"{self.number} expected {wanted} within {within:g} s and got {told(passed)}"
                raise AssertionError(explanation)

    async def expect_nothing(self, *, within: float) -> None:
        """Wait `within` seconds, and raise AssertionError as soon as anything arrives, a repeated id included."""
        deadline = asyncio.get_running_loop().time() + within
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            fresh = await self.whatsapp.api.inbox(self.number, self.seen, min(left, _LONGEST_POLL))
            if fresh:
                explanation = f"{self.number} expected nothing within {within:g} s and got {told(fresh)}"
                raise AssertionError(explanation)

    async def link(self, *, code: str | None = None, qr: str | None = None) -> DeviceView:
        """Type a linking code, or scan the text of a QR code; raise PairingError if it fails."""
        return await self.whatsapp.api.link(self.number, code=code, qr=qr)

    async def unlink(self, device: int | None = None) -> None:
        """Remove one linked device, or all."""
        await self.whatsapp.api.unlink(self.number, device)

    async def act(self, action: str, **fields: object) -> PhoneView:
        """Do something beside writing, one of `oxy_simulator.actions.ACTIONS`: `act("typing", to=bot)`."""
        return await self.whatsapp.api.act(
            self.number, action, **{name: number_of(it) if isinstance(it, Phone) else it for name, it in fields.items()}
        )

    async def fault(self, kind: FaultKind | str, **arguments: object) -> None:
        """Break the connection of this phone's linked devices, with the arguments of `POST /faults`."""
        await self.whatsapp.api.fault(kind, self.number, **arguments)

    async def view(self) -> PhoneView:
        """Return how the server sees this phone: linked devices, who types to it, whether a client waits for a code."""
        return next(view for view in await self.whatsapp.api.phones() if view.phone == self.number)


def number_of(phone: Phone | str) -> str:
    """Return the number of a phone, or what was given as one."""
    return phone.number if isinstance(phone, Phone) else phone


def digits_of(phone: Phone | str | None) -> str | None:
    """Return the digits of a phone's number, as inboxes and life lines have it."""
    return None if phone is None else number_of(phone).lstrip("+")
