"""A volume that is full, or a journal that has used up its share: nothing is lost, and it passes by itself."""

import asyncio
import signal
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from integration.tenant.scene import ACCOUNT, INSTANCE, Scene, send_request, until
from integration.tenant.small_volumes import MIB, SmallVolume, small_volume
from unit.tenant.links import environment_in
from unit.tenant.messages import incoming
from unit.tenant.sessions import add_secret, make_session

from oxy_core import subjects
from oxy_core.envelopes import ConnectionState, LiveState, MessageSeen, Report, SendOutcome, SendRequest
from oxy_core.identity import Jid
from oxy_core.instance.stored_session import VolumeProblem
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import MessageLost
from oxy_tenant.connection.live_state import StateBoard, Stored
from oxy_tenant.connection.session_keeper import SessionKeeper
from oxy_tenant.errors import VolumeError
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.events import CallMissed
from oxy_tenant.links.neonize.session_archive import NeonizeArchive
from oxy_tenant.links.neonize.session_store import SessionStore, device_of
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.receiving import Reception
from oxy_tenant.sending.receipts import Confirmations
from oxy_tenant.session_metadata import MetadataFile
from oxy_tenant.session_record import SessionRecord
from oxy_tenant.settings_file import SettingsFile
from oxy_tenant.volume.ballast import Ballast
from oxy_tenant.volume.room import reserve_of
from oxy_tenant.volume.watch import RoomWatch, ShareRules


async def test_a_full_volume_stops_receiving_and_sending_until_there_is_room(scene: Scene) -> None:
    with small_volume(scene.runtime.session) as volume:
        await scene.pair()
        chat = await scene.chat()
        process = scene.runtime.process

        volume.fill(leaving=2 * MIB)
        await until(lambda: scene.bus.states[-1].last_reason == "VolumeFull", what="disconnected")
        state = await problem(scene, VolumeProblem.VOLUME_FULL)
        assert (state.volume_bytes, state.connection) == (24 * MIB, ConnectionState.RECONNECTING)
        assert await scene.runtime.probe("/readyz") == (503, "reconnecting: VolumeFull\n")
        await scene.customer.send("cheio", scene.business)
        request = send_request(chat, "Olá!")
        await scene.bus.request(request)
        await asyncio.sleep(1)
        assert scene.bus.accepted == []
        assert [message.text for message in await scene.bus.messages()] == ["oi"]

        volume.free()
        await scene.ready()
        assert [message.text for message in await scene.texts(2)] == ["oi", "cheio"]
        assert (await problem(scene, None)).session_bytes
        await accepted(scene, request)
        assert (await scene.result(request)).outcome is SendOutcome.SENT
        assert scene.runtime.process is process
        assert process is not None
        assert process.returncode is None


async def test_what_arrives_on_a_volume_without_a_byte_is_journalled_before_the_session_is_closed(scene: Scene) -> None:
    with small_volume(scene.runtime.session) as volume:
        await scene.pair()
        await scene.chat()
        ballast = scene.runtime.session / "ballast"
        await until(ballast.exists, what="ballast")

        # The library cannot store what it decrypts with: its phone is asked to write again, and perhaps never does.
        volume.fill()
        await scene.customer.send("no instante", scene.business)
        await until(lambda: not ballast.exists(), what="ballast given up")
        await until(lambda: scene.bus.states[-1].last_reason == "VolumeFull", what="disconnected")
        seen = await until(lambda: second_message(scene), what="the message on the bus")
        assert (seen.text, seen.kind) in {("no instante", MessageKind.TEXT), (None, MessageKind.UNDECRYPTABLE)}

        volume.free()
        await scene.ready()
        await until(ballast.exists, what="ballast again")


async def second_message(scene: Scene) -> MessageSeen | None:
    return next(iter((await scene.bus.messages())[1:]), None)


async def test_a_volume_without_a_byte_loses_nothing_and_is_waited_for_at_the_start(scene: Scene) -> None:
    with small_volume(scene.runtime.session) as volume:
        await scene.pair()
        await asyncio.gather(write(scene, 20), fill_soon(volume))
        await scene.runtime.kill(signal.SIGKILL)
        await scene.runtime.start()
        await until(lambda: reasons(scene, "VolumeFull"), what="not ready because the volume is full")
        assert (await scene.runtime.probe("/livez"))[0] == 200

        volume.free()
        await scene.ready()
        await until(lambda: is_accounted(scene, 20), within=40, what="each message on the bus, or reported as lost")


