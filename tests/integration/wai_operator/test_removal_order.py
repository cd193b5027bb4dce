"""A pod that appears while its instance is being removed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from integration.wai_operator.scripted import Scripted, scripted
from structlog.testing import capture_logs
from unit.wai_operator.making import PHONE, record
from unit.wai_operator.test_sessions import backup

from oxy_core.instance.custom_resource import FINALIZER
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.decide.ownership_problems import number_name
from oxy_operator.decide.removal import RELEASE_AFTER
from oxy_operator.decide.requeue import WAIT_SECONDS
from oxy_operator.objects import CLAIMS, STATEFUL_SETS

STATEFUL_SET = "DELETE statefulsets/wai-petshop"
NUMBER = f"GET configmaps/{number_name(PHONE)}"


def being_removed(scene: Scripted, *, since: timedelta) -> None:
    """Delete an instance whose pod the controller has not created yet; it does so just before the workload goes."""
    scene.put(finalizers=[FINALIZER], deleted_at=datetime.now(UTC) - since)
    scene.observe_child(STATEFUL_SETS, "wai-petshop")

    def create_pod() -> HTTPStatus:
        scene.start_pod()
        return HTTPStatus.OK

    scene.server.reactions[STATEFUL_SET] = create_pod


async def test_a_pod_that_appears_while_its_workload_is_deleted_is_waited_for(tmp_path: Path) -> None:
    async with scripted(tmp_path) as scene:
        being_removed(scene, since=timedelta())
        with capture_logs() as logs:
            assert await scene.reconcile() == WAIT_SECONDS
        assert scene.server.requests == [STATEFUL_SET]
        # The bus is down, so forgetting the account would have failed and been logged.
        assert "account_not_removed" not in [entry["event"] for entry in logs]


@pytest.mark.parametrize("appears", [True, False])
async def test_such_a_pod_keeps_the_number_even_when_the_deletion_is_overdue(tmp_path: Path, appears: bool) -> None:  # noqa: FBT001 a table's column
    async with scripted(tmp_path) as scene:
        being_removed(scene, since=RELEASE_AFTER + timedelta(seconds=1))
        if not appears:
            del scene.server.reactions[STATEFUL_SET]
        assert await scene.reconcile() is None
        assert "PATCH whatsappinstances/petshop" in scene.server.requests
        assert (NUMBER in scene.server.requests) is not appears


async def test_a_session_is_not_deleted_for_a_backup_that_only_memory_knows(tmp_path: Path) -> None:
    keys = PlatformKeys.generate()
    async with scripted(tmp_path, keys=keys) as scene:
        deleted_at = datetime.now(UTC) - RELEASE_AFTER - timedelta(seconds=1)
        scene.put(finalizers=[FINALIZER], deleted_at=deleted_at, session={"deletionPolicy": "Delete"})
        scene.observe_child(CLAIMS, "wai-petshop-session", **record(epoch=2).annotations)
        known = replace(backup(epoch=2), stored_at=datetime.now(UTC) + timedelta(minutes=1))
        scene.bus.backups._held[keys.tenant_account("paws", "petshop").public] = (known,)  # noqa: SLF001 of before
        # The bus is down: somebody may have deleted it since.
        assert await scene.reconcile() is None
        assert "PATCH whatsappinstances/petshop" in scene.server.requests
        assert not any(request.startswith("DELETE persistentvolumeclaims") for request in scene.server.requests)
