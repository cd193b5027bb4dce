"""Which volumes of deleted instances `oxy sessions prune` offers for deletion."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oxy_cli.commands.session_pruning import orphans
from oxy_cli.session_view import SessionView

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def left(
    epoch: str | None = "3", *, paired: bool = True, namespace: str = "shops", since: datetime = NOW
) -> SessionView:
    annotations = {"oxy.dev/paired": str(paired).lower()} | ({"oxy.dev/epoch": epoch} if epoch else {})
    labels = {"oxy.dev/instance": "shop", "oxy.dev/organization": "acme"}
    named = {"name": "wai-shop-session", "uid": "u", "namespace": namespace, "creationTimestamp": since.isoformat()}
    return SessionView.of_claim({"metadata": {**named, "labels": labels, "annotations": annotations}})


def backup(epoch: int, stored_at: datetime, instance: str = "shop", *, volume: str | None = None) -> dict[str, Any]:
    made = {"organization": "acme", "instance": instance, "epoch": epoch, "storedAt": stored_at.isoformat()}
    return made | ({"volume": volume} if volume else {})


@pytest.mark.parametrize(
    ("session", "backups", "deletable"),
    [
        (left(), [], False),
        (left(), [backup(3, NOW + DAY)], True),
        (left(), [backup(2, NOW + DAY)], False),  # of the device before, which is no longer linked
        (left(), [backup(3, NOW - DAY)], False),  # of an earlier claim
        (left(), [backup(3, NOW + DAY, "other")], False),
        (left(None), [backup(3, NOW + DAY)], False),
        (left(paired=False), [], True),
        (left(), [backup(3, NOW + DAY, volume="u")], True),
        (left(), [backup(3, NOW + DAY, volume="of the next namespace")], False),
        (left(), [backup(2, NOW + DAY, volume="u")], False),
    ],
)
def test_a_volume_goes_only_if_a_backup_replaces_its_session(
    session: SessionView, backups: list[dict[str, Any]], *, deletable: bool
) -> None:
    (found,) = orphans([session], backups)
    assert (found.kept_because is None) is deletable


@pytest.mark.parametrize(("stored_after", "deletable"), [(1, True), (3, False)])
def test_what_an_instance_that_moved_has_backed_up_since_replaces_no_volume_that_it_left(
    stored_after: int, *, deletable: bool
) -> None:
    """An older pod made it, which did not say on which volume: epochs are counted by claim."""
    moved = left(namespace="elsewhere", since=NOW + 2 * DAY)
    backups = [backup(3, NOW + stored_after * DAY)]
    (found,) = orphans([left()], backups, everywhere=[left(), moved])
    assert (found.kept_because is None) is deletable
