"""A process that runs a link on neonize for a test: the library reads its environment before Python starts."""

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

from integration.tenant.links.wire import read_frame, write_frame

from oxy_core.identity import Jid
from oxy_core.instance.proxy_url import ProxyUrl
from oxy_tenant.content.arrival import ArrivedMessage
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.errors import LinkError
from oxy_tenant.links.events import LinkEvent
from oxy_tenant.links.neonize.adapter import open_adapter
from oxy_tenant.own_account import OwnAccount


class Host:
    """Does what the test asks of the link, and tells it what the link delivers."""

    def __init__(self, folder: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        journal = Journal.open(folder / "journal.db", organization="acme", instance="shop")
        self._link = open_adapter(
            folder,
            journal,
            OwnAccount(),
            browser="Oxy",
            proxy=ProxyUrl.parse(os.environ["HTTPS_PROXY"]),
            stopping=asyncio.Event(),
            frozen=lambda: False,
            on_lost=lambda _: False,
            on_last_words=lambda _: None,
            on_device_refused=lambda _: None,
        ).link

    async def run(self) -> None:
        """Serve until the test hangs up."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._answer(*await read_frame(self._reader)))

    async def _answer(self, number: int, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        try:
            answer = await self._do(method, *arguments, **named)
            write_frame(self._writer, "answer", number, answer, None)
        except LinkError as error:
            write_frame(self._writer, "answer", number, None, error)

    async def _do(self, method: str, *arguments: Any, **named: Any) -> object:  # noqa: ANN401 whatever the link takes
        match method:
            case "open":
                return self._link.open(self._deliver, self._report)
            case "send":
                return await self._send(*arguments)
            case "download":
                async with self._link.download(*arguments, **named) as file:
                    return bytes(file.content)
            case "show_online":
                return self._link.show_online(**named)
        return await getattr(self._link, method)(*arguments, **named)

    async def _send(self, chat: Jid, content: bytes) -> object:
        async with self._link.sending_turn(chat):
            return await self._link.send(chat, lambda: self._link.messages.Message.FromString(content))

    def _deliver(self, arrival: ArrivedMessage) -> None:
        content = None if arrival.message is None else arrival.message.SerializeToString()
        self._tell("message", arrival.facts, content, arrival.missing)

    def _report(self, event: LinkEvent) -> None:
        self._tell("event", event)

    def _tell(self, *frame: object) -> None:
        self._loop.call_soon_threadsafe(lambda: write_frame(self._writer, *frame))


async def main() -> None:
    """Serve the test at the other end of the socket."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=int(sys.argv[1])))
    await Host(Path(sys.argv[2]), reader, writer).run()


if __name__ == "__main__":
    asyncio.run(main())
