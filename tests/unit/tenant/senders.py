"""A sender on a scripted WhatsApp, with a real journal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from unit.tenant.links import ScriptedLink, environment_in

from oxy_core.envelopes import Report, SendOutcome, SendRequest, SendResult
from oxy_core.freeze import Freeze
from oxy_tenant.journal.instance_events import AccountLock
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.reports import Clock
from oxy_tenant.links.neonize.session_store import SessionStore
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.sending.attempts import Retries
from oxy_tenant.sending.delivery import Delivery
from oxy_tenant.sending.files import FileSource
from oxy_tenant.sending.freezing import SendingFreeze
from oxy_tenant.sending.preparation import Preparation
from oxy_tenant.sending.queues import ChatQueues, WaitingSend
from oxy_tenant.sending.reach_out import ReachOutLock
from oxy_tenant.sending.receipts import Confirmations
from oxy_tenant.sending.recipients import Recipients
from oxy_tenant.sending.recovery import Recovery
from oxy_tenant.sending.sender import Sender
from oxy_tenant.sending.showing import Showing
from oxy_tenant.settings_file import SettingsFile


class WatchedLock(ReachOutLock):
    """The reach-out lock, which tells what it lets wait."""

    waiting: set[str | None]
    """Texts."""

    def wait_seconds(self, waiting: WaitingSend) -> float:
        seconds = super().wait_seconds(waiting)
        if seconds > 0:
            self.waiting.add(waiting.send.request.text)
        return seconds


@dataclass
class Stage:
    journal: Journal
    link: ScriptedLink
    sender: Sender
    stopping: asyncio.Event
    connected: asyncio.Event
    freeze: SendingFreeze
    frozen: list[Freeze]
    """What the pod says of it, on each change."""
    locked: list[AccountLock | None]
    """That the account may not write first, on each change."""
    reach_out: WatchedLock

    def ask(self, *requests: SendRequest) -> None:
        for _, work in self.journal.sends.accept(requests):
            assert work is not None
            self.sender.enqueue(work)

    def answer(self) -> None:
        """Grant all turns and answer all sends from now on."""
        self.link.turn.set()
        self.link.answering.set()

    def results(self) -> list[SendOutcome]:
        return [result.outcome for result in self.all_results()]

    def all_results(self) -> list[SendResult]:
        bodies = [Report.decode(entry.envelope).body for entry in self.journal.reports.waiting(0, 100)]
        return [body for body in bodies if isinstance(body, SendResult)]

    def open_texts(self) -> list[str]:
        return [send.request.text for send in self.journal.sends.unfinished()]


@asynccontextmanager
async def sending(folder: Path, *, probe_seconds: float = 60, clock: Clock | None = None) -> AsyncIterator[Stage]:
    journal = Journal.open(folder / "journal.db", organization="acme", instance="shop", clock=clock)
    locked: list[AccountLock | None] = []
    frozen: list[Freeze] = []
    connected, stopping, link = asyncio.Event(), asyncio.Event(), ScriptedLink()
    connected.set()
    environment = environment_in(folder, pacing="None")
    settings, queues = SettingsFile(environment), ChatQueues()
    recovery = Recovery(journal.sends, SessionStore(folder), Confirmations(), connected=connected, receipt_wait=1)
    preparation = Preparation(link, journal.sends, FileSource(environment), settings, OwnAccount())
    freeze = SendingFreeze(journal.freezes, settings, frozen.append)
    showing = Showing(link, settings, freeze)
    reach_out = WatchedLock(journal.sends.now, locked.append, probe_seconds=probe_seconds)
    reach_out.waiting = set()
    sender = Sender(
        sends=journal.sends,
        chats=journal.chats,
        queues=queues,
        recovery=recovery,
        recipients=Recipients(link, journal.chats, journal.numbers),
        preparation=preparation,
        showing=showing,
        delivery=Delivery(
            sends=journal.sends,
            chats=journal.chats,
            link=link,
            recovery=recovery,
            preparation=preparation,
            showing=showing,
            account=OwnAccount(),
            queues=queues,
            stopping=stopping,
            freeze=freeze,
        ),
        freeze=freeze,
        reach_out=reach_out,
        settings=settings,
        connected=connected,
        stopping=stopping,
        retries=Retries(first=0.02, longest=0.05, longest_unavailable=0.05, attempts=6),
    )
    task = asyncio.create_task(sender.run())
    try:
        yield Stage(journal, link, sender, stopping, connected, freeze, frozen, locked, reach_out)
    finally:
        task.cancel()
        await asyncio.wait([task])
        journal.close()