async def test_a_journal_stays_within_its_share_and_drops_nothing_that_the_bus_lacks(scene: Scene) -> None:
    with small_volume(scene.runtime.session):
        # A fiftieth of 24 MiB is 480 KiB.
        scene.runtime.write_settings(journal_percent=2, volume_bytes=24 * MIB)
        await scene.pair()
        await write(scene, 15, "x" * 60_000)
        await scene.texts(15)
        trimmed = await problem(scene, VolumeProblem.JOURNAL_TRIMMED)
        assert trimmed.journal_bytes is not None
        assert trimmed.journal_bytes < 480 << 10
        # What the bus had not acknowledged yet may have filled so small a share for a moment.
        await scene.ready()

        scene.bus.server.stop()
        await write(scene, 15, "y" * 60_000)
        await until(lambda: reasons(scene, "JournalFull"), what="not ready because the journal is full")
        scene.bus.server.start()
        await scene.ready()
        assert [text[0] for message in await scene.texts(30) if (text := message.text)] == ["x"] * 15 + ["y"] * 15


def test_a_session_is_copied_only_where_room_is_left(tmp_path: Path) -> None:
    with small_volume(tmp_path / "volume", 6 * MIB) as volume:
        store = SessionStore(volume.folder)
        make_session(store.path)
        store.copy()
        copy = volume.folder / "session.copy.db"
        copied = copy.read_bytes()
        add_secret(store.path, "3EB0", b"s" * 2_000_000)
        for request in (store.copy, NeonizeArchive(volume.folder).pack):
            with pytest.raises(VolumeError, match="No space left"):
                request()
        assert copy.read_bytes() == copied
        assert not list(volume.folder.glob("*.new"))


async def test_a_copy_leaves_the_reserve_alone_and_the_lack_of_one_is_told_until_it_fits(tmp_path: Path) -> None:
    with small_volume(tmp_path / "volume") as volume:
        journal = Journal.open(volume.folder / "journal.db", organization="acme", instance="shop")
        told: list[VolumeProblem | None] = []
        ballast = Ballast(volume.folder)
        ballast.load()
        room = RoomWatch(volume.folder, ballast, journal, ShareRules(lambda: 50, lambda: None), told.append)
        store, environment = SessionStore(volume.folder), environment_in(tmp_path)
        make_session(store.path)
        add_secret(store.path, "3EB0", b"s" * 2 * MIB)
        keeper = SessionKeeper(store, OwnAccount(), SettingsFile(environment), "shop", may_copy=room.allows_copy)
        volume.fill(leaving=reserve_of(24 * MIB) + MIB)
        await room.look()
        assert await keeper.prepare()
        await room.look()
        volume.free()
        await room.look()
        assert told == [VolumeProblem.SESSION_NOT_COPIED, None]
        assert not (volume.folder / "session.copy.db").exists()
        await keeper.copy()
        assert (volume.folder / "session.copy.db").exists()
        journal.close()


def test_why_a_device_goes_is_noted_on_a_volume_without_a_byte(tmp_path: Path) -> None:
    with small_volume(tmp_path / "volume", 4 * MIB) as volume:
        journal = Journal.open(volume.folder / "journal.db", organization="acme", instance="shop")
        metadata, ballast = MetadataFile(volume.folder, "acme", "shop"), Ballast(volume.folder)
        record = SessionRecord(metadata, journal, list, epoch=1, make_room=ballast.drop)
        record.examined(device_of("5511900000001:1@s.whatsapp.net"), fresh=True)
        ballast.load()
        volume.fill()
        record.gives_up("LoggedOut")
        journal.close()
        assert MetadataFile(volume.folder, "acme", "shop").current.why_gone(1, None) == "LoggedOut"


async def test_what_finds_no_room_in_the_journal_waits_for_it(tmp_path: Path) -> None:
    with small_volume(tmp_path / "volume", 4 * MIB) as volume:
        environment = environment_in(tmp_path)
        with closing(Journal.open(volume.folder / "journal.db", organization="acme", instance="shop")) as journal:
            ballast, board = Ballast(volume.folder), StateBoard(environment, Stored)
            settings = SettingsFile(environment)
            reception = Reception(journal, ballast, OwnAccount(), settings, board, Confirmations())
            volume.fill()
            running = asyncio.create_task(reception.run())
            for number in range(3):
                call = CallMissed(f"CALL{number}", Jid.parse("111@lid"), None, datetime.now(UTC))
                await asyncio.to_thread(reception.take_notice, call)
            await asyncio.sleep(1.5)
            assert journal.reports.newest == 0
            volume.free()
            await until(lambda: journal.reports.newest == 3, what="three missed calls")
            running.cancel()
            await asyncio.wait({running})
            found = [Report.decode(entry.envelope).body for entry in journal.reports.waiting(0, 10)]
    assert [body.whatsapp_id for body in found if isinstance(body, MessageSeen)] == ["CALL0", "CALL1", "CALL2"]


