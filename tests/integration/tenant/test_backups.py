"""Backups of a linked session, made while it is used, and their restoration."""

import json
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from integration.tenant.backups import KEY, BackupServer, asked, keep_key, plan, restored, serving_backups, settled
from integration.tenant.scene import INSTANCE, NAMESPACE, PATIENCE, Scene, send_request, until

from oxy_core.envelopes import SendOutcome
from oxy_core.identity import Jid, new_id
from oxy_core.instance.session_states import BackupOutcome, BackupState, RestoreOutcome
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.report_bodies import InstanceEvent
from oxy_core.session_backups import RestoreWish
from oxy_tenant.links.neonize.sending_chains import MOST_OWED


async def test_a_backup_is_restored_once_and_the_conversation_goes_on(scene: Scene) -> None:
    async with serving_backups(scene) as server:
        assert (await unlinked(scene)).outcome is BackupOutcome.REFUSED
        await scene.business.link(code=(await scene.offer()).code)
        await scene.ready()
        chat = await scene.chat()
        made = await asked(scene, "first")
        assert (made.outcome, made.reason) == (BackupOutcome.DONE, None)
        [manifest] = await server.manifests()
        assert (manifest.id, manifest.request, manifest.leaving) == (made.last_id, "first", False)
        await until(lambda: backed_up(scene, manifest.chunks), what="the event")
        await is_opaque(server)
        facts = scene.bus.states[-1].session
        assert facts is not None
        assert (facts.device, facts.restored_at, facts.set_aside_bytes) == (1, None, 0)
        assert facts.linked_at is not None
        assert facts.checked_at is not None
        assert facts.linked_at <= facts.checked_at <= datetime.now(UTC)

        # More than fillers could make up for, if the restored session went on with its ratchet.
        for number in range(MOST_OWED + 2):
            await answered(scene, chat, f"depois {number}")
        await scene.customer.send("tudo bem?", scene.business)
        await scene.texts(2)
        await scene.runtime.kill(signal.SIGTERM)
        wish = RestoreWish(id="w1", manifest=manifest)
        scene.runtime.write_settings(restore=wish, backup=plan("first"))
        await scene.runtime.start()
        refused = await restored(scene, "w1")
        assert (refused.outcome, refused.reason) == (RestoreOutcome.REFUSED, "SessionNewer")
        await scene.ready()
        await scene.runtime.kill(signal.SIGTERM)

        epoch = (await scene.bus.stored())[-1].journal_epoch
        before = session_digest(scene)
        scene.runtime.write_settings(restore=wish.model_copy(update={"id": "w2", "force": True}))
        await scene.runtime.start()
        done = await restored(scene, "w2")
        assert (done.outcome, done.reason) == (RestoreOutcome.RESTORED, "Restored")
        assert "encryption anew" in done.detail
        [aside] = scene.runtime.session.glob("session.before-restore-*.db")
        assert session_digest(scene, aside) == before
        await scene.ready()
        # Before the customer writes again: with the ratchet of the backup, its phone would drop this as a repetition.
        await answered(scene, chat, "continuamos")
        await scene.customer.send("e agora?", scene.business)
        assert [message.text for message in await scene.texts(3)] == ["oi", "tudo bem?", "e agora?"]
        assert (await scene.bus.stored())[-1].journal_epoch != epoch

        await scene.runtime.kill(signal.SIGKILL)
        await scene.runtime.start()
        await scene.ready()
        assert len(list(scene.runtime.session.glob("session.before-restore-*.db"))) == 1
        known = json.loads((scene.runtime.session / "metadata.json").read_text())
        assert [record["outcome"] for record in known["restores"]] == ["refused", "restored"]
        assert known["last_backup"]["id"] == str(manifest.id)
        assert "5511900000001" not in json.dumps(known)


