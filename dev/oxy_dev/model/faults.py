"""Faults that tests order: the next matching requests go wrong."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from oxy_dev.model.text import fold

Call = Literal["chat", "vision", "transcription"]
"""What a request is for; vision: it has a picture."""


class Fault(BaseModel):
    """What goes wrong, for which requests, how often."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["status", "delay", "hang", "invalid_json", "empty", "close"]
    """status: an error in OpenAI's form; delay: a late but right answer; hang: none; invalid_json: a broken body;
    empty: a completion without content; close: the connection is cut."""
    times: int | None = Field(default=1, ge=1)
    """How many requests; null: all, until the faults are cleared."""
    status: int = Field(default=500, ge=400, le=599)
    seconds: float = Field(default=1, ge=0)
    user: str | None = None
    """Regular expression for the last user text, or the words of a recording, without accents and in lower case."""
    call: Call | None = None
    """None: any."""

    def fits(self, user: str, call: Call) -> bool:
        """Whether a request with this last user text goes wrong."""
        return self.call in {None, call} and (self.user is None or re.search(self.user, fold(user)) is not None)


class Faults:
    """The faults that are still to happen."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []

    def take(self, user: str, call: Call = "chat") -> Fault | None:
        """Return the first fault that fits, and count it."""
        for fault in self.pending:
            if fault.fits(user, call):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.pending.remove(fault)
                return fault
        return None
