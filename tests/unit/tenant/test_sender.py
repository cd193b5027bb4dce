import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from unit.tenant.links import ScriptedLink, environment_in
from unit.tenant.messages import request

from oxy_core.envelopes import Report, SendOutcome, SendRequest, SendResult
from oxy_core.identity import Jid
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.neonize.session_store import SessionStore
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.sending.receipts import Receipts
from oxy_tenant.sending.recovery import Recovery
from oxy_tenant.sending.sender import Sender
from oxy_tenant.settings_file import SettingsFile


@dataclass
class Stage:
    journal: Journal
    link: ScriptedLink
    sender: Sender
    stopping: asyncio.Event

    def ask(self, *requests: SendRequest) -> None:
        for _, work in self.journal.sends.accept(requests):
            assert work is not None
            self.sender.enqueue(work)

    def results(self) -> list[SendOutcome]:
        bodies = [Report.decode(entry.envelope).body for entry in self.journal.reports.entries(0, 100)]
        return [body.outcome for body in bodies if isinstance(body, SendResult)]

    def open_texts(self) -> list[str]:
        return [send.request.text for send in self.journal.sends.unfinished()]


@asynccontextmanager
async def sending(folder: Path) -> AsyncIterator[Stage]:
    journal = Journal.open(folder / "journal.db", organization="acme", instance="shop")
    connected, stopping, link = asyncio.Event(), asyncio.Event(), ScriptedLink()
    connected.set()
    sender = Sender(
        sends=journal.sends,
        chats=journal.chats,
        link=link,
        recovery=Recovery(journal.sends, SessionStore(folder), Receipts(), connected=connected, receipt_wait=1),
        settings=SettingsFile(environment_in(folder, pacing="None")),
        account=OwnAccount(),
        connected=connected,
        stopping=stopping,
    )
    task = asyncio.create_task(sender.run())
    try:
        yield Stage(journal, link, sender, stopping)
    finally:
        task.cancel()
        await asyncio.wait([task])
        journal.close()


async def until(stage: Stage, texts: int) -> None:
    async with asyncio.timeout(10):
        while len(stage.link.texts) < texts:  # noqa: ASYNC110 the state under test has no event
            await asyncio.sleep(0.005)


async def test_after_a_stop_waiting_requests_stay_open_and_nothing_is_sent(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.ask(request("first"), request("second"), request("other", chat=Jid.parse("222@lid")))
        await asyncio.sleep(0.05)
        stage.stopping.set()
        stage.link.turn.set()
        stage.link.answering.set()
        stage.ask(request("late"))
        await stage.sender.finish(within=1)
        await asyncio.sleep(0.05)
        assert (stage.link.texts, stage.results()) == ([], [])
        assert stage.open_texts() == ["first", "second", "other", "late"]


async def test_a_stop_waits_for_the_message_in_flight_and_journals_its_result(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.link.turn.set()
        stage.ask(request("first"), request("second"))
        await until(stage, texts=1)
        stage.stopping.set()
        finishing = asyncio.create_task(stage.sender.finish(within=5))
        await asyncio.sleep(0.05)
        assert not finishing.done()
        stage.link.answering.set()
        await finishing
        assert (stage.link.texts, stage.results()) == (["first"], [SendOutcome.SENT])
        assert stage.open_texts() == ["second"]


async def test_a_stop_does_not_wait_forever_for_the_message_in_flight(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.link.turn.set()
        stage.ask(request("first"))
        await until(stage, texts=1)
        stage.stopping.set()
        await stage.sender.finish(within=0.05)
        assert stage.open_texts() == ["first"]
