"""A report as plain figures: what owners get if no model words them. Pure."""

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
    """One figure, or figures of one thing, each; all that a model is given to word."""
    kept: tuple[str, ...] = ()
    """Likewise, but as they are in any case: who waits, what comes, whom a proposal is about."""
    closing: str = ""
    """What the owner can do about it."""
    picture: Picture | None = None
    about: str = ""
    """What a model is told of the kind of report that it words; empty: none does."""
    causes: tuple[str, ...] = ()
    """What it tells of; not told again for a while."""

    @property
    def plain(self) -> str:
        """The report without a model's words."""
        return _joined(self.title, _listed(*self.lines, *self.kept), self.closing)

    def worded(self, words: str) -> str:
        """Return the report with a model's words in the place of the figures."""
        return _joined(self.title, words, _listed(*self.kept), self.closing)


def proposal(whom: str) -> str:
    """Return what Aurora offers to do, which the owner takes up by answering."""
    return (
        f"Quer que eu prepare uma mensagem para {whom}? É só responder “prepara a mensagem”: mostro o texto e quantos "
        "recebem, e nada sai sem o seu sim."
    )


def _listed(*lines: str) -> str:
    return "\n".join(_BULLET + line for line in lines)


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
