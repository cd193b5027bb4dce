"""Fetches the files of received messages, one at a time, and puts them on the bus.

It has a connection to the bus of its own, as long as files wait: a large file in the connection of the reports would
delay them. A file is fetched only while that connection is up, and the file's place in the journal goes in the commit
that reports what became of it. So whatever ends the process in between, the file is fetched again.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from oxy_core.bus import connected
from oxy_core.errors import BusError
from oxy_core.files import FileArrived, FileFailed, FileFailure
from oxy_core.subjects import SubjectSender
from oxy_core.tasks import supervised, wait_for
from oxy_core.trace import trace_id
from oxy_tenant import metrics
from oxy_tenant.errors import JournalError
from oxy_tenant.journal.transfers import FileTransfers, OpenTransfer
from oxy_tenant.links.errors import LinkError
from oxy_tenant.links.protocol import WhatsAppLink
from oxy_tenant.media.chunks import described, publish_chunks
from oxy_tenant.media.verdicts import final_failure, retry_pause
from oxy_tenant.settings import RuntimeSettings

CONNECT_SECONDS: Final = 10.0
"""Longest wait for the bus before the next attempt."""

TRANSFER_SECONDS: Final = 900.0
"""Time limit for one attempt: 16 MiB at 20 KiB a second."""

PAUSE_SECONDS: Final = 2.0
"""Pause after the bus, or the disk, did not serve."""

log = structlog.get_logger()


class FileFetcher:
    """The fetcher of one instance. `whatsapp` is set while there is a connection to WhatsApp."""

    def __init__(
        self,
        environment: RuntimeSettings,
        transfers: FileTransfers,
        link: WhatsAppLink,
        *,
        whatsapp: asyncio.Event,
        max_bytes: Callable[[], int],
    ) -> None:
        self._environment = environment
        self._sender = SubjectSender(environment.account, environment.instance)
        self._transfers = transfers
        self._link = link
        self._whatsapp = whatsapp
        self._max_bytes = max_bytes
        self._added = asyncio.Event()

    async def run(self) -> None:
        """Fetch files until cancelled; raises any error that neither the bus nor the disk caused."""
        loop = asyncio.get_running_loop()
        self._transfers.follow(lambda: loop.call_soon_threadsafe(self._added.set))
        await supervised("files", self._serve, _report_outage, pause_seconds=PAUSE_SECONDS)

    async def _serve(self) -> None:
        """Wait until a file is due, connect to the bus, and fetch what is due."""
        while self._transfers.due() is None:
            await wait_for(self._added, self._transfers.seconds_until_due())
            self._added.clear()
        await self._whatsapp.wait()
        environment = self._environment
        name = f"{environment.label}-files"
        async with connected(
            environment.nats_url, environment.nats_credentials, name=name, within=CONNECT_SECONDS
        ) as client:
            while self._whatsapp.is_set() and (transfer := self._transfers.due()) is not None:
                await self._fetch(client, transfer)

    async def _fetch(self, client: Client, transfer: OpenTransfer) -> None:
        try:
            if await asyncio.to_thread(self._transfers.begin, transfer):
                await self._settle(transfer, await self._transfer(client, transfer))
            else:
                await self._settle(transfer, failed(transfer, FileFailure.UNAVAILABLE))
        except (BusError, NatsError):
            await self._postpone(transfer, "bus")
            raise
        except (LinkError, TimeoutError) as error:
            await self._after(transfer, error)
        except asyncio.CancelledError:
            self._transfers.leave(transfer)
            raise

    async def _transfer(self, client: Client, transfer: OpenTransfer) -> FileArrived | FileFailed:
        async with (
            asyncio.timeout(TRANSFER_SECONDS),
            self._link.download(transfer.pointer, max_bytes=self._max_bytes()) as file,
        ):
            arrived = await asyncio.to_thread(described, transfer.media_id, file.content)
            if arrived.sha256 != transfer.pointer.file_sha256.hex():
                return failed(transfer, FileFailure.WRONG_HASH)
            await publish_chunks(client, self._sender, transfer.media_id, file.content)
            return arrived

    async def _after(self, transfer: OpenTransfer, error: LinkError | TimeoutError) -> None:
        reason = final_failure(error, transfer.waited)
        if reason is None:
            log.info("file_postponed", trace_id=trace_id(transfer.trace), error=type(error).__name__)
            await self._postpone(transfer, "whatsapp")
        else:
            await self._settle(transfer, failed(transfer, reason))

    async def _postpone(self, transfer: OpenTransfer, cause: str) -> None:
        metrics.FILES_POSTPONED.labels(cause).inc()
        await asyncio.to_thread(self._transfers.postpone, transfer, retry_pause(transfer.attempts))

    async def _settle(self, transfer: OpenTransfer, outcome: FileArrived | FileFailed) -> None:
        await asyncio.to_thread(self._transfers.finish, transfer, outcome)
        reason = outcome.reason.value if isinstance(outcome, FileFailed) else None
        log.info("file_settled", trace_id=trace_id(transfer.trace), outcome=outcome.type, reason=reason)


def failed(transfer: OpenTransfer, reason: FileFailure) -> FileFailed:
    """Return the report that a file cannot be had."""
    return FileFailed(media_id=transfer.media_id, reason=reason)


def _report_outage(name: str, error: Exception) -> None:
    """Log errors of the bus and the disk, which pass; raise all others."""
    if not isinstance(error, (BusError, NatsError, JournalError)):
        raise error
    log.warning("files_interrupted", part=name, error=str(error) or type(error).__name__)
