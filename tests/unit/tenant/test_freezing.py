"""Nothing leaves while it is held back; afterwards, what has not expired leaves in order."""

import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from unit.tenant.links import environment_in
from unit.tenant.messages import request
from unit.tenant.senders import sending
from unit.tenant.test_sender import reached, until

from oxy_core.envelopes import SendOutcome
from oxy_core.freeze import Freeze, Hold
from oxy_tenant.errors import JournalError
from oxy_tenant.journal.freezes import Freezes
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.sends import Sends
from oxy_tenant.sending.freezing import SendingFreeze
from oxy_tenant.settings_file import SettingsFile

HOLD = Hold(since=datetime(2031, 3, 3, tzinfo=UTC), by="ana", reason="wrong prices")
FROZEN, THAWED = Freeze(revision=5, hold=HOLD), Freeze(revision=6)


async def test_what_was_accepted_before_and_after_is_held_and_then_sent_in_order(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.ask(request("first"), request("second"))
        await asyncio.sleep(0.05)  # the first waits for its turn
        await stage.freeze.take(FROZEN)
        stage.answer()
        stage.ask(request("third"))
        await asyncio.sleep(0.1)
        assert (stage.link.texts, stage.results(), stage.frozen) == ([], [], [FROZEN])
        await stage.freeze.take(THAWED)
        await reached(lambda: len(stage.results()) == 3)
        assert stage.link.texts == ["first", "second", "third"]
        assert stage.results() == [SendOutcome.SENT] * 3


async def test_a_message_whose_attempt_waits_for_the_disk_is_held_and_then_sent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, begin = threading.Event(), threading.Event(), Sends.begin_attempt

    def begin_slowly(sends: Sends, request_id: UUID) -> bytes:
        secret = begin(sends, request_id)
        begun.set()
        go_on.wait(60)
        return secret

    monkeypatch.setattr(Sends, "begin_attempt", begin_slowly)
    async with sending(tmp_path) as stage:
        stage.answer()
        stage.ask(request("held"))
        await reached(begun.is_set)
        await stage.freeze.take(FROZEN)
        go_on.set()
        await reached(lambda: not stage.journal.sends.unfinished()[0].in_flight)
        assert (stage.link.texts, stage.results()) == ([], [])
        await stage.freeze.take(THAWED)
        await reached(lambda: stage.results() == [SendOutcome.SENT])
        assert stage.link.texts == ["held"]


async def test_the_message_that_whatsapp_is_receiving_ends_and_the_next_is_held(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.link.turn.set()
        stage.ask(request("in flight"), request("next"))
        await until(stage, texts=1)
        await stage.freeze.take(FROZEN)
        stage.link.answering.set()
        await reached(lambda: stage.results() == [SendOutcome.SENT])
        await asyncio.sleep(0.05)
        assert stage.link.texts == ["in flight"]


async def test_what_expires_while_it_is_held_is_never_sent(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        stage.answer()
        await stage.freeze.take(FROZEN)
        stage.ask(request("short", valid_seconds=0.05), request("long"))
        await reached(lambda: stage.results() == [SendOutcome.EXPIRED])
        await stage.freeze.take(THAWED)
        await until(stage, texts=1)
        assert stage.link.texts == ["long"]


async def test_the_newest_word_counts_whichever_way_and_in_whichever_order_it_comes(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        await stage.freeze.take(THAWED)
        await stage.freeze.take(FROZEN)  # overtaken
        assert not stage.freeze.frozen
        environment = environment_in(tmp_path, frozen=Freeze(revision=7, hold=HOLD))
        again = SendingFreeze(stage.journal.freezes, SettingsFile(environment), stage.frozen.append)
        assert again.frozen
        await again.take(FROZEN.model_copy(update={"revision": 7, "hold": None}))  # repeated, and not the same
        assert again.frozen


async def test_two_words_at_once_leave_the_newer_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with sending(tmp_path) as stage:
        keep = type(stage.journal.freezes).keep

        def keep_slowly(freezes: Freezes, freeze: Freeze) -> None:
            time.sleep(0.1 if freeze is FROZEN else 0)
            keep(freezes, freeze)

        monkeypatch.setattr(type(stage.journal.freezes), "keep", keep_slowly)
        await asyncio.gather(stage.freeze.take(FROZEN), stage.freeze.take(THAWED))
        assert stage.journal.freezes.current == THAWED
        assert stage.frozen[-1] == THAWED


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        await stage.freeze.take(FROZEN)
    async with sending(tmp_path) as stage:
        stage.answer()
        stage.ask(request("held"))
        await asyncio.sleep(0.05)
        assert (stage.freeze.frozen, stage.frozen, stage.link.texts) == (True, [FROZEN], [])


async def test_what_the_volume_does_not_take_holds_at_once_but_is_confirmed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Freeze) -> None:
        message = "the disk is full"
        raise JournalError(message)

    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop")
    said: list[Freeze] = []
    freeze = SendingFreeze(journal.freezes, SettingsFile(environment_in(tmp_path)), said.append)
    with monkeypatch.context() as patched:
        patched.setattr(type(journal.freezes), "keep", lambda _, freeze: full(freeze))
        await freeze.take(FROZEN)
        assert (freeze.frozen, said) == (True, [])
    following = asyncio.create_task(freeze.run())
    await reached(lambda: said == [FROZEN])
    following.cancel()
    await asyncio.wait([following])
    assert journal.freezes.current == FROZEN
    journal.close()