async def problem(scene: Scene, wanted: VolumeProblem | None) -> LiveState:
    """Wait for a live state that tells of this problem and return it."""

    def newest() -> LiveState | None:
        state = scene.bus.states[-1]
        return state if state.volume_problem == wanted else None

    return await until(newest, what=f"live state with {wanted}")


async def reasons(scene: Scene, reason: str) -> bool:
    return reason in (await scene.runtime.probe("/readyz"))[1]


async def accepted(scene: Scene, request: SendRequest) -> None:
    """Offer a request until it is accepted, as the relay does."""

    async def offer() -> bool:
        await scene.bus.client.publish(subjects.out(ACCOUNT, INSTANCE), request.encode())
        await scene.bus.client.flush()
        return any(found.request_id == request.id for found in scene.bus.accepted)

    await until(offer, what="the request accepted")


async def write(scene: Scene, count: int, text: str = "oi") -> None:
    for number in range(count):
        await scene.customer.send(f"{text} {number}", scene.business)


async def fill_soon(volume: SmallVolume) -> None:
    await asyncio.sleep(0.1)
    await asyncio.to_thread(volume.fill)


async def is_accounted(scene: Scene, count: int) -> bool:
    """Whether each of the messages has come or was reported as lost, and none both."""
    bodies = [report.body for report in await scene.bus.stored()]
    came = [body.whatsapp_id for body in bodies if isinstance(body, MessageSeen) and body.kind is MessageKind.TEXT]
    lost = [body.whatsapp_id for body in bodies if isinstance(body, MessageLost)]
    return len({*came, *lost}) == len(came) + len(lost) == count


async def test_a_full_volume_is_known_though_the_journal_on_it_cannot_be_trimmed(tmp_path: Path) -> None:
    with small_volume(tmp_path / "volume") as volume:
        journal = Journal.open(volume.folder / "journal.db", organization="acme", instance="shop")
        for _ in range(20):
            journal.inbound.receive(incoming(str(uuid4()), text="x" * 60_000))
        numbers = [entry.number for entry in journal.reports.waiting(0, 100)]
        journal.reports.mark_published(numbers, 1)
        journal.database.rewrite()  # its log is empty: there is no room in it either
        told: list[VolumeProblem | None] = []
        rules = ShareRules(lambda: 2, lambda: None)
        room = RoomWatch(volume.folder, Ballast(volume.folder), journal, rules, told.append)
        volume.fill()
        await room.look()
        assert told == [VolumeProblem.VOLUME_FULL]
        volume.free()
        await room.look()
        assert told == [VolumeProblem.VOLUME_FULL, VolumeProblem.JOURNAL_TRIMMED]
        journal.close()


async def test_a_journal_that_the_bus_has_taken_stops_nobody_however_much_of_it_is_kept(tmp_path: Path) -> None:
    with small_volume(tmp_path / "volume") as volume:
        journal = Journal.open(volume.folder / "journal.db", organization="acme", instance="shop")
        told: list[VolumeProblem | None] = []
        rules = ShareRules(lambda: 10, lambda: None)
        room = RoomWatch(volume.folder, Ballast(volume.folder), journal, rules, told.append)
        while journal.used_bytes() <= 24 * MIB // 10:
            journal.inbound.receive(incoming(str(uuid4()), text="x" * 10_000))
        numbers = [entry.number for entry in journal.reports.waiting(0, 1_000)]
        few, most = numbers[: len(numbers) // 20], numbers[len(numbers) // 20 :]
        await room.look()
        journal.reports.mark_published(few, len(few))  # the look meanwhile can trim no more than these
        await room.look()
        assert told == [VolumeProblem.JOURNAL_FULL]
        assert 24 * MIB // 10 * 0.9 < journal.used_bytes() <= 24 * MIB // 10
        journal.reports.mark_published(most, len(numbers))
        await room.look()
        assert told == [VolumeProblem.JOURNAL_FULL, VolumeProblem.JOURNAL_TRIMMED]
        journal.close()
