"""What JetStream answers to a publish. Pure."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """The stream has the report, now or from before."""

    sequence: int
    """Its place in the stream; 0: the answer names none."""
    repeated: bool = False
    """Whether it was stored before, and this publish was dropped."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The stream does not have the report."""

    reason: str


def read_answer(answer: bytes) -> Stored | Refusal:
    """Read an answer. An empty one is the server's "no responders": there is no stream, or no import of its service."""
    if not answer:
        return Refusal("no stream matches this subject")
    acknowledgement = json.loads(answer)
    if "error" in acknowledgement:
        return Refusal(str(acknowledgement["error"].get("description", "refused")))
    return Stored(int(acknowledgement.get("seq", 0)), bool(acknowledgement.get("duplicate", False)))


class StreamPosition:
    """How far the stream has come, which shows when it began anew: a stream never gives a place twice."""

    def __init__(self, newest: int) -> None:
        self.newest = newest
        """The newest place that a report got in the stream; 0: none yet."""
        self.began_anew = False
        """Whether a report got a place that this stream had passed before."""

    def note(self, stored: Stored) -> None:
        """Learn from an acknowledgement; what was stored before says nothing."""
        if stored.repeated or stored.sequence == 0:
            return
        self.began_anew = self.began_anew or stored.sequence < self.newest
        self.newest = max(self.newest, stored.sequence)
