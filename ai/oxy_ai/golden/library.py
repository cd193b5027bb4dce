"""A folder of golden dialogues with the businesses that they are about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import ValidationError

from oxy_ai.assistants.vertical import RecordKeeper
from oxy_ai.errors import AdministrationError, ProfileUnknownError
from oxy_ai.golden.dialogue import Business, Dialogue, Fields
from oxy_ai.golden.document import DialogueError, Document, Mistake, Place, read_document
from oxy_ai.verticals import Verticals
from oxy_core.envelopes import InstanceSettings

INSTANCE: Final = "main"

BUSINESSES: Final = "businesses"
"""Folder of the files that dialogues name as their business."""


@dataclass(frozen=True, slots=True)
class Golden:
    """A dialogue as it was read."""

    name: str
    """The file's path in its folder, without the suffix."""
    file: Path
    dialogue: Dialogue
    business: Business
    catalog: str
    """YAML, as the vertical reads it."""

    def settings_in(self, organization: str) -> InstanceSettings:
        """Return the settings of its business as an organization of this name; raises pydantic.ValidationError."""
        business = self.business
        fixed: Fields = {
            "organization": organization,
            "instance": INSTANCE,
            "account": f"A{sha256(organization.encode()).hexdigest()[:55].upper()}",
            "generation": 1,
            "display_name": business.name,
            "phone_number": business.phone,
            "timezone": business.timezone,
            "owners": list(business.owners),
        }
        merged = merge(
            merge(merge({"ai": {"profile": business.profile}}, business.settings), self.dialogue.settings), fixed
        )
        return InstanceSettings.model_validate(merged)


def merge(one: Fields, other: Fields) -> Fields:
    """Return fields in which those of the other count more, one by one down to the deepest."""
    merged = dict(one)
    for name, value in other.items():
        below = merged.get(name)
        merged[name] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def read_library(paths: Sequence[Path], chosen: Iterable[str] = ()) -> list[Golden]:
    """Read all dialogues of folders, or single files; `chosen`: only those whose name contains one of these words.

    Raises DialogueError with the mistakes of all files, and AdministrationError if there is none.
    """
    words = tuple(chosen)
    found, mistakes = list[Golden](), list[Mistake]()
    for name, file in _files(paths):
        if words and not any(word in name for word in words):
            continue
        try:
            found.append(_read(name, file))
        except DialogueError as error:
            mistakes += error.mistakes
    if mistakes:
        raise DialogueError(list(dict.fromkeys(mistakes)))
    if not found:
        message = f"no dialogue in {', '.join(map(str, paths))}: name a folder with .yaml files, or other words"
        raise AdministrationError(message)
    return found


def _files(paths: Sequence[Path]) -> Iterable[tuple[str, Path]]:
    for path in paths:
        if path.is_file():
            yield path.stem, path
        for file in sorted(path.rglob("*.yaml")):
            inside = file.relative_to(path)
            if BUSINESSES not in inside.parts:
                yield str(inside.with_suffix("")), file


def _read(name: str, file: Path) -> Golden:
    document = Document.of(file)
    dialogue = document.read(Dialogue)
    business, home = _business(file, dialogue.business)
    read = Golden(name, file, dialogue, business, _catalog(home, business.catalog))
    mistakes = [*_wrong_settings(document, read), *_wrong_records(document, read)]
    if mistakes:
        raise DialogueError(mistakes)
    return read


def _wrong_settings(document: Document, read: Golden) -> Iterable[Mistake]:
    try:
        ZoneInfo(read.business.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        remedy = f"timezone: there is no {read.business.timezone!r}: write one such as America/Sao_Paulo"
        yield document.mistake(("business",), f"{remedy} (here, or in the business's file)")
    try:
        read.settings_in("evaluation")
    except ValidationError as error:
        for details in error.errors(include_url=False):
            field = ".".join(map(str, details["loc"]))
            yield document.mistake(("settings",), f"{field}: {details['msg']} (here, or in the business's file)")


def _wrong_records(document: Document, read: Golden) -> Iterable[Mistake]:
    """Find records that are not what the business's vertical keeps of its customers."""
    try:
        vertical = Verticals().named(read.business.profile)
    except ProfileUnknownError as error:
        yield document.mistake(("business",), str(error))
        return
    for place in _places_of_records(read.dialogue):
        if not isinstance(vertical, RecordKeeper):
            yield document.mistake(place, f"{read.business.profile} keeps no records: leave them out")
            continue
        try:
            document.read(vertical.record, place)
        except DialogueError as error:
            yield from (mistake for mistake in error.mistakes)


def _places_of_records(dialogue: Dialogue) -> Iterable[Place]:
    """Return where records are given that are staged; those after it are patterns."""
    people = {("before", "person"): dialogue.before.person} | {
        ("before", "others", number): other for number, other in enumerate(dialogue.before.others)
    }
    return [(*place, "records", number) for place, person in people.items() for number in range(len(person.records))]


def _business(file: Path, named: str | Business) -> tuple[Business, Path]:
    """Return the business of a dialogue, and the file that describes it."""
    if isinstance(named, Business):
        return named, file
    for folder in file.parents:
        described = folder / BUSINESSES / f"{named}.yaml"
        if described.is_file():
            return read_document(described, Business), described
    remedy = f"there is no {BUSINESSES}/{named}.yaml beside or above this file: write it, or the business itself here"
    raise DialogueError([Mistake(file, 1, "business", remedy)])


def _catalog(home: Path, catalog: str | dict[str, Any]) -> str:
    if not isinstance(catalog, str):
        return yaml.safe_dump(catalog, allow_unicode=True)
    file = home.parent / catalog
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        remedy = f"{file} cannot be read: give a path as seen from this file, or the catalog itself"
        raise DialogueError([Mistake(home, 1, "catalog", remedy)]) from error
