"""What keeps the operator from hearing of an instance's pod, for whoever waits for its word. Pure."""

from typing import Final

from oxy_core.instance import custom_resource
from oxy_operator.decide.situation import Situation
from oxy_operator.problems import Problem

BUS_AWAY: Final = Problem(
    custom_resource.BUS_AWAY,
    "NATS is away: the operator cannot reach it, hears nothing of pods, and tells them nothing over it. Bring NATS "
    "back; the operator's log says why it cannot be reached. Oxy goes on by itself then.",
)


def unheard(situation: Situation) -> Problem | None:
    """Return why nothing is heard of an instance's pod; None: it is heard, or there is none that could speak."""
    if situation.bus_away:
        return BUS_AWAY
    pod, record = situation.pod, situation.record
    if situation.live is not None or pod is None or record is None or not pod.ready or pod.epoch != record.epoch:
        return None
    message = (
        "The pod runs, but nothing is heard of it over NATS, which it reaches by itself. Its log says why it cannot: "
        f"oxy logs {situation.instance.place}"
    )
    return Problem("PodUnheard", message)
