"""Makes a golden dialogue of a conversation that took place: what was said, and what came of it, as what must come.

Whoever wants another outcome changes it in the file. What nobody has stored is not known: a booking that was moved
since is taken as it is now.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel

from oxy_ai.assistants.vertical import IntentName
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.golden.dialogue import CUSTOMER, LONGEST, Dialogue, Skill
from oxy_ai.golden.recorded import (
    Recorded,
    RecordedBooking,
    RecordedCall,
    RecordedMessage,
    moment_before,
    read_recorded,
)
from oxy_ai.golden.redaction import BUSINESS, Known, Redactor, words_of
from oxy_ai.sanitize import shorten
from oxy_ai.timezones import zone_or_default

_KEPT_SETTINGS: Final = (
    "tone",
    "system_prompt_extra",
    "context_messages",
    "allowed_links",
    "max_tokens",
    "temperature",
)
"""Of ``spec.ai``: what an answer depends on, and no secret."""
_CODE: Final = re.compile(r"[a-z]{2,8}-\d+")
"""How tools name rows for each other: another one in each database."""
_OWNER: Final = "+5511987651111"
_BUSINESS: Final = "+5511999990000"
_HEAD: Final = """\
# Made by `oxy conversations export`. It expects what came of the conversation: change what should have come of it, and
# say under `answer` what the texts must have and must lack. {redacted}
"""
_REDACTED: Final = (
    "Names, numbers and addresses are replaced;\n# read it before you share it: what nobody can tell for a name may be "
    "left."
)
_REAL: Final = "It contains what real people wrote."


class Exported(BaseModel):
    """A dialogue that was made."""

    id: str
    redacted: bool
    dialogue: str
    """YAML, as `oxy_ai.golden.library` reads it."""


async def export_conversation(engine: Engine, key: str, most: int, *, redact: bool) -> Exported:
    """Make a golden dialogue of a conversation's newest messages; raises AdministrationError."""
    recorded = await read_recorded(engine, key, most)
    return Exported(id=key, redacted=redact, dialogue=written(recorded, redact=redact))


def written(recorded: Recorded, *, redact: bool) -> str:
    """Return a conversation as a golden dialogue."""
    document = dialogue_of(recorded, redactor_of(recorded) if redact else None)
    Dialogue.model_validate(document)
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=118)
    return _HEAD.format(redacted=_REDACTED if redact else _REAL) + text


def redactor_of(recorded: Recorded) -> Redactor:
    """Return what replaces all that is somebody's in a conversation."""
    business = [recorded.settings.phone_number, *recorded.settings.owners]
    named = (str(record["name"]) for record in recorded.records if "name" in record)
    names = (recorded.name or "", *recorded.staff, *named)
    subjects = (booking.subject for booking in recorded.bookings)
    services = recorded.catalog.get("services", [])
    offered = [service[name] for service in services for name in ("name", "description") if name in service]
    phones = [phone for phone in (recorded.phone, *business) if phone is not None]
    vocabulary = words_of(offered) | words_of([["assistente", "virtual"]])
    return Redactor(Known((*names, *subjects), tuple(phones), vocabulary, recorded.settings.display_name))


def dialogue_of(recorded: Recorded, redactor: Redactor | None) -> dict[str, Any]:
    """Return a conversation as the document of a golden dialogue; without a redactor as it was."""
    earlier, exchanges = _parts(recorded.messages)
    zone = zone_or_default(recorded.settings.timezone)
    began = exchanges[0][0].at
    maker = _Maker(recorded, redactor, zone)
    business, records = maker.business(), maker.records()  # before names are learned, which may be words of theirs
    maker.learn()
    return {
        "title": f"Conversa de {began.astimezone(zone):%d/%m/%Y}",
        "skill": Skill.COMPLAINTS.value,
        "intent": IntentName.OTHER.value,
        "business": business,
        "clock": maker.local(began),
        "before": {"person": maker.person(records, earlier, began)},
        "turns": in_order([maker.exchange(group) for group in exchanges]),
        "after": maker.after(began),
    }


