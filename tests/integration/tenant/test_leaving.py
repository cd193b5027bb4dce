"""A pod whose instance is deleted with its session backs it up, and then removes its device from the phone."""

import signal

from integration.tenant.backups import serving_backups
from integration.tenant.scene import ACCOUNT, INSTANCE, Scene, until

from oxy_core.instance.session_states import LeaveState, LeaveStep
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.session_backups import LeaveWish
from oxy_operator.bus import backups
from oxy_operator.bus.backup_desk import BackupDesk
from oxy_operator.bus.nkeys import PlatformKeys

LEAVE = LeaveWish(id="0b52")


def said(scene: Scene) -> LeaveState | None:
    return scene.bus.states[-1].leaving if scene.bus.states else None


async def until_step(scene: Scene, step: LeaveStep) -> LeaveState:
    def found() -> LeaveState | None:
        states = (state.leaving for state in reversed(scene.bus.states))
        return next((state for state in states if state is not None and state.step is step), None)

    return await until(found, 30, f"step {step}")


async def test_the_device_is_removed_from_the_phone_only_once_a_backup_counts(scene: Scene) -> None:
    async with serving_backups(scene) as server:
        await scene.pair()
        server.spoil = lambda chunk: chunk[:-1] + bytes([chunk[-1] ^ 1])
        scene.runtime.write_settings(leave=LEAVE)
        failing = await until(lambda: (state := said(scene)) and state.reason and state, 30, "a failed backup")
        assert (failing.step, failing.wish) == (LeaveStep.BACKING_UP, LEAVE.id)
        assert await server.manifests() == []
        account = scene.simulator.service.account(scene.business.number)
        assert account.devices, "still linked"
    await scene.runtime.kill(signal.SIGKILL)

    heard: list[str] = []
    desk = BackupDesk(PlatformKeys.generate(), settings_of=lambda _: None, on_backup=heard.append, restoring=frozenset)
    async with desk.serving(scene.bus.client):
        await scene.runtime.start()
        left = await until_step(scene, LeaveStep.LEFT)
        [stored] = await backups.stored(scene.bus.client, ACCOUNT, INSTANCE)
        assert (stored.manifest.request, left.backup, heard) == (LEAVE.id, stored.manifest.id, [ACCOUNT])
        assert stored.manifest.leaving, "whoever restores it must know that its device was unlinked"
        assert await scene.runtime.exit_code() == ExitCode.LOGGED_OUT
        assert not account.devices
        assert "Oxy has unlinked the device" in scene.runtime.termination().message

        # The kubelet starts it again until the operator has removed it; the next one notices, had it been killed before
        # it noted its end.
        (scene.runtime.session / "ended.json").unlink()
        await scene.runtime.start()
        assert await scene.runtime.exit_code() == ExitCode.LOGGED_OUT
        assert heard == [ACCOUNT]
        assert "Oxy has unlinked the device" in scene.runtime.termination().message


async def test_a_pod_without_a_phone_leaves_at_once(scene: Scene) -> None:
    async with serving_backups(scene) as server:
        await scene.runtime.start()
        await scene.offer()
        scene.runtime.write_settings(leave=LEAVE)
        left = await until_step(scene, LeaveStep.LEFT)
        assert (left.backup, await server.manifests()) == (None, [])
        assert await scene.runtime.exit_code() == ExitCode.LOGGED_OUT
        assert "No phone was linked" in scene.runtime.termination().message
