import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from unit.tenant.links import environment_in
from unit.tenant.test_sender import reached

from oxy_core.tasks import CANCEL_AGAIN_SECONDS
from oxy_tenant.connection.ending import EndedError, terminal_ending
from oxy_tenant.errors import VolumeError
from oxy_tenant.journal.journal import Journal
from oxy_tenant.runtime import keep_pruned, run, run_until


class Session:
    """A connection that delivers what it has received when it is cancelled, which takes a while."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1.5 * CANCEL_AGAIN_SECONDS)
            self.steps.append("closed")

    async def before_closing(self, still_open: bool) -> None:  # noqa: FBT001 the signature under test
        self.steps.append("open" if still_open else "over")


async def test_a_stop_waits_until_the_session_has_delivered_what_it_received() -> None:
    session, stop = Session(), asyncio.Event()
    stop.set()
    async with asyncio.timeout(60):
        assert await run_until(stop, session.run(), session.before_closing) is None
    assert session.steps == ["open", "closed"]


async def test_a_terminal_cause_is_the_ending_and_leaves_nothing_to_close() -> None:
    session, ending = Session(), terminal_ending("LoggedOut", "shop")

    async def end() -> None:
        raise EndedError(ending)

    assert await run_until(asyncio.Event(), end(), session.before_closing) == ending
    assert session.steps == ["over"]


async def test_a_terminal_cause_that_shows_during_a_stop_is_the_ending() -> None:
    session, stop, ending = Session(), asyncio.Event(), terminal_ending("LoggedOut", "shop")

    async def end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise EndedError(ending)

    stop.set()
    assert await run_until(stop, end(), session.before_closing) == ending


async def test_any_other_error_passes_through() -> None:
    session = Session()

    async def fail() -> None:
        message = "broken"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="broken"):
        await run_until(asyncio.Event(), fail(), session.before_closing)
    assert session.steps == ["over"]


@pytest.mark.parametrize("name", ["runtime.lock", "ended.json", "session.incoming"])
async def test_a_file_on_the_volume_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    environment = environment_in(tmp_path)
    (environment.session / name).mkdir(parents=True)
    with pytest.raises(VolumeError, match=rf"/{name} cannot be used: Is a directory; check the volume"):
        await run(environment, asyncio.Event())


async def test_a_journal_that_cannot_be_pruned_now_is_pruned_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oxy_tenant.runtime.PRUNE_RETRY", 0.01)
    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop")
    with journal.database.transaction() as database:
        database.execute("INSERT INTO quick_answers VALUES (x'00', 'chat', 0)")
        database.execute("CREATE TRIGGER full BEFORE DELETE ON quick_answers BEGIN SELECT RAISE(ABORT, 'full'); END")
    with capture_logs() as logs:
        pruning = asyncio.create_task(keep_pruned(journal))
        await reached(lambda: "journal_not_pruned" in {entry["event"] for entry in logs})
        with journal.database.transaction() as database:
            database.execute("DROP TRIGGER full")
        await reached(lambda: journal.database.read("SELECT 1 FROM quick_answers") == [])
    pruning.cancel()
    await asyncio.wait({pruning})
    journal.close()
