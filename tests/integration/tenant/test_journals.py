"""Where a journal begins, and the times and the pace at which it reports, with the real library."""

import asyncio
import signal
import time

from integration.tenant.scene import Scene, send_request, until

from oxy_core.envelopes import MessageSeen, Report, SendOutcome

FLOOD = 60


async def reports(scene: Scene) -> list[tuple[Report, MessageSeen]]:
    return [(report, report.body) for report in await scene.bus.stored() if isinstance(report.body, MessageSeen)]


async def test_a_restored_volume_begins_a_new_journal_and_ends_what_the_old_one_left_open(scene: Scene) -> None:
    scene.runtime.environment["OXY_VOLUME_ID"] = "claim-1"
    await scene.pair()
    chat = await scene.chat()
    scene.runtime.write_settings(pacing="Human")
    await until(lambda: "settings_changed" in scene.runtime.log, what="the new settings")
    request = send_request(chat, "talvez " + "x" * 500)  # it types for longer than the kill takes
    await scene.bus.request(request)
    await until(lambda: scene.bus.accepted, what="the acceptance")
    await scene.runtime.kill()
    await scene.runtime.start(OXY_VOLUME_ID="claim-2")
    result = await scene.result(request)
    assert result.outcome is SendOutcome.AMBIGUOUS
    await scene.chat()
    (old, first), (new, second) = await reports(scene)
    assert new.journal_epoch != old.journal_epoch
    assert (old.journal_started_at or 0) < (new.journal_started_at or 0)
    assert (first.chat_sequence, second.chat_sequence) == (1, 1)
    assert [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"] == []


async def test_the_delay_of_a_message_is_how_long_it_was_under_way(scene: Scene) -> None:
    await scene.pair()
    began = time.monotonic()
    await scene.chat()
    took = time.monotonic() - began
    await scene.runtime.kill(signal.SIGTERM)
    sent = time.monotonic()
    await scene.customer.send("alguém aí?", scene.business)
    await asyncio.sleep(3)  # what the delay must show
    await scene.runtime.start()
    live, queued = (message.delay_seconds for message in await scene.texts(2))
    assert live is not None
    assert queued is not None
    # WhatsApp's times have whole seconds.
    assert live <= took + 1
    assert 2 <= queued <= time.monotonic() - sent + 1


async def test_who_floods_a_business_delays_nobody_else_and_loses_nothing(scene: Scene) -> None:
    await scene.pair()
    other = await scene.simulator.phone("+5511922222222", "Bia")
    scene.bus.server.stop()  # so that all of it waits, however slowly it was written
    for number in range(FLOOD):
        await scene.customer.send(f"oi {number}", scene.business)
    await other.send("bom dia", scene.business)
    received = 'oxy_tenant_messages_received_total{kind="text"}'
    await until(lambda: _counts(scene, received, FLOOD + 1), what="everything journalled")
    scene.bus.server.start()
    texts = [message.text for message in await scene.texts(FLOOD + 1)]
    assert texts.index("bom dia") < FLOOD
    assert [text for text in texts if text != "bom dia"] == [f"oi {number}" for number in range(FLOOD)]


async def _counts(scene: Scene, metric: str, value: int) -> bool:
    return await scene.runtime.metric(metric) == value
