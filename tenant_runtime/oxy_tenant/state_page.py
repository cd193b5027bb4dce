"""The page ``/state``: what the runtime is doing, for whoever looks into a pod. Pure.

Like ``/metrics`` it may be read by anybody in the cluster. So it shows only what is listed here, and none of that is
a number, a name, a text or a code of somebody.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from oxy_core.envelopes import LiveState
from oxy_tenant.journal.queue_depths import QueueDepth
from oxy_tenant.own_process import OwnProcess

SHOWN: Final = frozenset(
    {
        "organization",
        "instance",
        "pod_uid",
        "epoch",
        "heartbeat_at",
        "connection",
        "attempts",
        "next_attempt_at",
        "last_reason",
        "last_error",
        "receiving",
        "last_frame_at",
        "publish_refusal",
        "last_activity_at",
        "session_bytes",
        "messages_lost",
        "pairing_proof",
        "phone_offline_days",
        "reachout_locked_since",
        "session",
        "volume_problem",
        "volume_bytes",
        "volume_free_bytes",
        "journal_bytes",
        "client_version",
        "client_published_on",
    }
)
"""Fields of the live state that are shown as they are."""

ABRIDGED: Final = frozenset({"jid", "pairing", "frozen", "backup", "restore", "leaving"})
"""Fields of which a part is shown: they have numbers, codes, or words of people."""

_OUTCOMES: Final = frozenset({"outcome", "step", "at", "reason", "last_at"})
"""What is shown of what became of a backup, of restoring one, and of leaving."""


def state_page(live: LiveState, queues: Mapping[str, QueueDepth], process: OwnProcess) -> str:
    """Return the page as JSON."""
    page = live.model_dump(mode="json", include=set(SHOWN)) | _abridged(live)
    page["queues"] = {name: asdict(depth) for name, depth in queues.items()}
    page["process"] = asdict(process)
    return json.dumps(page, indent=1, sort_keys=True) + "\n"


def _abridged(live: LiveState) -> dict[str, Any]:
    pairing = live.pairing and live.pairing.model_dump(mode="json", include={"method", "expires_at"})
    outcomes = {name: getattr(live, name) for name in ("backup", "restore", "leaving")}
    return {
        "linked": live.jid is not None,
        "pairing": pairing,
        "frozen": live.frozen is not None and live.frozen.hold is not None,
        **{name: told and told.model_dump(mode="json", include=set(_OUTCOMES)) for name, told in outcomes.items()},
    }
