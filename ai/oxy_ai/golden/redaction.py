"""Makes what was written in a conversation nobody's: names, numbers, addresses and documents are replaced. Pure.

Whoever is known (the customer, the people of the business, whatever else carries a name) is found however the name is
written; others by what stands before a name, by capital letters, and by a list of common names. A name that is none of
these can remain, so an exported dialogue is to be read before it is shared.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from oxy_ai.golden.patterns import folded
from oxy_ai.portuguese.person_names import common_names
from oxy_ai.portuguese.words import words_in

PHONE_DIGITS: Final = 8
"""Last digits by which two spellings of a number are the same."""
_LEAST_DIGITS: Final = 6
"""Digits of a number that may be somebody's: a telephone, a document, an account."""
_LEAST_WORDS: Final = 6
"""Number words in a row that may be one."""

BUSINESS: Final = "Loja Exemplo"
"""What a business is called instead."""

PSEUDONYMS: Final = words_in(
    "Alva Benta Cora Delfa Elma Flora Gema Hera Ilma Jade Kira Lira Mina Nara Ondina Perla Quita Rubi Safira Talia "
    "Urania Violeta Wanda Xena Yara Zaya"
)
"""Without accents: they also stand in keys."""

_KEYCAPS: Final = re.compile(r"(?<=\d)\ufe0f?\u20e3")
"""What makes an emoji of a digit."""
_DASHES: Final = re.compile(r"(?<=\d)\s?[\u2010-\u2015\u2212]\s?(?=\d{3})")
"""What telephones and keyboards write for a hyphen within a number."""
_EMAIL: Final = re.compile(
    r"[\w.+%-]{1,64}(?: (?:ponto|underline|tra[çc]o) [\w.+%-]{1,64}){0,9} ?(?:@|\(at\)|\[at\]|\barroba\b) ?"
    r"[\w-]+(?:(?:\.| ponto )[\w-]+)+",
    re.IGNORECASE,
)
"""Also as it is heard. Bounded, as links are, or a text takes long: a local part has 64 characters, a label 63."""
_BIRTH: Final = re.compile(
    r"\b[0-3]?\d[/.-][01]?\d[/.-](?:19\d{2}|[4-9]\d)\b(?![/.-]?\d)|\b[0-3]?\d de [a-zç]+ de 19\d{2}\b", re.IGNORECASE
)
"""A day of the last century: no appointment, but somebody's."""
_BIRTH_ISO: Final = re.compile(r"\b19\d{2}-[01]\d-[0-3]\d\b")
_LINK: Final = re.compile(
    r"\b(?:https?://|www\.)\S+|\b[\w-]{1,63}(?:\.[\w-]{1,63}){0,9}\.(?:com|net|org|br|me|io|app)(?:/\S*)?",
    re.IGNORECASE,
)
_HANDLE: Final = re.compile(r"(?<!\w)@[\w.]{2,}")
_ID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{24,}\b", re.IGNORECASE)
_ALONE: Final = r"(?![ .()/-]*\d)"
"""No digits follow: what looks like the end of an address may be the beginning of a telephone number."""
_STREET: Final = re.compile(
    r"\b(?:rua|r\.|avenida|av\b\.?|alameda|al\.|travessa|trav\.|tv\.|praça|praca|pç\.|rodovia|rod\.|estrada|estr\.|largo|"
    r"viela|ladeira|vila|bairro|condom[ií]nio|cond\.|edif[ií]cio|ed\.|residencial|conjunto|jardim|jd\.?|parque|pq\.?)"
    r"\s+[^,.;:!?\n\d]{1,60}(?:,?\s*(?:n[º°o.]*\s*)?\d[\d .-]*\w*)?",
    re.IGNORECASE,
)
_UNIT: Final = re.compile(
    r"\b(?:apto|apartamento|ap|bloco|bl|casa|torre|quadra|qd|lote|lt|sala|conj|n[º°])\.?\s*(?:n[º°o.]*\s*)?\d+\s?[a-z]?\b"
    + _ALONE,
    re.IGNORECASE,
)
_PLATE: Final = re.compile(r"\b[a-z]{3}[- ]?\d[a-z\d]\d{2}\b" + _ALONE, re.IGNORECASE)
_DOCUMENT: Final = re.compile(r"\b[a-z]{1,3}-?\d{5}[\d-]*" + _ALONE, re.IGNORECASE)
_KEPT: Final = re.compile(
    r"(?<![\d/.-])\d{1,2}/\d{1,2}(?:/(?:\d{4}|\d{2}))?(?![\d/-]|\.\d)"  # a day
    r"|(?<![\d-])\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?(?![\d-])"
    r"|(?<![\d:])\d{1,2}:\d{2}(?![\d:])"  # a time
    r"|R\$ ?\d{1,3}(?:\.\d{3})*(?:,\d{2})?(?!\d|\.\d)"  # a price
    r"|(?<![\d.,])\d{1,3}(?:\.\d{3})*,\d{2}(?![\d,])"
)
_NUMBER: Final = re.compile(r"\+?\(?\d(?:[\d\s().\-/_]*[\dxX])?")
_NUMBER_WORD: Final = (
    r"(?:zero|uma?|dois|duas|tr[eê]s|quatro|cinco|seis|meia|sete|oito|nove|dez|onze|doze|treze|quatorze|catorze|quinze|"
    r"dezesseis|dezessete|dezoito|dezenove|vinte|trinta|quarenta|cinquenta|sessenta|setenta|oitenta|noventa|cem)"
)
_SPOKEN: Final = re.compile(
    rf"\b{_NUMBER_WORD}(?:(?:[\s,.-]+(?:e\s+)?){_NUMBER_WORD}){{{_LEAST_WORDS - 1},}}\b", re.IGNORECASE
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_INTRODUCED: Final = re.compile(
    r"\b(?:me chamo|meu nome (?:é|eh|e)|(?:aqui|quem fala) (?:é|eh|e)(?: [oa])?|sou [oa]|chamad[oa]|se chama|"
    r"nome del[ea] (?:é|eh|e)|"
    r"dr\.?|dra\.?|doutora?|sr\.?|sra\.?|senhora?|dona|tia|tio|ass(?:inado)?[:.]|att?[:.,]|titular(?: [ée])?:?)\s+",
    re.IGNORECASE,
)
NO_NAMES: Final = frozenset(
    words_in(
        "a o as os e de da do das dos em no na um uma que para pra por com sem meu minha seu sua nosso nossa dono dona "
        "cliente mae pai filha filho tutora tutor vizinha vizinho amiga amigo marido esposa assistente virtual loja "
        "quem mesmo nova novo aqui ele ela eu voce vc muito mais dele dela tenho quero "
        "queria gostaria preciso moro estou vou sou tem e"
    )
)
"""Not a name, though it stands where one may stand."""
_PARTICLES: Final = frozenset(words_in("de da do das dos e"))
CAPITALS: Final = frozenset(
    words_in(
        "segunda terca quarta quinta sexta sabado domingo feira janeiro fevereiro marco abril maio junho julho agosto "
        "setembro outubro novembro dezembro natal pascoa carnaval ano novo corpus christi pix whatsapp brasil sao ok "
        "oi "
        "ola bom boa dia tarde noite deus vou quero pode sim nao r rs sr sra dr dra voce vc vcs eu ja se com sem tudo "
        "obrigada obrigado cpf cnpj rg cep cnh email"
    )
)
"""Written with a capital letter, and nobody's name."""
_ENDS: Final = ".!?:;\n\"“”'(•-*_"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known to be somebody's."""

    names: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    """In the order in which they get their replacements."""
    vocabulary: frozenset[str] = frozenset()
    """Folded words that are nobody's name: of services."""
    business: str = ""
    """Its name, whose words alone are nobody's."""


@dataclass
class Redactor:
    """Replaces the same by the same, in all texts of a conversation."""

    known: Known
    _names: dict[str, str] = field(default_factory=dict)
    _phones: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give what is known its replacements first."""
        for phone in self.known.phones:
            self.phone(phone)
        for word in (word for name in self.known.names for word in _telling_words(name)):
            if len(word) > 1 and folded(word) not in NO_NAMES | CAPITALS | self.known.vocabulary:
                self._pseudonym(word)

    def text(self, text: str, *, guess: bool = True) -> str:
        """Return a text without what is somebody's; `guess`: names are also found by how they are written."""
        plain = _DASHES.sub("-", _KEYCAPS.sub("", text))
        plain = _EMAIL.sub("pessoa@exemplo.com.br", plain)
        if self.known.business:
            plain = re.sub(re.escape(self.known.business), BUSINESS, plain, flags=re.IGNORECASE)
        for pattern, replacement in _REPLACED:
            plain = pattern.sub(replacement, plain)
        kept_apart = _apart(plain, _KEPT)
        numbers = "".join(part if kept else self._without_numbers(part) for part, kept in kept_apart)
        return self._without_names(numbers, guess=guess)

    def value(self, value: JsonValue, *, guess: bool = False) -> JsonValue:
        """Return a document with all its texts redacted, and numbers that are long enough to be a telephone's."""
        match value:
            case str():
                return self.text(value, guess=guess)
            case int() if abs(value) >= 10 ** (PHONE_DIGITS - 1):
                return int(self.phone(str(value)))
            case list():
                return [self.value(item, guess=guess) for item in value]
            case dict():
                return {key: self.value(item, guess=guess) for key, item in value.items()}
            case _:
                return value

    def phone(self, phone: str) -> str:
        """Return the number (E.164) that stands for a number."""
        key = re.sub(r"\D", "", phone)[-PHONE_DIGITS:]
        if key not in self._phones:
            number = len(self._phones) + 1
            while f"{number:08d}" == key:
                number += 1_000
            self._phones[key] = f"+55119{number:08d}"
        return self._phones[key]

    def name(self, name: str) -> str:
        """Return the name that stands for a name."""
        return _WORD.sub(lambda match: self._replaced(match[0]), name)

    # -- numbers

    def _without_numbers(self, text: str) -> str:
        return _NUMBER.sub(self._number, text)

    def _number(self, match: re.Match[str]) -> str:
        written = match[0]
        digits = re.sub(r"\D", "", written)
        if len(digits) < _LEAST_DIGITS:
            return written
        tail = written[len(written.rstrip()) :]
        if digits[-PHONE_DIGITS:] in self._phones or PHONE_DIGITS <= len(digits) <= len("5511987654321"):
            return self.phone(digits) + tail
        return "0" * _LEAST_DIGITS + tail

    # -- names

    def _without_names(self, text: str, *, guess: bool) -> str:
        introduced = _introduced(text) if guess else frozenset[int]()

        def replaced(match: re.Match[str]) -> str:
            word = match[0]
            if folded(word) in self._names or match.start() in introduced:
                return self._replaced(word)
            return self._replaced(word) if guess and self._looks_like_a_name(match) else word

        return _WORD.sub(replaced, text)

    def _looks_like_a_name(self, match: re.Match[str]) -> bool:
        word = folded(match[0])
        if word in self.known.vocabulary or word in CAPITALS or len(word) == 1:
            return False
        if word in common_names():
            return True
        before = match.string[: match.start()].rstrip(" ")
        within = bool(before) and before[-1] not in _ENDS and (before[-1].isalnum() or before[-1] == ",")
        return within and match[0][0].isupper() and not match[0].isupper()

    def _replaced(self, word: str) -> str:
        found = self._pseudonym(word)
        return found.upper() if word.isupper() and len(word) > 1 else found.lower() if word.islower() else found

    def _pseudonym(self, word: str) -> str:
        key = folded(word)
        if key not in self._names:
            taken = {folded(name) for name in (*self._names.values(), *self._names)} | {key}
            free = (name for name in _endless_names() if folded(name) not in taken)
            self._names[key] = next(free)
        return self._names[key]


_REPLACED: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (_LINK, "exemplo.com.br"),
    (_HANDLE, "@exemplo"),
    (_ID, "chave"),
    (_BIRTH, "01/01/1980"),
    (_BIRTH_ISO, "1980-01-01"),
    (_STREET, "rua exemplo, 1"),
    (_UNIT, "apto 1"),
    (_PLATE, "placa"),
    (_DOCUMENT, "documento"),
    (_SPOKEN, "um número"),
)


