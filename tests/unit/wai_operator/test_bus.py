from datetime import timedelta

import pytest
from unit.wai_operator.making import NOW, Json, live

from oxy_operator.decide.live_state import is_news
from oxy_operator.decide.ownership_problems import organization_name
from oxy_operator.ownership.organizations import organization_config_map


@pytest.mark.parametrize(
    "changes",
    [
        {"heartbeat_at": NOW},
        {"session_bytes": 9},
        {"session": {"messages": 8, "peers": 3, "checked_at": NOW}},
        {"last_activity_at": NOW + timedelta(minutes=4)},
    ],
)
def test_a_heartbeat_is_no_news(changes: Json) -> None:
    assert not is_news(live(last_activity_at=NOW), live(**{"last_activity_at": NOW, **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {"connection": "connected"},
        {"attempts": 1},
        {"last_reason": "ConnectionLost"},
        {"pod_uid": "another"},
        {"epoch": 3},
        {"jid": "5511987650000@s.whatsapp.net"},
        {"next_attempt_at": NOW},
        {"last_activity_at": NOW + timedelta(minutes=5)},
        {"session": {"linked_at": NOW}},
        {"session": {"restored_at": NOW}},
        {"session": {"set_aside_bytes": 9}},
        {"pairing": {"method": "QRCode", "qr": "2@x", "expires_at": NOW}},
    ],
)
def test_everything_else_is_news(changes: Json) -> None:
    assert is_news(live(last_activity_at=NOW), live(**{"last_activity_at": NOW, **changes}))


def test_the_first_activity_is_news() -> None:
    assert is_news(live(), live(last_activity_at=NOW))


def test_each_organization_is_bound_by_its_own_config_map() -> None:
    made = organization_config_map("paws", namespace="shops", operator_namespace="oxy")
    assert made["metadata"]["namespace"] == "oxy"
    assert made["metadata"]["name"] == organization_name("paws") != organization_name("claws")
    assert made["data"] == {"organization": "paws", "namespace": "shops"}
    assert "ownerReferences" not in made["metadata"]
