from datetime import UTC, datetime, timedelta

import pytest

from oxy_cli.commands.status import COLUMNS, NAMESPACED_COLUMNS, overlay_rows
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
