"""A real library and a simulated WhatsApp: what becomes an event, and which signs the phone itself gives."""

import sqlite3
from contextlib import closing

from integration.tenant.scene import ACCOUNT, CUSTOMER, INSTANCE, ORGANIZATION, Scene, send_request, until

from oxy_core import subjects
from oxy_core.envelopes import Lane, ResumeRequest, SendOutcome, SendRequest
from oxy_core.event_names import PHONE_OFFLINE
from oxy_core.report_bodies import InstanceEvent
from oxy_simulator.faultkind import FaultKind

DAY = 86_400.0


async def told(scene: Scene) -> list[str]:
    return [report.body.name for report in await scene.bus.stored() if isinstance(report.body, InstanceEvent)]


async def has_told(scene: Scene, *names: str) -> None:
    async def all_told() -> bool:
        return await told(scene) == list(names)

    await until(all_told, 20, f"{names} told")


def age_phone(scene: Scene, days: float) -> None:
    """As if the phone's last sign were so many days older, and what was sent two days."""
    with closing(sqlite3.connect(scene.runtime.session / "journal.db")) as journal, journal:
        journal.execute("UPDATE event_marks SET value = value - ? WHERE name = 'phone_seen'", (days * DAY,))
        journal.execute("UPDATE sends SET ended_at = ended_at - ?", (2 * DAY,))


def seen_days_ago(scene: Scene) -> float:
    with closing(sqlite3.connect(scene.runtime.session / "journal.db")) as journal:
        query = "SELECT (unixepoch('now') - value) / 86400.0 FROM event_marks WHERE name = 'phone_seen'"
        found: float = journal.execute(query).fetchone()[0]
        return found


def attempts_at(scene: Scene, request: SendRequest) -> int:
    """How often a request was certainly refused."""
    with closing(sqlite3.connect(scene.runtime.session / "journal.db")) as journal:
        query = "SELECT attempts FROM sends WHERE request_id = ? AND state = 'accepted'"
        return int((journal.execute(query, (str(request.id),)).fetchone() or (0,))[0])


async def test_a_lock_of_whatsapp_is_told_once_and_what_the_phone_confirms_is_a_sign_of_it(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    await has_told(scene, "whatsapp:credentials_saved")
    await scene.business.fault(FaultKind.REFUSE, peer=CUSTOMER, count=1, code=463)
    unasked = send_request(chat, "Amanhã é dia de banho!", lane=Lane.AUTOMATION)
    await scene.bus.request(unasked)
    await has_told(scene, "whatsapp:credentials_saved", "whatsapp:reachout_locked")

    # Who writes meanwhile may be answered, so what waits for him is sent; that says nothing of the lock.
    await scene.customer.send("E aí?", scene.business)
    assert (await scene.result(unasked)).outcome is SendOutcome.SENT
    await scene.business.fault(FaultKind.REFUSE, peer=CUSTOMER, count=1, code=463)
    unasked = send_request(chat, "Até amanhã!", lane=Lane.AUTOMATION)
    await scene.bus.request(unasked)
    await until(lambda: attempts_at(scene, unasked) == 1, 20, "a refusal")
    # A person lets the number go on: what waits is tried at once.
    resumed = ResumeRequest(organization=ORGANIZATION, instance=INSTANCE, resumption=1)
    await scene.bus.client.publish(subjects.out(ACCOUNT, INSTANCE), resumed.encode())
    assert (await scene.result(unasked)).outcome is SendOutcome.SENT
    events = ["whatsapp:credentials_saved", "whatsapp:reachout_locked", "whatsapp:reachout_unlocked"]
    await has_told(scene, *events)
    await scene.business.fault(FaultKind.REFUSE, peer=CUSTOMER, count=1, code=463)
    unasked = send_request(chat, "Não se esqueça!", lane=Lane.AUTOMATION)
    await scene.bus.request(unasked)
    await has_told(scene, *events, "whatsapp:reachout_locked")

    # The next process knows, and finds out at once whether it is over. Meanwhile the phone has been away.
    await scene.runtime.kill()
    age_phone(scene, 9)
    await scene.runtime.start()
    assert (await scene.result(unasked)).outcome is SendOutcome.SENT

    async def unlocked() -> bool:
        return (await told(scene)).count("whatsapp:reachout_unlocked") == len(events) - 1

    await until(unlocked, 20, "the end of the lock")
    # The phone confirms what is sent from here, so it is there again.
    await until(lambda: seen_days_ago(scene) < 1, 20, "a sign of the phone")

    # And then it is away for good.
    for aged, days in ((10.5, [10]), (2, [10, 12])):
        await scene.runtime.kill()
        age_phone(scene, aged)
        await scene.runtime.start(OXY_RECEIPT_WAIT="0.1")  # a connection has settled after ten times that
        await until(lambda days=days: are_told_absent(scene, days), 30, f"the phone away for {days} days")
        await until(lambda days=days: scene.bus.states[-1].phone_offline_days == days[-1], 30, "a state that says so")
    await scene.business.send("voltei", CUSTOMER)
    await until(lambda: seen_days_ago(scene) < 1, 20, "a sign of the phone")
    await until(lambda: scene.bus.states[-1].phone_offline_days == 0, 20, "a state without a word of it")


async def are_told_absent(scene: Scene, days: list[int]) -> bool:
    bodies = [report.body for report in await scene.bus.stored() if isinstance(report.body, InstanceEvent)]
    return [body.facts["days"] for body in bodies if body.name == PHONE_OFFLINE] == days
