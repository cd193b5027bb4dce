"""Offers of codes, without a connection."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unit.tenant.links import ScriptedLink, environment_in

from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer
from oxy_tenant.connection.live_state import StateBoard, Stored
from oxy_tenant.connection.pairing import CODE_REFUSED, Pairing
from oxy_tenant.settings_file import SettingsFile


@dataclass
class Stage:
    pairing: Pairing
    link: ScriptedLink
    board: StateBoard
    settings: SettingsFile
    folder: Path

    @property
    def offer(self) -> PairingOffer:
        assert self.board.state.pairing is not None
        return self.board.state.pairing

    @property
    def seconds(self) -> int:
        """How long the offer is valid, to ten seconds, of which a busy machine may take some until it is asked."""
        return 10 * math.ceil((self.offer.expires_at - datetime.now(UTC)).total_seconds() / 10)

    def change(self, **settings: object) -> None:
        changed = self.settings.current.model_copy(update=settings)
        (self.folder / "settings.json").write_bytes(changed.encode())
        self.settings.reload()

    async def shown(self, method: PairingMethod) -> None:
        async with asyncio.timeout(60):
            while self.offer.method is not method:  # noqa: ASYNC110 the state under test has no event
                await asyncio.sleep(0.001)


@asynccontextmanager
async def staged(folder: Path, *, codes: list[str], minutes: float = 15, answer: float = 5) -> AsyncIterator[Stage]:
    environment = environment_in(folder, pairing_until=datetime.now(UTC) + timedelta(minutes=minutes))
    settings, link = SettingsFile(environment), ScriptedLink()
    link.codes = codes
    board = StateBoard(environment, Stored)
    pairing = Pairing(link, settings, board, answer_seconds=answer)
    pairing.begin_session()
    following = asyncio.create_task(pairing.follow_method())
    yield Stage(pairing, link, board, settings, folder)
    following.cancel()
    await asyncio.wait([following])


async def test_a_phone_code_is_valid_until_the_servers_codes_run_out(tmp_path: Path) -> None:
    async with staged(tmp_path, codes=["AAAA1111"]) as stage:
        await stage.pairing.offer("qr 1")
        assert (stage.offer.code, stage.seconds) == ("AAAA1111", 160)
        await stage.pairing.offer("qr 2")
        assert stage.offer.code == "AAAA1111"


async def test_no_offer_outlives_the_window(tmp_path: Path) -> None:
    async with staged(tmp_path, codes=["AAAA1111"], minutes=0.5) as stage:
        await stage.pairing.offer("qr 1")
        assert stage.seconds == 30
        stage.change(pairing_method=PairingMethod.QR_CODE)
        await stage.shown(PairingMethod.QR_CODE)
        assert stage.seconds == 30


async def test_another_method_is_offered_as_soon_as_it_is_asked_for(tmp_path: Path) -> None:
    async with staged(tmp_path, codes=["AAAA1111", "BBBB2222"]) as stage:
        await stage.pairing.offer("qr 1")
        await stage.pairing.offer("qr 2")
        stage.change(pairing_method=PairingMethod.QR_CODE)
        await stage.shown(PairingMethod.QR_CODE)
        # It is the code that the server offers now, with what is left of its time.
        assert (stage.offer.qr, stage.seconds) == ("qr 2", 20)
        stage.change(pairing_method=PairingMethod.PHONE_CODE)
        await stage.shown(PairingMethod.PHONE_CODE)
        assert (stage.offer.code, stage.seconds) == ("BBBB2222", 160)
        stage.change(browser="Debian")
        await asyncio.sleep(0)
        assert stage.offer.code == "BBBB2222"


async def test_a_refused_phone_code_is_not_asked_for_again_on_the_same_connection(tmp_path: Path) -> None:
    async with staged(tmp_path, codes=[]) as stage:
        await stage.pairing.offer("qr 1")
        assert (stage.offer.qr, stage.board.state.last_reason) == ("qr 1", CODE_REFUSED)
        stage.link.codes = ["AAAA1111"]
        await stage.pairing.offer("qr 2")
        assert stage.offer.qr == "qr 2"
        stage.pairing.begin_session()
        await stage.pairing.offer("qr 3")
        assert (stage.offer.code, stage.board.state.last_reason) == ("AAAA1111", None)


@pytest.mark.parametrize("ends", ["connection", "pairing", None])
async def test_a_code_that_comes_too_late_is_not_shown_nor_another_way(tmp_path: Path, ends: str | None) -> None:
    async with staged(tmp_path, codes=[]) as stage:
        answered = asyncio.Event()

        async def slow(_: str) -> str:
            await answered.wait()
            return "AAAA1111"

        stage.link.request_pairing_code = slow  # type: ignore[method-assign]
        offering = [asyncio.create_task(stage.pairing.offer(qr)) for qr in ("qr 1", "qr 2")]
        await asyncio.sleep(0)
        if ends == "connection":
            stage.pairing.begin_session()
        elif ends == "pairing":
            stage.pairing.end()
        stage.change(pairing_method=PairingMethod.QR_CODE)
        answered.set()
        await asyncio.wait(offering)
        shown = stage.board.state.pairing
        assert (shown is None) is (ends is not None)
        assert shown is None or shown.qr == "qr 2"