def in_order(exchanges: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return exchanges none of which is before the one above it: it came late, or clocks were put back meanwhile."""
    moments = accumulate((exchange["at"] for exchange in exchanges), max)
    return [exchange | {"at": moment} for exchange, moment in zip(exchanges, moments, strict=True)]


def _parts(
    messages: Sequence[RecordedMessage],
) -> tuple[Sequence[RecordedMessage], list[list[RecordedMessage]]]:
    """Return what was said before, and the exchanges that can be played.

    Those are what came after a person of the business has written, or, if nothing did, what led to it.
    """
    trimmed = list(messages)
    while trimmed and trimmed[-1].author == "phone":
        trimmed.pop()
    cut = max((place + 1 for place, message in enumerate(trimmed) if message.author == "phone"), default=0)
    first = next((place for place in range(cut, len(trimmed)) if trimmed[place].author == "customer"), None)
    if first is None:
        message = "nobody has written in this conversation what an assistant could answer: nothing to export"
        raise AdministrationError(message)
    groups = groupby(trimmed[first:], key=lambda item: item.author)
    said = [list(group) for author, group in groups if author == "customer"]
    return trimmed[:first], said


class _Maker:
    """Makes the parts of a document, redacted or not."""

    def __init__(self, recorded: Recorded, redactor: Redactor | None, zone: ZoneInfo) -> None:
        self._recorded = recorded
        self._redactor = redactor
        self._zone = zone

    def local(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%Y-%m-%d %H:%M}"

    def text(self, text: str) -> str:
        return shorten(text if self._redactor is None else self._redactor.text(text), LONGEST)

    def name(self, name: str) -> str:
        return shorten(name if self._redactor is None else self._redactor.name(name), LONGEST)

    def plain(self, value: Any, *, guess: bool = False) -> Any:  # noqa: ANN401 a part of a document
        return value if self._redactor is None else self._redactor.value(value, guess=guess)

    def learn(self) -> None:
        """Learn the names in all messages, so that one is also replaced where it stands before it is given away."""
        for message in self._recorded.messages:
            self.earlier(message)
            self.said(message)

    def business(self) -> dict[str, Any]:
        settings, catalog = self._recorded.settings, self.plain(self._recorded.catalog)
        ai = settings.ai.model_dump(mode="json", exclude_defaults=True)
        real = self._redactor is None
        return {
            "profile": settings.ai.profile,
            "name": settings.display_name if real else BUSINESS,
            "phone": settings.phone_number if real else _BUSINESS,
            "timezone": self._zone.key,
            "owners": list(settings.owners) if real else [_OWNER] * bool(settings.owners),
            "settings": {"ai": self.plain({name: ai[name] for name in _KEPT_SETTINGS if name in ai}, guess=True)},
            "catalog": catalog,
        }

    def records(self) -> list[dict[str, Any]]:
        return [self.plain(record, guess=True) for record in self._recorded.records]

    def person(
        self, records: Sequence[Mapping[str, Any]], earlier: Sequence[RecordedMessage], began: datetime
    ) -> dict[str, Any]:
        recorded = self._recorded
        phone = CUSTOMER if self._redactor is not None or recorded.phone is None else recorded.phone
        known = {
            "phone": phone,
            "name": self.name(recorded.name) if recorded.name else None,
            "records": list(records),
            "bookings": [self.booking(booking) for booking in moment_before(recorded.bookings, began)],
            "said": [line for message in earlier if (line := self.earlier(message)) is not None],
        }
        return {name: value for name, value in known.items() if value not in (None, [])}

    def booking(self, booking: RecordedBooking) -> dict[str, Any]:
        found = {"service": booking.service, "for": self.name(booking.subject), "at": self.local(booking.starts_at)}
        return found if booking.status == "confirmed" else {**found, "status": booking.status}

    def earlier(self, message: RecordedMessage) -> dict[str, Any] | None:
        author = {"phone": "person"}.get(message.author, message.author)
        words = message.text or (message.reading or {}).get("text")
        return None if not words else {author: self.text(words), "at": self.local(message.at)}

    def exchange(self, group: Sequence[RecordedMessage]) -> dict[str, Any]:
        turns = {message.turn for message in group} - {None}
        calls = [self.call(call) for call in self._recorded.calls if call.turn in turns]
        says = [self.said(message) for message in group]
        return {
            "at": self.local(group[0].at),
            "says": says[0] if len(says) == 1 else says,
            **({"calls": calls} if calls else {}),
        }

    def call(self, call: RecordedCall) -> dict[str, Any]:
        plain = (str, bool, int, float)
        given = {
            name: value
            for name, value in call.arguments.items()
            if isinstance(value, plain) and value != "" and not _CODE.fullmatch(str(value))
        }
        return {"tool": call.tool, "arguments": self.plain(given, guess=True)}

    def said(self, message: RecordedMessage) -> dict[str, Any] | str:
        heard = (message.reading or {}).get("text")
        said: dict[str, Any] = {"text": self.text(message.text)} if message.text else {}
        media = {"voice_note": "voice", "audio": "voice", "image": "image"}.get(message.kind)
        if media is not None:
            said |= {media: self.text(heard)} if heard else {"unread": media}
        if message.forwarded:
            said["forwarded"] = True
        if message.quotes:
            said["quotes"] = self.text(message.quotes)
        return _alone(said or {"text": f"[{message.kind}]"})

    def after(self, began: datetime) -> dict[str, Any]:
        recorded = self._recorded
        before = [self.booking(booking) for booking in moment_before(recorded.bookings, began)]
        now = [self.booking(booking) for booking in recorded.bookings]
        changed = {"bookings": now} if now != before else {}
        return changed | ({} if recorded.hand_over is None else {"hand_over": {"reason": recorded.hand_over}})


def _alone(said: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return a message as it is written shortest."""
    return str(said["text"]) if list(said) == ["text"] else dict(said)


def everything_in(document: object) -> Iterable[str]:
    """Return all texts of a document."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield from (str(key), *everything_in(value))
    elif isinstance(document, list | tuple):
        for value in document:
            yield from everything_in(value)
    else:
        yield str(document)
