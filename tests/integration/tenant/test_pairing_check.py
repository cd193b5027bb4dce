"""Linking a phone is proved by a notice in the business's own chat."""

from integration.tenant.scene import Scene, until

from oxy_core.event_names import PAIRING_CONFIRMED, PAIRING_UNCONFIRMED
from oxy_core.instance.pairing_proof import PairingProof
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.report_bodies import InstanceEvent
from oxy_simulator.faults import FaultKind
from oxy_tenant.pairing_check import NOTICE


async def proof(scene: Scene, state: PairingProof) -> None:
    await until(lambda: any(seen.pairing_proof == state for seen in scene.bus.states), what=f"proof {state}")


async def events(scene: Scene) -> list[str]:
    """The names of what the journal reported of the proof."""
    found = [report.body.name for report in await scene.bus.stored() if isinstance(report.body, InstanceEvent)]
    return [name for name in found if name in {PAIRING_CONFIRMED, PAIRING_UNCONFIRMED}]


async def are_told(scene: Scene, *names: str) -> bool:
    return await events(scene) == list(names)


async def notices(scene: Scene) -> list[str | None]:
    """The notices that the business's phone got from its linked device."""
    return [message.text for message in await scene.business.inbox() if message.text == NOTICE]


async def test_a_phone_confirms_one_notice_each_time_that_it_is_linked(scene: Scene) -> None:
    scene.runtime.settings = scene.runtime.settings.model_copy(update={"confirm_pairing": True})
    await scene.pair()
    await proof(scene, PairingProof.CONFIRMED)
    assert await notices(scene) == [NOTICE]

    assert await scene.runtime.kill() < 0
    scene.bus.forget_states()
    await scene.runtime.start()
    await scene.ready()
    await proof(scene, PairingProof.CONFIRMED)

    await scene.business.unlink()
    assert await scene.runtime.exit_code() == ExitCode.LOGGED_OUT
    scene.runtime.epoch = 2
    scene.bus.forget_states()
    await scene.pair()
    await proof(scene, PairingProof.CONFIRMED)
    assert await notices(scene) == [NOTICE, NOTICE]
    # What a customer writes now is the first message that the assistant is told of.
    await scene.chat()
    assert [message.text for message in await scene.bus.messages()] == ["oi"]
    assert await events(scene) == [PAIRING_CONFIRMED] * 2


async def test_a_missing_receipt_is_a_warning_and_a_late_one_still_counts(scene: Scene) -> None:
    scene.runtime.settings = scene.runtime.settings.model_copy(update={"confirm_pairing": True})
    await scene.business.fault(FaultKind.DELAY, delay=3_600, direction="outbound")
    scene.runtime.environment["OXY_RECEIPT_WAIT"] = "600"  # it is missed only after the kill
    await scene.pair()
    await proof(scene, PairingProof.WAITING)
    await until(lambda: "send_finished" in scene.runtime.log, what="the notice")
    assert await scene.runtime.kill() < 0
    scene.bus.forget_states()
    await scene.runtime.start(OXY_RECEIPT_WAIT="2")
    await scene.ready()
    await proof(scene, PairingProof.RECEIPT_MISSING)
    await scene.simulator.clear_faults()
    await proof(scene, PairingProof.CONFIRMED)
    assert await notices(scene) == [NOTICE]
    # The live state and the journal are published side by side.
    await until(lambda: are_told(scene, PAIRING_UNCONFIRMED, PAIRING_CONFIRMED), what="both events")
