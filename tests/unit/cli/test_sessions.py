"""Which volumes of deleted instances `oxy sessions prune` offers for deletion."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oxy_cli.commands.session_pruning import orphans
from oxy_cli.session_view import SessionView

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def left(epoch: str | None = "3", *, paired: bool = True) -> SessionView:
    annotations = {"oxy.dev/paired": str(paired).lower()} | ({"oxy.dev/epoch": epoch} if epoch else {})
    labels = {"oxy.dev/instance": "shop", "oxy.dev/organization": "acme"}
    named = {"namespace": "shops", "name": "wai-shop-session", "uid": "u", "creationTimestamp": NOW.isoformat()}
    return SessionView.of_claim({"metadata": {**named, "labels": labels, "annotations": annotations}})


def backup(epoch: int, stored_at: datetime, instance: str = "shop") -> dict[str, Any]:
    return {"organization": "acme", "instance": instance, "epoch": epoch, "storedAt": stored_at.isoformat()}


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
    ],
)
def test_a_volume_goes_only_if_a_backup_replaces_its_session(
    session: SessionView, backups: list[dict[str, Any]], *, deletable: bool
) -> None:
    (found,) = orphans([session], backups)
    assert (found.kept_because is None) is deletable
