"""A report as plain figures: what owners get if no model words it, and all that a model is given to word it. Pure."""

from dataclasses import dataclass
from typing import Final

_BULLET: Final = "• "


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart that goes before the text."""

    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class OwnerReport:
    """What owners are told."""

    title: str
    """The first line, with the day or days that it is about; code writes it above any words."""
    lines: tuple[str, ...]
    """One figure, or figures of one thing, each."""
    closing: str = ""
    """What the owner can do about it."""
    picture: Picture | None = None
    about: str = ""
    """What a model is told of the kind of report that it words."""
    causes: tuple[str, ...] = ()
    """What it tells of; not told again for a while."""

    @property
    def plain(self) -> str:
        """The report without a model's words."""
        listed = "\n".join(_BULLET + line for line in self.lines)
        return "\n\n".join(part for part in (self.title, listed, self.closing) if part)

    def worded(self, words: str) -> str:
        """Return the report with a model's words in the place of the figures."""
        return "\n\n".join(part for part in (self.title, words, self.closing) if part)


def proposal(whom: str) -> str:
    """Return what Aurora offers to do, which the owner takes up by answering."""
    return (
        f"Quer que eu prepare uma mensagem para {whom}? É só responder “prepara a mensagem”: mostro o texto e quantos "
        "recebem, e nada sai sem o seu sim."
    )
