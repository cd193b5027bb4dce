from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oxy_cli.cluster import Cluster
from oxy_cli.commands.status import COLUMNS, NAMESPACED_COLUMNS, overlay_rows, status
from oxy_cli.instance import InstanceView

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
INSTANCE = InstanceView.of(
    {
        "metadata": {
            "namespace": "shops",
            "name": "shop",
            "creationTimestamp": (NOW - timedelta(hours=3)).isoformat(),
        },
        "spec": {"organizationId": "org", "phoneNumber": "+5511987654321"},
        "status": {
            "phase": "Reconnecting",
            "conditions": [{"type": "Ready", "status": "False", "reason": "ConnectionLost"}],
            "reconnect": {"attempts": 4},
        },
    }
)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("NAMESPACE", "shops"),
        ("NAME", "shop"),
        ("ORG", "org"),
        ("PHONE", "…4321"),
        ("PHASE", "Reconnecting"),
        ("READY", "False"),
        ("REASON", "ConnectionLost"),
        ("ATTEMPTS", "4"),
        ("AGE", "3h"),
    ],
)
def test_each_column_shows_its_field(column: str, cell: str) -> None:
    assert NAMESPACED_COLUMNS[column](INSTANCE, NOW) == cell


def test_the_namespace_is_a_column_only_where_there_are_several() -> None:
    assert list(NAMESPACED_COLUMNS) == ["NAMESPACE", *COLUMNS]


def test_what_an_owner_has_changed_stands_beside_what_the_resource_says() -> None:
    paused = {"field": "ai.paused", "resource": False, "in_force": True, "made_by": "contact:2", "made_at": "now"}
    live = {"field": "ai.mode", "resource": "Only", "in_force": "Live", "made_by": "contact:2", "made_at": "now"}
    assert overlay_rows([paused, {**live, "until": "tomorrow"}]) == [
        ["ai.paused", "no", "yes", "contact:2", "now", ""],
        ["ai.mode", "Only", "Live", "contact:2", "now", "tomorrow"],
    ]


class Everywhere:
    """Stands for a cluster whose only instance is frozen."""

    def instances(self, *, everywhere: bool) -> list[dict[str, Any]]:
        assert everywhere
        frozen = {"type": "Frozen", "status": "True", "reason": "Frozen", "message": "By order of ana."}
        made = {"namespace": "shops", "name": "shop", "creationTimestamp": NOW.isoformat()}
        spec = {"organizationId": "org", "phoneNumber": "+5511987654321"}
        return [{"metadata": made, "spec": spec, "status": {"conditions": [frozen]}}]


def test_the_command_that_tells_of_a_freeze_works_from_any_namespace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Cluster, "connect", lambda *_: Everywhere())
    status(everywhere=True)
    assert "Frozen, so nothing is sent: shop. `oxy status shop -n shops` says why." in capsys.readouterr().out