async def test_a_backup_counts_only_once_it_was_restored_in_a_test(scene: Scene) -> None:
    async with serving_backups(scene) as server:
        await scene.pair()
        blocked = scene.runtime.session / "session.incoming"
        blocked.mkdir()
        unusable = await asked(scene, "no file can be written")
        assert (unusable.outcome, unusable.reason) == (BackupOutcome.FAILED, "VolumeUnusable")
        assert "Is a directory" in unusable.detail
        blocked.rmdir()

        server.spoil = lambda chunk: chunk[:-1] + bytes([chunk[-1] ^ 1])
        damaged = await asked(scene, "spoiled")
        assert (damaged.outcome, damaged.reason, damaged.last_id) == (BackupOutcome.FAILED, "BackupDamaged", None)
        assert await server.manifests() == []

        # The pod is killed while it verifies, and then the bus is restarted while it does so again.
        server.spoil, server.silent = bytes, True
        await verifying(scene, server, "killed")
        await scene.runtime.kill(signal.SIGKILL)
        assert leftovers(scene) != []
        killed = server.asked[-1].backup_id
        scene.runtime.write_settings(backup=plan())  # or the next attempt might have begun when it is ready
        await scene.runtime.start()
        await scene.ready()
        assert leftovers(scene) == []
        scene.runtime.write_settings(backup=plan("killed"))
        await until(lambda: server.asked[-1].backup_id != killed, what="another attempt, with another id")
        scene.bus.server.stop()
        scene.bus.server.start()
        server.silent = False
        made = await settled(scene, "killed")
        assert made.outcome is BackupOutcome.DONE
        assert [manifest.id for manifest in await server.manifests()] == [made.last_id]
        await until(lambda: leftovers(scene) == [], what="an empty folder")
        assert await scene.runtime.is_ready()


async def test_a_session_that_is_lost_under_the_pod_is_told_and_brought_back_by_a_backup(scene: Scene) -> None:
    async with serving_backups(scene) as server:
        await scene.pair()
        await asked(scene, "first")
        [manifest] = await server.manifests()
        session = scene.runtime.session / "session.db"
        session.unlink()
        missing = await asked(scene, "deleted")
        assert (missing.outcome, missing.reason) == (BackupOutcome.REFUSED, "SessionMissing")
        for log in scene.runtime.session.glob("session.db-*"):
            log.unlink()  # or SQLite would find some of it there, perhaps all
        session.write_bytes(b"no database at all" * 1000)
        damaged = await asked(scene, "damaged")
        assert (damaged.outcome, damaged.reason) == (BackupOutcome.REFUSED, "SessionDamaged")
        assert f"which needs no phone: oxy sessions restore {INSTANCE} -n {NAMESPACE}. Without one" in damaged.detail
        assert await scene.runtime.is_ready(), "a number that works is not taken offline"
        await scene.runtime.kill(signal.SIGKILL)
        await scene.runtime.start()
        assert await scene.runtime.exit_code() == ExitCode.BAD_SESSION

        scene.runtime.epoch = 2
        scene.runtime.write_settings(restore=RestoreWish(id="w1", manifest=manifest), backup=plan("damaged"))
        await scene.runtime.start()
        assert (await restored(scene, "w1")).outcome is RestoreOutcome.RESTORED
        await scene.ready()
        assert (await asked(scene, "again")).outcome is BackupOutcome.DONE


async def test_a_backup_that_is_restored_on_a_volume_that_never_had_a_phone_sets_no_device_aside(scene: Scene) -> None:
    async with serving_backups(scene) as server:
        await scene.pair()
        await asked(scene, "first")
        [manifest] = await server.manifests()
        await scene.runtime.kill(signal.SIGTERM)
        for file in scene.runtime.session.iterdir():
            file.unlink()
        scene.bus.states.clear()
        await scene.runtime.start()
        await scene.offer()
        await scene.runtime.kill(signal.SIGTERM)

        scene.runtime.epoch = 2
        scene.runtime.write_settings(restore=RestoreWish(id="w1", manifest=manifest))
        await scene.runtime.start()
        assert (await restored(scene, "w1")).outcome is RestoreOutcome.RESTORED
        await scene.ready()
        facts = scene.bus.states[-1].session
        assert facts is not None
        assert facts.set_aside_bytes, "the session in which codes were offered"
        assert facts.others_aside is False


