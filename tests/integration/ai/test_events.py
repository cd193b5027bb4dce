"""What happens to instances is on OXY_EVENTS: once, with its place, and without what people wrote."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import pytest
from integration.ai.scene import CUSTOMER, FakePod, Scene, settings_of, until

from oxy_ai.database import connected_pool
from oxy_ai.events.publishing import EventPublisher
from oxy_core import event_names, subjects
from oxy_core.envelopes import ConnectionChanged, ConnectionState
from oxy_core.events import Event
from oxy_core.identity import Jid
from oxy_core.jetstream import EVENTS_STREAM
from oxy_core.report_bodies import InstanceEvent, MessageLost
from oxy_core.tasks import end_tasks

MOMENT = datetime(2031, 3, 3, 12, tzinfo=UTC)
LOST = MessageLost(
    whatsapp_id="3EB0", chat=Jid.of_phone(CUSTOMER), sender=Jid.of_phone(CUSTOMER), found_by="store", sent_at=MOMENT
)


async def events(scene: Scene) -> list[Event]:
    """Everything on the stream, each on its subject."""
    jetstream = scene.client.jetstream()
    info = await jetstream.stream_info(EVENTS_STREAM)
    found = [await jetstream.get_msg(EVENTS_STREAM, place) for place in range(1, info.state.last_seq + 1)]
    read = [Event.decode(message.data or b"") for message in found]
    assert [message.subject for message in found] == [event.subject for event in read]
    return read


async def until_events(scene: Scene, count: int) -> list[Event]:
    async def enough() -> list[Event] | None:
        found = await events(scene)
        return found if len(found) >= count else None

    return await until(enough)


def happened(number: int) -> InstanceEvent:
    return InstanceEvent(name="whatsapp:something_new", at=MOMENT, facts={"number": number})


async def test_each_report_of_an_event_is_published_once(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(), scene.worker():
        await scene.known(pod.settings)
        pod.report(ConnectionChanged(state=ConnectionState.CONNECTED))
        again = pod.report(InstanceEvent(name=event_names.PHONE_OFFLINE, at=MOMENT, facts={"days": 10}))
        pod.report(LOST)
        pod.report(ConnectionChanged(state=ConnectionState.RECONNECTING, reason="ConnectionLost"))
        pod.report(ConnectionChanged(state=ConnectionState.ENDED, reason="LoggedOut"))
        pod.report(happened(1))
        # What a pod calls as the platform calls its own is no more than another event.
        pod.report(InstanceEvent(name=event_names.EVENTS_DROPPED, at=MOMENT, facts={"organization": "x", "event": "y"}))
        await until_events(scene, 7)
        # A pod publishes its journal again; the stream has forgotten the reports, but nobody tells twice.
        subject = subjects.inbound(pod.settings.account, pod.settings.instance)
        await scene.client.jetstream().publish(subject, again.encode())
        pod.report(happened(2))
        found = sorted(await until_events(scene, 8), key=lambda event: event.journal_sequence)
        await asyncio.sleep(1.5)  # a second one would come with the next look
        assert len(await events(scene)) == 8
    assert [(event.name, dict(event.facts)) for event in found] == [
        ("whatsapp:connected", {}),
        ("whatsapp:phone_offline", {"days": 10}),
        ("whatsapp:message_lost", {"whatsapp_id": "3EB0", "found_by": "store", "from_me": False}),
        ("whatsapp:disconnected", {"reason": "ConnectionLost", "final": False}),
        ("whatsapp:disconnected", {"reason": "LoggedOut", "final": True}),
        ("whatsapp:something_new", {"number": 1}),
        ("events:dropped", {"organization": "x", "event": "y"}),
        ("whatsapp:something_new", {"number": 2}),
    ]
    assert {(event.organization, event.instance) for event in found} == {("petshop", "main")}
    assert found[1].at == MOMENT
    assert CUSTOMER[1:] not in json.dumps([event.model_dump(mode="json") for event in found])


async def reported(scene: Scene, pod: FakePod, count: int) -> None:
    """Have a worker store so many events, none of which is published."""
    async with scene.worker(events_check_seconds=3_600):
        await scene.known(pod.settings)
        pod.report(happened(0))
        await until(lambda: scene.query("select from event_queue"))
        await scene.query("delete from event_queue")
        for number in range(count):
            pod.report(happened(number))
        await until(lambda: scene.query("select from event_queue having count(*) >= $1", count))
    await scene.query("update event_queue set published_at = null")
    await scene.query("update event_publisher set held_until = '-infinity'")
    await scene.client.jetstream().purge_stream(EVENTS_STREAM)


async def test_whoever_dies_between_the_bus_and_the_database_neither_loses_nor_doubles_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await reported(scene, pod, 5)

    async def dies(_: EventPublisher, published: Sequence[int]) -> None:
        message = f"killed after {len(published)}"
        raise asyncpg.InterfaceError(message)

    settings = scene.settings(events_batch=3, events_lease_seconds=0.2, events_check_seconds=0.05)
    async with connected_pool(scene.database_url, connections=2) as pool:
        with monkeypatch.context() as patched:
            patched.setattr(EventPublisher, "_note", dies)
            with pytest.raises(asyncpg.InterfaceError, match="killed after 3"):
                await EventPublisher(scene.client, pool, settings).run()
        publishers = [EventPublisher(scene.client, pool, settings) for _ in range(3)]
        tasks = [asyncio.create_task(publisher.run()) for publisher in publishers]
        await until(lambda: scene.query("select from event_queue having count(*) = count(published_at)"))
        await end_tasks(*tasks)
    info = await scene.client.jetstream().stream_info(EVENTS_STREAM)
    first = info.state.first_seq
    found = [
        Event.decode((await scene.client.jetstream().get_msg(EVENTS_STREAM, place)).data or b"")
        for place in range(first, info.state.last_seq + 1)
    ]
    assert [event.facts["number"] for event in found] == [0, 1, 2, 3, 4]


async def test_events_are_forgotten_only_when_their_reports_come_no_more(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await reported(scene, pod, 3)
    await scene.query("update event_queue set published_at = now() where document #>> '{facts,number}' <> '0'")
    await scene.query("update event_queue set stored_at = now() - interval '9 days' where number % 2 = 0")
    await scene.query("update event_queue set stored_at = now() - interval '11 days' where number % 2 = 1")
    before = await scene.value("select array_agg(number order by number) from event_queue where number % 2 = 0")
    unpublished = await scene.value("select count(*) from event_queue where published_at is null and number % 2 = 1")
    await scene.query("select drop_old_events('10 days')")
    assert await scene.value("select array_agg(number order by number) from event_queue") == before
    # What could not be published for so long is counted.
    assert await scene.value("select coalesce(sum(dropped), 0) from event_allowance") == unpublished


async def test_an_instance_that_tells_too_much_is_cut_short_and_the_count_is_told(scene: Scene) -> None:
    pod, neighbour = await scene.pod(settings_of("petshop")), await scene.pod(settings_of("petshop", "other"))
    async with scene.worker(events_at_once=3, events_per_hour=1, events_check_seconds=3_600):
        for each in (pod, neighbour):
            await scene.known(each.settings)
        for number in range(8):
            pod.report(happened(number))
        neighbour.report(happened(99))
        await until(lambda: scene.query("select from event_queue having count(*) >= 9"))
    await scene.client.jetstream().purge_stream(EVENTS_STREAM)
    await scene.query("update event_queue set published_at = null, granted = null")
    await scene.query("delete from event_queue where document ->> 'name' = 'events:dropped'")
    await scene.query("delete from event_allowance")
    settings = scene.settings(events_at_once=3, events_per_hour=1, events_check_seconds=0.05, events_lease_seconds=0.2)
    async with connected_pool(scene.database_url, connections=2) as pool:

        async def told(count: int) -> list[tuple[str, object]]:
            running = asyncio.create_task(EventPublisher(scene.client, pool, settings).run())
            try:
                await until(
                    lambda: scene.query("select from event_queue where published_at is null having count(*) = 0")
                )
                found = await until_from(scene, count)
            finally:
                await end_tasks(running)
            await scene.client.jetstream().purge_stream(EVENTS_STREAM)
            return [(event.instance, event.facts.get("number", event.facts.get("count"))) for event in found]

        assert sorted(await told(5)) == [("main", 0), ("main", 1), ("main", 2), ("main", 5), ("other", 99)]
        # An hour later one more is allowed; what was dropped stays so, though its journal is published again.
        await scene.query("update event_allowance set counted_at = counted_at - interval '1 hour'")
        await scene.query("update event_allowance set told_at = told_at - interval '2 hours'")
        await scene.query(
            "update event_queue set granted = null, published_at = null "
            "where document #>> '{facts,number}' in ('6', '7')"
        )
        assert sorted(await told(2)) == [("main", 1), ("main", 6)]
        # A clock that was put back by a day keeps no count for a day.
        await scene.query(
            "update event_allowance set told_at = told_at + interval '1 day', dropped = 3 where told_at > '-infinity'"
        )
        assert await told(1) == [("main", 3)]


async def until_from(scene: Scene, count: int) -> list[Event]:
    """What is on the stream since it was purged."""

    async def enough() -> list[Event] | None:
        jetstream = scene.client.jetstream()
        state = (await jetstream.stream_info(EVENTS_STREAM)).state
        if state.messages < count:
            return None
        places = range(state.first_seq, state.last_seq + 1)
        return [Event.decode((await jetstream.get_msg(EVENTS_STREAM, place)).data or b"") for place in places]

    return await until(enough)