def _telling_words(name: str) -> list[str]:
    """Return the words of a name; of "Dra. Camila (clínica)" those with a capital letter."""
    words = _WORD.findall(name)
    return [word for word in words if word[0].isupper()] or words


def _apart(text: str, pattern: re.Pattern[str]) -> Iterable[tuple[str, bool]]:
    """Return the parts of a text in their order, and whether each matches a pattern."""
    end = 0
    for match in pattern.finditer(text):
        yield text[end : match.start()], False
        yield match[0], True
        end = match.end()
    yield text[end:], False


def _introduced(text: str) -> frozenset[int]:
    """Return where the words begin that are said to be a name."""
    found = set[int]()
    for match in _INTRODUCED.finditer(text):
        if match.end() not in found:  # else the name before it goes on here: "Dr. Dr. Dr." is read once
            found.update(_name_at(text, match.end()))
    return frozenset(found)


def _name_at(text: str, start: int) -> Iterable[int]:
    """Return where the words begin of a name at a place; one in capitals ends before a word without them."""
    end, capital = start, None
    for word in _WORD.finditer(text, start):
        plain = folded(word[0])
        apart = text[end : word.start()].strip(" .")
        if apart or (plain in NO_NAMES and (plain not in _PARTICLES or capital is None)):
            return
        end = word.end()
        if plain in _PARTICLES:
            continue
        if capital and not word[0][0].isupper():
            return
        capital = word[0][0].isupper() if capital is None else capital
        yield word.start()


def _endless_names() -> Iterable[str]:
    yield from PSEUDONYMS
    yield from (f"{one}{other.lower()}" for one in PSEUDONYMS for other in PSEUDONYMS)


def words_of(values: Iterable[JsonValue]) -> frozenset[str]:
    """Return the folded words of all texts in some documents."""
    found = set[str]()
    for value in values:
        match value:
            case str():
                found |= {folded(word) for word in _WORD.findall(value)}
            case list():
                found |= words_of(value)
            case Mapping():
                found |= words_of(value.values())
            case _:
                pass
    return frozenset(found)
