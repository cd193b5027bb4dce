"""What a text states that can be checked: prices, percentages, days, times of day, phone numbers, links. Pure.

Made to check an assistant's answer, so it finds too much rather than too little.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from oxy_ai.portuguese.day_phrases import DayPhrase, day_phrases
from oxy_ai.portuguese.numbers import SPELLED, money_in_words, spelled
from oxy_ai.portuguese.time_phrases import TimePhrase, time_phrases
from oxy_ai.portuguese.words import Reading, any_of, read, words_in


@dataclass(frozen=True, slots=True)
class Price:
    """An amount of money."""

    words: str
    cents: int
    """0 for what is free."""


@dataclass(frozen=True, slots=True)
class Percentage:
    """A percentage, such as a discount."""

    words: str
    hundredths: int
    """10% is 1,000."""


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """What looks like a phone number."""

    words: str
    digits: str
    """Without anything else, as they are written: with or without country and area."""


@dataclass(frozen=True, slots=True)
class Link:
    """What WhatsApp shows as a link, or an e-mail address."""

    words: str
    host: str
    """In lower case, without ``www.``; of an e-mail address, its domain."""


@dataclass(frozen=True, slots=True)
class Mentions:
    """What a text mentions, each kind in the order of the text."""

    prices: tuple[Price, ...]
    percentages: tuple[Percentage, ...]
    days: tuple[DayPhrase, ...]
    """`agrees` is False for a weekday that does not fit the date beside it."""
    times: tuple[TimePhrase, ...]
    phones: tuple[PhoneNumber, ...]
    links: tuple[Link, ...]


def mentions_in(text: str, today: date) -> Mentions:
    """Return what a text mentions; days that are named without a year, or from today, are read as on `today`."""
    reading = read(text, len(text))
    links = tuple(_links(reading))
    rest = _without_links(reading)
    return Mentions(
        prices=tuple(_prices(rest)),
        percentages=tuple(_percentages(rest)),
        days=day_phrases(rest, today),
        times=time_phrases(rest),
        phones=tuple(_phones(reading)),
        links=links,
    )


# -- money

_AMOUNT: Final = r"(?:[0-9]{1,3}(?:\.[0-9]{3}){1,3}|[0-9]{1,9})(?:[.,][0-9]{1,2}(?![0-9]))?(?: mil\b)?"
_CURRENCY: Final = r"(?:(?:r|us?) ?\$|brl|usd|eur|\$|€)"
_UNIT: Final = r"(?:reais|real|contos?|pilas?|pratas|dolares|euros|centavos)"
_ALSO: Final = (
    rf"(?:(?: ?(?:a|e|ou|ate|-|/) ?)(?:{_CURRENCY} ?)?{_AMOUNT}(?![0-9/:h%]|"
    r" ?(?:x\b|min|hs\b|kg\b|%)| (?!(?:reais|real|por|para|pra|cada|com|sem|mas|no|na|de|em|o|a|e|ou|ate|"
    r"conforme|depend\w+)\b)[a-z]))"
)
"""A further amount without a currency; what is counted is none: "R$ 65,00 - 1 hora"."""
_MARKED: Final = re.compile(rf"{_CURRENCY}[ :]?[*_~]{{0,2}}[ :]?(?P<all>{_AMOUNT}{_ALSO}{{0,3}})", re.ASCII)
_NAMED: Final = re.compile(
    rf"(?<![0-9.,/:-])(?P<all>{_AMOUNT}(?:(?: ?(?:a|e|ou|ate|-|/) ?){_AMOUNT}){{0,3}}) ?\*{{0,2}}(?:{_UNIT}\b|"
    rf"{_CURRENCY})(?: e (?P<cents>[0-9]{{1,2}}) centavos)?",
    re.ASCII,
)
_CENTS: Final = re.compile(
    r"(?<![0-9.,/:-])(?:[0-9]{1,3}(?:\.[0-9]{3})*|[0-9]{1,6}),[0-9]{2}"
    r"(?![0-9,/:%]| ?(?:kg|quilos?|kilos?|g|gramas?|mg|mcg|ui|ml|l|litros?|mm|cm|m|metros?|km|"
    r"anos?|meses|horas?|h|min)\b)",
    re.ASCII,
)
_SAID: Final = re.compile(
    r"\b(?:(?:custa|custam|custara|cobro|cobramos|valor|preco)(?: (?:de|do|e|so|apenas|uns|cerca)){0,3}:?|"
    r"(?:sai|saem|faco|fazemos|faz|fica|ficam|deixo|fecho) por(?: (?:so|apenas|uns))?|"
    r"(?:valor|preco)(?: d[aeo]s? \w{1,20}){1,3} (?:e|fica)(?: de)?|"
    r"(?:sai|saem|fica|ficam)(?: (?:a|em|so|apenas))?(?= \*{0,2}[0-9]{2})) "
    rf"\*{{0,2}}(?:(?P<all>{_AMOUNT})|(?P<spelled>{SPELLED}))(?=\*{{0,2}}(?:[.,;!?)\n]|$|"
    r" (?:no|na|pra|para|por|cada|e|mas|hoje|a vista|com|pelo|pela|viu|ta)\b))(?!,[0-9])",
    re.ASCII,
)
"""Without a currency: "custa 80", "sai por oitenta"."""
_FREE: Final = re.compile(
    r"\b(?:gratis|gratuit[ao]s?|gratuitamente|de graca|sem (?:nenhum )?custo|custo zero|(?:por|como) cortesia|"
    r"sem cobranca|nao (?:cobramos|cobro|custa) nada|por nossa conta|por conta da casa)\b",
    re.ASCII,
)
_EACH_AMOUNT: Final = re.compile(_AMOUNT, re.ASCII)


def _prices(reading: Reading) -> Iterator[Price]:
    found: list[tuple[int, Price]] = []
    rest = reading.folded
    for pattern in (_MARKED, _NAMED, _CENTS):
        for match in pattern.finditer(rest):
            words = reading.shown[match.start() : match.end()]
            found += [(match.start(), Price(words, cents)) for cents in _amounts(match)]
        rest = pattern.sub(lambda match: "\0" * len(match[0]), rest)
    found += [(at, Price(reading.shown[at:end], cents)) for at, end, cents in money_in_words(rest)]
    found += [
        (match.start(), Price(reading.shown[match.start() : match.end()], _said(match)))
        for match in _SAID.finditer(rest)
    ]
    found += [(match.start(), Price(reading.shown[match.start() : match.end()], 0)) for match in _FREE.finditer(rest)]
    yield from (price for _, price in sorted(found, key=lambda item: item[0]))


def _amounts(match: re.Match[str]) -> list[int]:
    """Return the amounts of one phrase in cents; what stands after "e 50 centavos" belongs to the last one."""
    groups = match.groupdict()
    amounts = list(map(_in_cents, _EACH_AMOUNT.findall(groups.get("all") or match[0])))
    if match[0].endswith("centavos") and not groups.get("cents"):
        return [amount // 100 for amount in amounts]
    return [*amounts[:-1], amounts[-1] + int(groups.get("cents") or 0)]


def _said(match: re.Match[str]) -> int:
    return _in_cents(match["all"]) if match["all"] else spelled(match["spelled"]) * 100


def _in_cents(amount: str) -> int:
    """Read ``1.234,5``, ``65,00``, ``65.00``, ``1.234`` and ``2 mil``; a mark before one or two digits is decimal."""
    if amount.endswith(" mil"):
        return _in_cents(amount.removesuffix(" mil")) * 1000
    whole, mark, rest = amount.rpartition(",") if "," in amount else amount.rpartition(".")
    if not mark or len(rest) > 2:  # noqa: PLR2004 digits of cents
        whole, rest = amount, ""
    return int(whole.replace(".", "").replace(",", "")) * 100 + int(rest.ljust(2, "0"))


_PERCENT: Final = re.compile(
    r"(?<![0-9.,])(?P<whole>[0-9]{1,4})(?:[.,](?P<part>[0-9]{1,2}))? ?(?:%|por cento\b|porcento\b)", re.ASCII
)


def _percentages(reading: Reading) -> Iterator[Percentage]:
    for match in _PERCENT.finditer(reading.folded):
        part = (match["part"] or "").ljust(2, "0")
        yield Percentage(reading.shown[match.start() : match.end()], int(match["whole"]) * 100 + int(part))


# -- phone numbers

_LOCAL: Final = r"(?:9[ .-]?)?[0-9]{4}[ .-]{0,3}[0-9]{4}"
_PHONE: Final = re.compile(
    r"(?<![0-9:,$])(?<![0-9][/.-])(?:(?<=wa\.me/)[0-9]{8,15}|(?<=phone=)[0-9]{8,15}|\+[0-9][0-9 ().-]{6,24}[0-9]|"
    rf"(?:55[ .-]{{0,2}})?\(?0?[0-9]{{2}}\)?[ .-]{{0,2}}{_LOCAL}|{_LOCAL}|"
    r"0[3589]00[ .-]?[0-9]{3}[ .-]?[0-9]{4}|(?:[0-9][ .-]){8,12}[0-9]|[0-9]{10,15})(?![0-9]|[/:][0-9]|,[0-9]|-[0-9])",
    re.ASCII,
)
_YEARS: Final = re.compile(r"(?:19|20)[0-9]{2}\D{1,3}(?:19|20)[0-9]{2}", re.ASCII)
_DATES: Final = re.compile(
    r"[0-9]{1,2}[.-][0-9]{1,2}[.-](?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII
)


def _phones(reading: Reading) -> Iterator[PhoneNumber]:
    rest = _DATES.sub(lambda match: "/" * len(match[0]), reading.folded)
    for match in _PHONE.finditer(rest):
        if not _YEARS.fullmatch(match[0]):
            digits = "".join(filter(str.isdigit, match[0]))
            yield PhoneNumber(reading.shown[match.start() : match.end()], digits)


# -- links

_ENDINGS: Final = words_in(
    "com net org br io app me ly link site online store shop dev co gl to page blog info biz tv ai xyz "
    "top club live pro cloud click pt us uk eu gg gd cc pw tk ml sh st im be news tech space website "
    "digital bio group pix vip win bar ru cn de es fr vet vc edu gov mobi fun ink ws nu cam icu buzz bond lol "
    "mom monster cyou loan bid trade stream download chat app web bet run world today"
)
_LETTER: Final = "[a-z0-9\u0370-\u1fff]"
"""Also Greek, Cyrillic, …: letters of hosts that only look like others."""
_LABEL: Final = rf"{_LETTER}(?:(?:{_LETTER}|-){{0,61}})"
_HOST: Final = rf"{_LABEL}(?:\.{_LABEL}){{0,4}}\."
_REST: Final = r"[^\s<>\"']"
_LINK: Final = re.compile(
    rf"(?<![a-z0-9@.-])(?:(?P<scheme>[a-z]{{2,12}}://|www\.)(?P<far>[^\s<>\"'()]{{1,500}})|"
    rf"(?P<mail>[a-z0-9._%+-]{{1,64}}@)?(?P<host>{_HOST}{any_of(_ENDINGS)})(?![a-z0-9-])"
    rf"(?P<path>[/:?#]{_REST}{{0,500}})?|"
    rf"(?P<other>{_HOST}[a-z]{{2,24}})/{_REST}{{1,500}})",
    re.ASCII,
)
"""With a scheme or a path, whatever its ending."""
_WORD_WITH_CAPITAL: Final = re.compile(r"[A-Z][a-z]+")


def _links(reading: Reading) -> Iterator[Link]:
    for match in _link_matches(reading):
        host = (
            match["host"]
            or match["other"]
            or re.split(r"[/:?#\\]", match["far"].rpartition("@")[2] or match["far"], maxsplit=1)[0]
        )
        yield Link(reading.shown[match.start() : match.end()], host.removeprefix("www.").strip("."))


def _link_matches(reading: Reading) -> Iterator[re.Match[str]]:
    for match in _LINK.finditer(reading.folded):
        ending = reading.shown[match.start() : match.end()].rpartition(".")[2]
        # A sentence that begins without a space after a full stop: "Pronto.Com isso"
        if match["host"] is None or match["mail"] or match["path"] or not _WORD_WITH_CAPITAL.fullmatch(ending):
            yield match


def _without_links(reading: Reading) -> Reading:
    folded = list(reading.folded)
    for match in _link_matches(reading):
        folded[match.start() : match.end()] = "\0" * (match.end() - match.start())
    return Reading(reading.shown, "".join(folded))
