"""Whether the links and addresses of an answer are the business's. Pure.

A link is allowed if the catalog has it, or has its host with a shorter path, or `spec.ai.allowedLinks` lists it so; and
so is the first page of a host that they name.
What the customer wrote is no evidence: a link in an answer looks as if the shop recommends it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.objections import AnswerObjection, Fault
from oxy_ai.assistants.review.spotted import links_in

SHOWN: Final = 120
"""Most characters of a link that an objection repeats."""


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a link leads: what browsers go by."""

    host: str
    path: str
    asks: bool
    """Whether it has a query, which may lead on to anywhere."""

    def covers(self, other: "_Address") -> bool:
        """Whether the other is this one, something below it, or the first page of its host."""
        below = other.path == self.path or other.path.startswith(self.path.rstrip("/") + "/")
        first = not other.path and not other.asks
        return self.host == other.host and (below or first)


def foreign_links(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to links and e-mail addresses that are not the business's."""
    found = links_in(answer)
    if not found:
        return
    given = [link.words for text in (evidence.facts, *evidence.by_people) for link in links_in(text)]
    allowed = [address for words in (*evidence.allowed_links, *given) if (address := _address(words)) is not None]
    mails = {_bare(words).lower() for words in given}
    for link in found:
        address = _address(link.words)
        fits = address is not None and any(known.covers(address) for known in allowed)
        if not fits and _bare(link.words).lower() not in mails:
            yield AnswerObjection(Fault.LINK, link.words[:SHOWN])


def _address(words: str) -> _Address | None:
    """Read a link as a browser does; None for an e-mail address and for what hides where it leads."""
    text = _bare(words)
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or port is not None:
        return None
    if "\\" in text or ".." in parts.path:
        return None
    return _Address(parts.hostname.removeprefix("www."), parts.path.rstrip("/").lower(), bool(parts.query))


def _bare(words: str) -> str:
    """Return a link without the punctuation after it."""
    return words.rstrip(".,;:!?)*_'\"")
