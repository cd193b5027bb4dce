"""Refusals of clients are bounded, and nobody pushes out another's for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from oxy_operator.decide.client import ClientRefusal
from oxy_operator.errors import MissingError
from oxy_operator.kube.client import Kubernetes
from oxy_operator.kube.client_refusals import MOST_KEPT, ClientRefusals

START = datetime(2031, 3, 3, 12, tzinfo=UTC)


class OneConfigMap:
    """An API server that holds nothing else."""

    def __init__(self) -> None:
        self.data: dict[str, str] | None = None
        self.writes = 0

    async def merge(self, _kind: object, _namespace: str, _name: str, body: dict[str, Any]) -> None:
        if self.data is None:
            raise MissingError(404, "not found")
        self.writes += 1
        changed = {**self.data, **body["data"]}
        self.data = {key: value for key, value in changed.items() if value is not None}

    async def create(self, _kind: object, _namespace: str, body: dict[str, Any]) -> None:
        self.writes += 1
        self.data = body["data"]


def of_image(number: int, at: datetime) -> ClientRefusal:
    return ClientRefusal("", f"registry.example/own:{number}", at)


async def test_images_that_tenants_choose_push_out_no_version_and_come_to_rest() -> None:
    server, news = OneConfigMap(), list[int]()
    refusals = ClientRefusals(cast("Kubernetes", server), "oxy", lambda: news.append(1))
    version = ClientRefusal("2.3000.1", "registry.example/tenant:1", START)
    await refusals.note(version)
    for round_ in range(5):
        for number in range(MOST_KEPT + 5):  # each reconcile of an instance that met one notes it
            await refusals.note(of_image(number, START + timedelta(hours=1 + round_, seconds=number)))
    assert version in refusals.known
    assert len(refusals.known) == MOST_KEPT + 1
    assert server.data is not None
    assert len(server.data) == MOST_KEPT + 1
    assert server.writes == len(news) == MOST_KEPT + 6, "each is written once"


async def test_the_oldest_version_makes_room_for_a_newer_one() -> None:
    server = OneConfigMap()
    refusals = ClientRefusals(cast("Kubernetes", server), "oxy", lambda: None)
    found = [ClientRefusal(f"2.3000.{number}", "", START + timedelta(days=number)) for number in range(MOST_KEPT + 1)]
    for refusal in found:
        await refusals.note(refusal)
    assert set(refusals.known) == set(found[1:])
