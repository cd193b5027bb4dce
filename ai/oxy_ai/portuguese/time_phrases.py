"""Every phrase of a text that names a time of day, with the times that it can mean. Pure.

"Às 3" is at night or in the afternoon: it has both. "14h" has one. A length of time ("demora 2 horas") has none.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import time
from itertools import pairwise
from typing import Final

from oxy_ai.portuguese.numbers import NUMBER, number
from oxy_ai.portuguese.words import Reading

Times = tuple[time, ...]


@dataclass(frozen=True, slots=True)
class TimePhrase:
    """Words that name a time of day."""

    words: str
    start: int
    end: int
    """Where they stand in the text that is shown (`words.Reading`)."""
    times: Times
    """All that they can mean, the earliest first."""
    bound: bool = False
    """An end of a period: "depois das 14h", "das 9h às 18h"."""


_PART: Final = (
    r"(?:,? ?(?:d[ae]|n[ao]|a|pela|de) (?P<part>manha|madrugada|tarde|tardinha|noite)\b|,? ?(?P<english>[ap]m)\b)?"
)
_HALF: Final = r" e (?P<half>mei[ao])\b"
_PAST: Final = rf" e (?P<past>{NUMBER})(?: ?min(?:utos)?\b)?(?! ?(?:h\b|h[0-9]|hs\b|horas?\b|:[0-9]))"
_HOURS: Final = r"(?:h|hs|hr|hrs|horas?)"

_NOON: Final = re.compile(
    rf"\b(?:(?P<noon>mei[oa][ -]?dia)|(?P<midnight>meia[ -]?noite))(?:{_HALF}|"
    rf"{_PAST})?(?! (?:de |d)(?:folga|trabalho))",
    re.ASCII,
)
_CLOCK: Final = re.compile(
    r"(?<![0-9:.,/$])(?P<hour>[0-9]{1,2})(?:"
    rf":(?P<colon>[0-9]{{2}})(?::00)?(?: ?{_HOURS}\b)?|"
    rf" ?{_HOURS}(?:[.:]| ?e )?(?P<packed>[0-9]{{2}})(?: ?m(?:in)?\b)?(?![0-9a-z])|"
    rf"\.(?P<dotted>[0-9]{{2}}) ?{_HOURS}\b| ?{_HOURS}\b(?: em ponto)?(?:{_HALF}|{_PAST})?)(?![0-9]|[:/][0-9]){_PART}",
    re.ASCII,
)
_TO_HOUR: Final = re.compile(
    rf"\b(?P<minutes>{NUMBER})(?: min(?:utos)?)? (?:pra|para|pro|p) ?/? ?(?:as? |s )?(?P<hour>{NUMBER}|meio[ -]dia|"
    rf"meia[ -]noite)\b{_PART}",
    re.ASCII,
)
_IN_PART: Final = re.compile(
    rf"\b(?P<hour>{NUMBER})(?: horas?)?(?:{_HALF}|{_PAST})?(?: d[ae] (?P<part>manha|madrugada|tarde|tardinha|noite)|"
    rf" ?(?P<english>[ap]m))\b",
    re.ASCII,
)
_AND_HALF: Final = re.compile(rf"\b(?P<hour>{NUMBER}){_HALF}", re.ASCII)
_SPOKEN: Final = re.compile(
    rf"\b(?P<at>as|ao|a(?= uma\b)|pelas|umas|por volta das?|das|"
    rf"ate as) (?:umas )?(?P<hour>{NUMBER})(?![0-9:/.,%])(?: horas?\b)?(?:{_HALF}|{_PAST})?{_PART}",
    re.ASCII,
)
_NEXT_WORD: Final = re.compile(
    r"[ \n](?!(?:da|de|do|na|no|e|ou|em|pode|posso|por|para|pra|ta|esta|fica|tem|amanha|hoje|hj|se|sim|seria|que|q|"
    r"ja|mas|ok|dia|segunda|terca|quarta|quinta|sexta|sabado|domingo|certo|certinho|mesmo|entao|obrigad[ao]|consigo|"
    r"vou|com|so|a|o|as|ate|nao|n|serve|da pra|melhor|tambem|tb|cada|livre|marca|agenda|confirmado|combinado)\b)[a-z]",
    re.ASCII,
)
"""After "as 3" without an accent: a word that is probably what there are three of."""

_DURATION: Final = re.compile(
    r"\b(?:demora|demorou|demoram|dura|duram|duracao de|duracao:|tempo:|leva|levam|levou|durante|aproximadamente|"
    r"por|em|daqui(?: a)?|dentro de|ha|faz|mais|cerca de|uns|"
    r"a cada|cada|total de|quase|em media|torno de|minimo(?: de)?|media de|proximas|ultimas|jejum de)(?: umas| uns|"
    r" cerca de)?[ \n]$",
    re.ASCII,
)
_LENGTH: Final = re.compile(
    r"[ ,]{1,2}(?:antes|depois|atras|de (?:antecedencia|duracao|jejum|atraso|diferenca|sono|viagem|espera|servico)|"
    r"apos|por dia|por semana|seguidas|no maximo|no minimo)\b",
    re.ASCII,
)
_BOUND: Final = re.compile(
    r"\b(?:depois|dps|antes|apos|a partir|apartir|partir|desde|ate|entre)(?: d?[ao]s?| a| de)?[ \n]$", re.ASCII
)
_LAST_OF_PERIOD: Final = re.compile(rf"\b(?:de|das|entre) {NUMBER} (?:a|as|ate|e)[ \n](?:as )?$", re.ASCII)
_FROM: Final = re.compile(r"\b(?:das|de|entre(?: as)?|desde as)[ \n]$", re.ASCII)
_TO: Final = re.compile(r"[ \n]?(?:as|a|ate|ate as|e|e as|-)[ \n]?", re.ASCII)
_BEFORE: Final = 24


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    times: Times


def time_phrases(reading: Reading) -> tuple[TimePhrase, ...]:
    """Return every phrase that names a time of day, in order."""
    found = sorted(_read_all(reading), key=lambda words: words.start)
    return tuple(
        TimePhrase(
            reading.shown[words.start : words.end],
            words.start,
            words.end,
            words.times,
            bound=_is_bound(found, place, reading.folded),
        )
        for place, words in enumerate(found)
    )


def _read_all(reading: Reading) -> Iterator[_Found]:
    rest = reading.folded
    for pattern, reader in _RULES:
        taken = list(rest)
        for match in pattern.finditer(rest):
            times = reader(match, reading)
            if times:
                yield _Found(match.start(), match.end(), times)
                taken[match.start() : match.end()] = "\0" * (match.end() - match.start())
        rest = "".join(taken)


def _is_bound(found: Sequence[_Found], place: int, folded: str) -> bool:
    """Whether a time is an end of a period: after "depois das", or in "das 9h às 18h"."""
    words = found[place]
    before = folded[max(0, words.start - _BEFORE) : words.start]
    if (
        _BOUND.search(before)
        or _LAST_OF_PERIOD.search(before)
        or folded[words.start : words.end].startswith(("das ", "ate "))
    ):
        return True
    return any(_period(first, last, folded) for first, last in pairwise(found[max(0, place - 1) : place + 2]))


def _period(first: _Found, last: _Found, folded: str) -> bool:
    before = folded[max(0, first.start - _BEFORE) : first.start]
    opened = _FROM.search(before) or folded[first.start : first.end].startswith("das ")
    gap = folded[first.end : last.start]
    return bool(_TO.fullmatch(gap) and (opened or gap.strip() in {"-", "ate", "ate as", "as"})) or (
        not gap.strip() and bool(opened) and folded[last.start : last.end].startswith(("as ", "ate as "))
    )


# -- rules

_DAY_NOON: Final = 12
_DAY: Final = 24
_HOUR: Final = 60
_FIRST_CLEAR: Final = 7
"""From here on, hours in digits are those of 24: "8h" is in the morning, but "2h" often in the afternoon."""


def _read_noon(match: re.Match[str], _: Reading) -> Times:
    minute = _minute(match)
    return _times([(_DAY_NOON if match["noon"] else 0) * _HOUR + minute]) if minute < _HOUR else ()


def _read_clock(match: re.Match[str], reading: Reading) -> Times:
    hour, minute = int(match["hour"]), _minute(match)
    if hour >= _DAY or minute >= _HOUR:
        return ()
    if match["colon"] is None and _is_duration(match, reading):
        return ()
    part = _part(match)
    if part is not None:
        return _in_part(hour, minute, part)
    clear = hour >= _FIRST_CLEAR or hour == 0 or (match["hour"].startswith("0") and match["colon"] is not None)
    return _times([hour * _HOUR + minute] if clear else [hour * _HOUR + minute, (hour + _DAY_NOON) * _HOUR + minute])


def _is_duration(match: re.Match[str], reading: Reading) -> bool:
    before = reading.folded[max(0, match.start() - _BEFORE) : match.start()]
    after = reading.folded[match.end() : match.end() + _BEFORE]
    return bool(_DURATION.search(before) or _LENGTH.match(after))


def _minute(match: re.Match[str]) -> int:
    """Return the minute, or one that no hour has: "às 9 e 10" may be two hours."""
    groups = match.groupdict()
    if groups.get("half"):
        return _HOUR // 2
    written = next((groups[name] for name in ("colon", "packed", "dotted", "past") if groups.get(name)), "0")
    minute = number(written)
    two_hours = groups.get("past") and (minute <= _DAY_NOON or minute % 5) and "min" not in match[0]
    return _HOUR if two_hours else minute


def _part(match: re.Match[str]) -> str | None:
    """Return the part of the day that is named after a time or just before it; None if there is none."""
    groups = match.groupdict()
    before = _PART_BEFORE.search(match.string[max(0, match.start() - _BEFORE) : match.start()])
    return groups.get("part") or groups.get("english") or (before and before["part"])


_PART_BEFORE: Final = re.compile(
    r"\b(?:d[ae]|a|pela|na) (?P<part>manha|madrugada|tarde|tardinha|noite),?[ \n](?:la |umas |por volta )?$", re.ASCII
)


_MORNING: Final = frozenset({"manha", "madrugada", "am"})


def _in_part(hour: int, minute: int, part: str) -> Times:
    """Return an hour of the morning, the afternoon or the night; none if there is no such hour."""
    if hour > _DAY_NOON or hour == 0:
        return _times([hour * _HOUR + minute])
    if hour == _DAY_NOON:
        return _times([(_DAY_NOON if part in {"tarde", "tardinha", "pm", "manha"} else 0) * _HOUR + minute])
    late = part not in _MORNING and not (part == "noite" and hour < _NIGHT_ENDS)
    return _times([(hour + _DAY_NOON if late else hour) * _HOUR + minute])


_NIGHT_ENDS: Final = 5
""" "Três da noite" is after midnight."""


def _read_spoken(match: re.Match[str], reading: Reading) -> Times:
    hour, minute = number(match["hour"]), _minute(match)
    accented = reading.shown[match.start()] in "àáÀÁ"
    vague = match["at"] in {"as", "ao", "umas", "das"} and not accented and not match["half"] and not match["part"]
    if (
        hour >= _DAY
        or minute >= _HOUR
        or (match["at"] == "a" and not accented)
        or (vague and _NEXT_WORD.match(match.string, match.end()))
    ):
        return ()
    return _said(hour, minute, _part(match))


def _said(hour: int, minute: int, part: str | None) -> Times:
    if part is not None:
        return _in_part(hour, minute, part)
    if hour >= _DAY_NOON or hour == 0:
        return _times([hour * _HOUR + minute])
    return _times([hour * _HOUR + minute, (hour + _DAY_NOON) * _HOUR + minute])


def _read_part(match: re.Match[str], _: Reading) -> Times:
    hour, minute = number(match["hour"]), _minute(match)
    return _in_part(hour, minute, _part(match) or "") if hour < _DAY and minute < _HOUR else ()


def _read_half(match: re.Match[str], reading: Reading) -> Times:
    hour = number(match["hour"])
    if hour >= _DAY or _is_duration(match, reading):
        return ()
    return _said(hour, _HOUR // 2, None)


def _read_to_hour(match: re.Match[str], _: Reading) -> Times:
    minutes = number(match["minutes"])
    if minutes >= _HOUR // 2 + 1 or minutes % 5:
        return ()
    if match["hour"].startswith("mei"):
        return _times([(_DAY_NOON if match["hour"].endswith("dia") else _DAY) * _HOUR - minutes])
    hour = number(match["hour"])
    if not 0 < hour <= _DAY:
        return ()
    return _times([at.hour * _HOUR + at.minute - minutes for at in _said(hour % _DAY, 0, _part(match))])


def _times(minutes: Sequence[int]) -> Times:
    return tuple(sorted(time(*divmod(minute % (_DAY * _HOUR), _HOUR)) for minute in minutes))


_RULES: Final[Sequence[tuple[re.Pattern[str], Callable[[re.Match[str], Reading], Times]]]] = (
    (_TO_HOUR, _read_to_hour),
    (_NOON, _read_noon),
    (_IN_PART, _read_part),
    (_CLOCK, _read_clock),
    (_SPOKEN, _read_spoken),
    (_AND_HALF, _read_half),
)
"""In this order: what an earlier rule has read, no later one reads again."""
