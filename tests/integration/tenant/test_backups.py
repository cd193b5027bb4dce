"""Backups of a linked session, made while it is used, and their restoration."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from integration.tenant.backups import BackupServer, asked, plan, restored, serving_backups
from integration.tenant.scene import Scene, send_request, until

from oxy_core.envelopes import SendOutcome
from oxy_core.identity import Jid
from oxy_core.instance.session_states import BackupOutcome, BackupState, RestoreOutcome
from oxy_core.report_bodies import InstanceEvent
from oxy_core.session_backups import RestoreWish


async def test_a_backup_is_restored_once_and_the_conversation_goes_on(scene: Scene) -> None:
    async with serving_backups(scene) as server:
        assert (await unlinked(scene)).outcome is BackupOutcome.REFUSED
        await scene.business.link(code=(await scene.offer()).code)
        await scene.ready()
        chat = await scene.chat()
        made = await asked(scene, "first")
        assert (made.outcome, made.reason) == (BackupOutcome.DONE, None)
        [manifest] = await server.manifests()
        assert (manifest.id, manifest.request) == (made.last_id, "first")
        await until(lambda: backed_up(scene, manifest.chunks), what="the event")
        await is_opaque(server)

        await answered(scene, chat, "depois da cópia")
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
        await scene.customer.send("e agora?", scene.business)
        assert [message.text for message in await scene.texts(3)] == ["oi", "tudo bem?", "e agora?"]
        assert (await scene.bus.stored())[-1].journal_epoch != epoch
        await answered(scene, chat, "continuamos")

        await scene.runtime.kill(signal.SIGKILL)
        await scene.runtime.start()
        await scene.ready()
        assert len(list(scene.runtime.session.glob("session.before-restore-*.db"))) == 1
        known = json.loads((scene.runtime.session / "metadata.json").read_text())
        assert [record["outcome"] for record in known["restores"]] == ["refused", "restored"]
        assert known["last_backup"]["id"] == str(manifest.id)
        assert "5511900000001" not in json.dumps(known)


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
    await scene.customer.expect(text, within=20)


def session_digest(scene: Scene, file: Path | None = None) -> list[tuple[str, int]]:
    """Return what of a session tells it from others."""
    with closing(sqlite3.connect(file or scene.runtime.session / "session.db")) as database:
        return database.execute("SELECT their_id, length(session) FROM whatsmeow_sessions ORDER BY 1").fetchall()
