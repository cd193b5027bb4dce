"""WhatsApp does not acknowledge one message: only its own chat waits."""

import asyncio
import signal
import sqlite3
import time
from contextlib import closing

from integration.tenant.scene import BUSINESS, Scene, send_request, until

from oxy_core.envelopes import SendOutcome
from oxy_simulator.faults import FaultKind

A_WHILE = 60.0
"""Seconds: a busy machine may stall for twenty. The library itself would wait for `LONGEST_SECONDS`, 75."""


async def test_a_message_that_is_never_acknowledged_delays_nobody_else(scene: Scene) -> None:
    await scene.pair()
    slow = await scene.chat()
    bia = await scene.simulator.phone("+5511922222222", "Bia")
    await bia.send("oi", scene.business)
    other = (await scene.texts(2))[-1].chat
    await scene.business.fault(FaultKind.NO_ACK, peer=scene.customer.number)
    late, prompt = send_request(slow, "devagar"), send_request(other, "depressa")
    await scene.bus.request(late)
    await scene.customer.expect("devagar", within=A_WHILE)
    began = time.monotonic()
    await scene.bus.request(prompt)
    sending = asyncio.create_task(_send_many(scene))
    await bia.expect("depressa", within=A_WHILE)
    assert time.monotonic() - began < A_WHILE
    for request in (late, prompt):
        assert (await scene.result(request)).outcome is SendOutcome.SENT
    texts = {f"n {number}" for number in range(await sending)}
    received = {message.text for message in await scene.texts(2 + len(texts))}
    assert texts <= received
    await scene.customer.expect_nothing(within=1)
    assert [result.request_id for result in await scene.bus.results()].count(late.id) == 1
    assert scene.runtime.log.count("session_renewed") == 1
    assert "connection_lost" not in scene.runtime.log
    # What is sent to the slow chat afterwards does not wait either.
    again = send_request(slow, "de novo")
    await scene.bus.request(again)
    await scene.customer.expect("de novo", within=A_WHILE)
    assert (await scene.result(again)).outcome is SendOutcome.SENT
    assert await until(scene.runtime.is_ready)

    # A process that is stopped meanwhile waits for the old session only, and opens no new one.
    await scene.business.fault(FaultKind.NO_ACK, peer=scene.customer.number, count=1)
    await scene.bus.request(send_request(slow, "tarde"))
    await scene.customer.expect("tarde", within=A_WHILE)
    await scene.bus.request(send_request(other, "cedo"))
    # After a message that took long to journal, a session is given more time to deliver what it has.
    with closing(sqlite3.connect(scene.runtime.session / "journal.db", isolation_level=None)) as journal:
        journal.execute("BEGIN IMMEDIATE")
        await scene.customer.send("no disco lento", scene.business)
        await asyncio.sleep(1)
    await until(lambda: scene.runtime.log.count("session_renewed") == 2, A_WHILE, "another renewal")
    logins = len(scene.simulator.service.logins(BUSINESS))
    assert await scene.runtime.kill(signal.SIGTERM) == 0
    assert len(scene.simulator.service.logins(BUSINESS)) == logins


async def _send_many(scene: Scene) -> int:
    """Let the customer write all the time, also while the session is renewed; return how often."""
    for number in range(60):
        await scene.customer.send(f"n {number}", scene.business)
        await asyncio.sleep(0.1)
    return 60