async def test_a_backup_that_cannot_be_had_changes_nothing(scene: Scene) -> None:
    async with serving_backups(scene) as server:
        await scene.pair()
        await asked(scene, "first")
        [manifest] = await server.manifests()
        await scene.runtime.kill(signal.SIGTERM)

        server.spoil = lambda chunk: chunk[:-1] + bytes([chunk[-1] ^ 1])
        assert await restored_at_start(scene, RestoreWish(id="w1", manifest=manifest, force=True)) == "BackupDamaged"
        server.spoil = bytes
        unknown = manifest.model_copy(update={"id": new_id()})
        assert await restored_at_start(scene, RestoreWish(id="w2", manifest=unknown, force=True)) == "BackupRefused"

        keep_key(scene, bytes(32))
        scene.runtime.write_settings(restore=RestoreWish(id="w4", manifest=manifest, force=True))
        await scene.runtime.start()
        await until(lambda: waits_for(scene, "BackupKeyMissing"), what="a restore that waits for its key")
        assert (await scene.runtime.probe("/livez"))[0] == 200
        assert await scene.runtime.probe("/readyz") == (503, "starting: RestoringBackup\n")
        assert list(scene.runtime.session.glob("session.before-restore-*")) == []
        keep_key(scene, KEY)
        assert (await restored(scene, "w4")).outcome is RestoreOutcome.RESTORED
        await scene.ready()


async def verifying(scene: Scene, server: BackupServer, request: str) -> None:
    """Ask for a backup and wait until the pod asks for what it has put on the bus."""
    before = len(server.asked)
    scene.runtime.write_settings(backup=plan(request))
    await until(lambda: len(server.asked) > before, what="a request for a chunk")


def leftovers(scene: Scene) -> list[str]:
    """What a backup has left on the volume."""
    kept = {"session.db", "session.db-wal", "session.db-shm", "session.copy.db"}
    return sorted(file.name for file in scene.runtime.session.glob("session.*") if file.name not in kept)


async def restored_at_start(scene: Scene, wish: RestoreWish) -> str | None:
    """Start with a wish that must be refused, see that the pod goes on, and return why."""
    scene.runtime.write_settings(restore=wish)
    await scene.runtime.start()
    state = await restored(scene, wish.id)
    assert state.outcome is RestoreOutcome.REFUSED
    await scene.ready()
    await scene.runtime.kill(signal.SIGTERM)
    return state.reason


def waits_for(scene: Scene, reason: str) -> bool:
    state = scene.bus.states[-1].restore
    return state is not None and (state.outcome, state.reason) == (RestoreOutcome.WAITING, reason)


async def unlinked(scene: Scene) -> BackupState:
    """Ask for a backup before any phone is linked."""
    await scene.runtime.start()
    await scene.offer()
    return await asked(scene, "too early")


async def backed_up(scene: Scene, chunks: int) -> bool:
    events = [report.body for report in await scene.bus.stored() if isinstance(report.body, InstanceEvent)]
    return any(event.name == "session:backed_up" and event.facts["chunks"] == chunks for event in events)


async def is_opaque(server: BackupServer) -> None:
    """The bus sees neither SQLite nor a number, in chunks or in manifests."""
    manifests = b"".join(manifest.encode() for manifest in await server.manifests())
    for content in (manifests, *await server.chunks()):
        assert b"SQLite" not in content
        assert b"5511900000001" not in content


async def answered(scene: Scene, chat: Jid, text: str) -> None:
    request = send_request(chat, text)
    await scene.bus.request(request)
    assert (await scene.result(request)).outcome is SendOutcome.SENT
    await scene.customer.expect(text, within=PATIENCE)


def session_digest(scene: Scene, file: Path | None = None) -> list[tuple[str, int]]:
    """Return what of a session tells it from others."""
    with closing(sqlite3.connect(file or scene.runtime.session / "session.db")) as database:
        return database.execute("SELECT their_id, length(session) FROM whatsmeow_sessions ORDER BY 1").fetchall()
