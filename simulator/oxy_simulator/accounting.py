"""Counting: what was lost, what came twice, what came out of order, and what was answered.

Everything here is pure, so that every suite counts in the same way.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oxy_simulator.replies import LineView


@dataclass(frozen=True, slots=True)
class Tally:
    """How what arrived differs from what was sent, by the names that were compared (ids or texts)."""

    sent: int
    lost: tuple[str, ...] = ()
    """Sent, and never arrived."""
    duplicated: tuple[str, ...] = ()
    """Arrived again, once for every surplus copy."""
    out_of_order: tuple[str, ...] = ()
    """Arrived, for the first time, after something that was sent later."""
    unexpected: tuple[str, ...] = ()
    """Arrived without having been sent."""

    @property
    def perfect(self) -> bool:
        """Whether everything arrived exactly once and in order, and nothing else did."""
        return not (self.lost or self.duplicated or self.out_of_order or self.unexpected)

    def __str__(self) -> str:
        parts = [f"{self.sent} sent"]
        for name in ("lost", "duplicated", "out_of_order", "unexpected"):
            found: tuple[str, ...] = getattr(self, name)
            parts.append(f"{len(found)} {name.replace('_', ' ')}" + (f" ({_some(found)})" if found else ""))
        return ", ".join(parts)


def tally(sent: Iterable[str], arrived: Iterable[str]) -> Tally:
    """Compare what was sent with what arrived, both in order; compare each conversation by itself.

    Names must be unique within `sent`; ValueError says which are not.
    """
    said, got = list(sent), list(arrived)
    repeated = sorted(name for name, count in Counter(said).items() if count > 1)
    if repeated:
        msg = f"what is sent must be distinguishable, and these were sent more than once: {_some(repeated)}"
        raise ValueError(msg)
    place = {name: index for index, name in enumerate(said)}
    firsts = list(dict.fromkeys(name for name in got if name in place))
    return Tally(
        sent=len(said),
        lost=tuple(name for name in said if name not in set(firsts)),
        duplicated=tuple((Counter(got) - Counter(set(got))).elements()),
        out_of_order=tuple(_late(firsts, place)),
        unexpected=tuple(dict.fromkeys(name for name in got if name not in place)),
    )


def with_answers(lines: Sequence[LineView]) -> list[LineView]:
    """Add the stage `answered` to messages from contacts that the linked device wrote back to.

    Its time is that of the device's first message in the chat after the contact's; a reaction answers nothing.
    """
    replies: dict[tuple[str, str], list[float]] = {}
    for line in lines:
        if line.direction == "outbound" and line.kind != "reaction" and "received" in line.stages:
            replies.setdefault((line.account, line.chat), []).append(line.stages["received"])
    return [_answered(line, replies.get((line.account, line.chat), [])) for line in lines]


def _answered(line: LineView, replies: Sequence[float]) -> LineView:
    if line.direction == "outbound" or line.sender == line.account:
        return line
    after = [at for at in replies if at >= line.stages.get("sent", 0.0)]
    return line.model_copy(update={"stages": {**line.stages, "answered": min(after)}}) if after else line


def _late(names: Iterable[str], place: dict[str, int]) -> Iterable[str]:
    newest = -1
    for name in names:
        if place[name] < newest:
            yield name
        newest = max(newest, place[name])


def _some(names: Sequence[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
