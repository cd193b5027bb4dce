"""A request that fails, and what is done in spite of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from aiohttp import web
from integration.wai_operator.scene import WITHIN
from integration.wai_operator.scripted import Scripted, scripted
from kubernetes.aio.client import Configuration
from unit.wai_operator.making import UID, instance, record, waiting

from oxy_core.instance.custom_resource import BACKUP_ANNOTATION, EPOCH_ANNOTATION, FINALIZER, REPAIR_ANNOTATION
from oxy_core.tasks import end_tasks
from oxy_dev.servers import free_port
from oxy_operator.decide.warnings import Warned
from oxy_operator.errors import ApiError, ConflictError, ResourceError
from oxy_operator.kube.cache import ChildCache
from oxy_operator.kube.client import connected
from oxy_operator.kube.reflector import Reflector
from oxy_operator.objects import CLAIMS, CONFIG_MAPS, SECRETS, STATEFUL_SETS

CLAIM = "wai-petshop-session"
REFERENCE = "GET configmaps/bundle"
STATUS = "PATCH whatsappinstances/petshop/status"
REFERS = {"network": {"caBundleConfigMapRef": {"name": "bundle"}}}


def applications() -> set[str]:
    """The requests that apply all children."""
    children = {f"PATCH {kind}/wai-petshop" for kind in ("configmaps", "secrets", "networkpolicies", "statefulsets")}
    return {f"PATCH persistentvolumeclaims/{CLAIM}", *children}


def epoch_applied(scene: Scripted) -> str:
    body = scene.server.bodies[f"PATCH persistentvolumeclaims/{CLAIM}"]
    return str(body["metadata"]["annotations"][EPOCH_ANNOTATION])


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scripted]:
    async with scripted(tmp_path) as made:
        yield made


async def test_a_reference_that_cannot_be_read_keeps_no_child_from_being_applied(scene: Scripted) -> None:
    scene.put(**REFERS)
    scene.start_pod(epoch=1, state=waiting("ContainerCreating"))
    scene.server.refuse(REFERENCE, HTTPStatus.INTERNAL_SERVER_ERROR)
    with pytest.raises(ApiError):
        await scene.reconcile()
    assert applications() <= set(scene.server.requests[: scene.server.requests.index(REFERENCE)])


@pytest.mark.parametrize("deleted", [False, True])
async def test_references_of_a_spec_that_is_not_applied_are_not_read(scene: Scripted, *, deleted: bool) -> None:
    spec = {"deleted_at": datetime.now(UTC)} if deleted else {"timezone": "Mars/Olympus"}
    scene.put(finalizers=[FINALIZER], **REFERS, **spec)
    scene.start_pod(epoch=1, state=waiting("ImagePullBackOff"))
    scene.server.refuse(REFERENCE, HTTPStatus.INTERNAL_SERVER_ERROR)
    assert await scene.reconcile() is not None
    assert REFERENCE not in scene.server.requests


PROXIED = {"network": {"proxySecretRef": {"name": "proxy"}}}
UNREADABLE = {"runtime": {"resources": {"limits": {"memory": -1}}}}
NOBODYS = {"phoneNumber": "1"}


@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        ({"suspend": True, "timezone": "Mars/Olympus"}, False),
        ({"suspend": True}, True),
        (PROXIED, True),
        ({"suspend": True, **UNREADABLE}, False),
        ({"suspend": True, **NOBODYS}, False),
        (PROXIED | NOBODYS, False),
    ],
)
async def test_a_pod_ends_that_is_paused_or_connects_past_a_proxy_whatever_else_is_wrong(
    scene: Scripted, spec: dict[str, object], *, refused: bool
) -> None:
    applied, answers = "PATCH statefulsets/wai-petshop", [HTTPStatus.OK]
    scene.put(**spec)
    scene.observe_child(CLAIMS, CLAIM, **record(epoch=1).annotations)
    scene.observe_child(STATEFUL_SETS, "wai-petshop")
    if refused:
        answers.append(HTTPStatus.UNPROCESSABLE_ENTITY)
        scene.server.reactions[applied] = lambda: answers.pop() if len(answers) > 1 else answers[0]
    with pytest.raises(ResourceError, match="phoneNumber") if "phoneNumber" in spec else nullcontext():
        await scene.reconcile()
    assert scene.server.bodies[applied] == {"metadata": {"uid": UID}, "spec": {"replicas": 0}}
    assert scene.server.requests.count(applied) == 1 + refused


async def test_what_a_spec_says_that_cannot_be_read_is_shown_and_told(scene: Scripted) -> None:
    scene.put(**UNREADABLE)
    scene.observe_child(CLAIMS, CLAIM, **record(epoch=1, paired=True).annotations)
    scene.observe_child(STATEFUL_SETS, "wai-petshop")
    assert await scene.reconcile() is not None
    field = "spec.runtime.resources.limits.memory: this version of Oxy cannot use what is there"
    ready = next(made for made in scene.server.bodies[STATUS]["status"]["conditions"] if made["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "SpecUnreadable")
    assert ready["message"].startswith(field)
    told = scene.server.bodies["POST events"]
    assert told["reason"] == "SpecUnreadable"
    assert told["note"].startswith(field)
    assert "PATCH statefulsets/wai-petshop" not in scene.server.requests


async def test_an_instance_whose_spec_cannot_be_read_can_be_deleted(scene: Scripted) -> None:
    scene.put(deleted_at=datetime.now(UTC), finalizers=[FINALIZER], **UNREADABLE)
    scene.observe_child(STATEFUL_SETS, "wai-petshop")
    await scene.reconcile()
    assert "DELETE statefulsets/wai-petshop" in scene.server.requests


async def test_a_pairing_secret_that_cannot_be_removed_keeps_no_child_from_being_applied(scene: Scripted) -> None:
    scene.put(suspend=True)
    scene.observe_child(CLAIMS, CLAIM, **record(epoch=1).annotations)
    scene.observe_child(SECRETS, "wai-petshop-pairing")
    scene.server.refuse("DELETE secrets/wai-petshop-pairing", HTTPStatus.CONFLICT)
    with pytest.raises(ConflictError):
        await scene.reconcile()
    assert applications() <= set(scene.server.requests)


async def test_a_pod_that_cannot_be_noticed_keeps_nothing_waiting(scene: Scripted) -> None:
    scene.put(annotations={BACKUP_ANNOTATION: "n1"})
    scene.observe_child(CLAIMS, CLAIM, **record(epoch=1).annotations)
    scene.observe_child(SECRETS, "wai-petshop-pairing")
    scene.start_pod(epoch=1)
    scene.server.refuse("PATCH pods/wai-petshop-0", HTTPStatus.FORBIDDEN)
    assert await scene.reconcile() is not None
    assert {"PATCH pods/wai-petshop-0", "DELETE secrets/wai-petshop-pairing"} <= set(scene.server.requests)


async def test_of_causes_without_end_the_last_ones_are_remembered(
    scene: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oxy_operator.kube.event_recorder.MOST_COUNTED", 3)
    recorder = scene.reconciler._recorder  # noqa: SLF001 the reconciler's own
    for number in (0, 1, 2, 3, 1, 0):
        await recorder.record(instance(), Warned(f"Cause{number}", "x"))
        assert len(recorder._written) <= 3  # noqa: SLF001 what it remembers
    assert scene.server.requests.count("POST events") == 5


async def test_people_hear_of_what_the_status_cannot_say_yet(scene: Scripted) -> None:
    scene.put(timezone="Mars/Olympus")
    scene.server.refuse(STATUS, HTTPStatus.INTERNAL_SERVER_ERROR)
    scene.server.refuse("POST events", HTTPStatus.INTERNAL_SERVER_ERROR)
    for _ in range(2):
        with pytest.raises(ApiError):
            await scene.reconcile()
    told = [request for request in scene.server.requests if request in {STATUS, "POST events"}]
    assert told == ["POST events", STATUS] * 2
    scene.server.reactions.clear()
    for _ in range(2):
        await scene.reconcile()
    assert scene.server.requests.count("POST events") == 3


async def test_a_record_that_was_written_is_remembered_though_a_child_then_fails(scene: Scripted) -> None:
    scene.put(annotations={REPAIR_ANNOTATION: "n1"})
    scene.observe_child(CLAIMS, CLAIM, **record(epoch=1).annotations)
    scene.server.refuse("PATCH configmaps/wai-petshop", HTTPStatus.INTERNAL_SERVER_ERROR)
    with pytest.raises(ApiError):
        await scene.reconcile()
    assert epoch_applied(scene) == "2"
    # Somebody removes the claim's annotations; no pod template keeps the epoch yet.
    scene.observe_child(CLAIMS, CLAIM)
    scene.server.reactions.clear()
    await scene.reconcile()
    assert epoch_applied(scene) == "2"


async def test_answers_of_a_form_that_nobody_foresaw_end_no_reflector() -> None:
    answers = ["no JSON", "null", '{"metadata": {}}', '{"metadata": {"resourceVersion": "1"}, "items": [{}]}']
    answers.append('{"metadata": {"resourceVersion": "1"}, "items": []}')

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=answers.pop(0) if len(answers) > 1 else answers[0])

    async with reflecting(answer) as (reflector, running):
        await asyncio.wait_for(reflector.synced.wait(), WITHIN)
        assert not running.done()


async def test_a_watch_of_what_nobody_changes_goes_on_without_another_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxy_operator.kube.client.SILENCE_SECONDS", 0.1)
    requests: list[str] = []
    watched = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            requests.append("list")
            return web.json_response({"metadata": {"resourceVersion": "7"}, "items": []})
        requests.append(f"watch from {request.query['resourceVersion']}")
        if len(requests) > 3:
            watched.set()
        response = web.StreamResponse()
        await response.prepare(request)
        await watched.wait()
        return response

    async with reflecting(answer):
        await asyncio.wait_for(watched.wait(), WITHIN)
    assert requests[:4] == ["list", *["watch from 7"] * 3]


@asynccontextmanager
async def reflecting(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[tuple[Reflector, asyncio.Task[None]]]:
    """Follow config maps of an API server that gives these answers."""
    application, port = web.Application(), free_port()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with connected(Configuration(host=f"http://127.0.0.1:{port}")) as api:
            reflector = Reflector(api, CONFIG_MAPS, "", ChildCache(CONFIG_MAPS), lambda _: None)
            running = asyncio.create_task(reflector.run())
            try:
                yield reflector, running
            finally:
                await end_tasks(running)
    finally:
        await runner.cleanup()
