from typing import Any

import pytest

from oxy_dev.kubectl import unready

METADATA = {"namespace": "oxy", "name": "oxy-nats-0"}
PULL = {"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
CRASH = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}
UNSCHEDULED = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}, None),
        ({"phase": "Succeeded", "conditions": [{"type": "Ready", "status": "False"}]}, None),
        ({"phase": "Pending", "containerStatuses": [PULL]}, "oxy/oxy-nats-0: Pending; no such image"),
        ({"phase": "Running", "containerStatuses": [CRASH]}, "oxy/oxy-nats-0: Running; CrashLoopBackOff"),
        ({"phase": "Pending", "conditions": [UNSCHEDULED]}, "oxy/oxy-nats-0: Pending; 0/1 nodes are available"),
        ({}, "oxy/oxy-nats-0: Unknown"),
    ],
)
def test_a_pod_that_is_not_ready_is_shown_with_its_reason(status: dict[str, Any], line: str | None) -> None:
    assert unready({"metadata": METADATA, "status": status}) == line
