"""What a phone waits for among the messages that arrive."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from oxy_simulator.replies import Message

TextPattern: TypeAlias = str | re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a phone waits for; None stands for anything."""

    text: TextPattern | None
    kind: str | None
    sender: str | None
    chat: str | None

    def fits(self, message: Message) -> bool:
        """Tell whether a message is it; a repeated id never is."""
        return (
            not message.duplicate
            and (self.kind is None or message.kind == self.kind)
            and (self.sender is None or message.sender == self.sender)
            and (self.chat is None or message.chat == self.chat)
            and self._fits_text(message.text)
        )

    def _fits_text(self, text: str) -> bool:
        if isinstance(self.text, re.Pattern):
            return self.text.search(text) is not None
        return self.text is None or text == self.text

    def __str__(self) -> str:
        text = f"/{self.text.pattern}/" if isinstance(self.text, re.Pattern) else repr(self.text)
        parts = [] if self.text is None else [text]
        parts += [f"kind {self.kind}"] if self.kind else []
        parts += [f"from {self.sender}"] if self.sender else []
        parts += [f"in chat {self.chat}"] if self.chat else []
        return " ".join(parts) or "a message"


def told(messages: Sequence[Message]) -> str:
    """Describe what came, for an explanation."""
    lines = [
        f"{message.sender}: {message.text!r}"
        + (f" ({message.kind})" if message.kind != "text" else "")
        + (" (repeated id)" if message.duplicate else "")
        for message in messages
    ]
    return ", ".join(lines) or "nothing"
