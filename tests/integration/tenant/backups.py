"""The platform's side of backups: serves chunks to pods as the operator does, and spoils them if a test wishes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from integration.tenant.scene import ACCOUNT, INSTANCE, PATIENCE, Bus, Scene, until
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from oxy_core import subjects
from oxy_core.instance.session_states import BackupOutcome, BackupState, RestoreOutcome, RestoreState
from oxy_core.jetstream import BACKUP_STREAM
from oxy_core.session_backups import (
    BACKUP_REFUSED_HEADER,
    MANIFEST,
    BackupChunkRequest,
    BackupManifest,
    BackupPlan,
    key_id,
    keys_text,
)

KEY = bytes(range(32))


@dataclass
class BackupServer:
    """Answers requests for chunks; `spoil` changes what it answers with."""

    bus: Bus
    spoil: Callable[[bytes], bytes] = bytes
    asked: list[BackupChunkRequest] = field(default_factory=list)
    silent: bool = False

    async def answer(self, message: Msg) -> None:
        request = BackupChunkRequest.model_validate_json(message.data)
        self.asked.append(request)
        if self.silent:
            return
        account = subjects.sender_of(message.subject).account
        subject = subjects.backup(account, request.instance, request.backup_id, request.number)
        try:
            stored = await self.bus.jetstream.get_last_msg(BACKUP_STREAM, subject)
        except NotFoundError:
            refusal = {BACKUP_REFUSED_HEADER: "there is no such backup"}
            await self.bus.client.publish(message.reply, b"", headers=refusal)
            return
        await self.bus.client.publish(message.reply, self.spoil(stored.data or b""))

    async def manifests(self) -> list[BackupManifest]:
        """Return the manifests on the stream, oldest first."""
        subject = subjects.backup(ACCOUNT, INSTANCE, "*", MANIFEST)
        info = await self.bus.jetstream.stream_info(BACKUP_STREAM, subjects_filter=subject)
        found = [await self.bus.jetstream.get_last_msg(BACKUP_STREAM, name) for name in info.state.subjects or {}]
        return [BackupManifest.decode(message.data or b"") for message in sorted(found, key=lambda item: item.seq or 0)]

    async def chunks(self) -> list[bytes]:
        """Return everything but manifests."""
        subject = subjects.backup(ACCOUNT, INSTANCE, "*", "*")
        info = await self.bus.jetstream.stream_info(BACKUP_STREAM, subjects_filter=subject)
        names = [name for name in info.state.subjects or {} if not name.endswith(MANIFEST)]
        return [(await self.bus.jetstream.get_last_msg(BACKUP_STREAM, name)).data or b"" for name in names]


@asynccontextmanager
async def serving_backups(scene: Scene) -> AsyncIterator[BackupServer]:
    """Serve chunks, and give the runtime its key."""
    server = BackupServer(scene.bus)
    subscription = await scene.bus.client.subscribe(subjects.RESTORE_ALL, cb=server.answer)
    await scene.bus.client.flush()
    scene.runtime.folder.mkdir(exist_ok=True)
    keep_key(scene, KEY)
    try:
        yield server
    finally:
        await subscription.unsubscribe()


def keep_key(scene: Scene, key: bytes) -> None:
    """Give the runtime this key alone."""
    file = scene.runtime.folder / "backup.key"
    file.write_text(keys_text({key_id(key): key}))
    scene.runtime.environment["OXY_BACKUP_KEY"] = str(file)


def plan(request: str | None = None) -> BackupPlan:
    """A plan by which nothing is due but what is requested."""
    return BackupPlan(enabled=False, request=request)


async def asked(scene: Scene, request: str, within: float = PATIENCE) -> BackupState:
    """Ask for a backup and wait until it is settled, one way or another."""
    scene.runtime.write_settings(backup=plan(request))
    return await settled(scene, request, within)


async def settled(scene: Scene, request: str, within: float = PATIENCE) -> BackupState:
    """Wait until a request is settled."""

    def found() -> BackupState | None:
        state = scene.bus.states[-1].backup if scene.bus.states else None
        return state if state and state.request == request and state.outcome is not BackupOutcome.RUNNING else None

    return await until(found, within, f"backup {request}")


async def restored(scene: Scene, wish: str, within: float = PATIENCE) -> RestoreState:
    """Wait until a wish is restored or refused."""

    def found() -> RestoreState | None:
        states = (state.restore for state in reversed(scene.bus.states))
        return next((state for state in states if state and state.wish == wish and is_settled(state)), None)

    return await until(found, within, f"restore {wish}")


def is_settled(state: RestoreState) -> bool:
    return state.outcome is not RestoreOutcome.WAITING
