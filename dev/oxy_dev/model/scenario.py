"""The scenario file: rules in order, the first that fits answers. Pure; the server around it is in `server`."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from oxy_dev.model.text import date_in, fold, time_in

_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+(?:\.[a-zA-Z0-9_]+)*)\}")
_MISSING: Final = object()


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(_Strict):
    """A tool call to answer with."""

    tool: str
    arguments: dict[str, JsonValue] | str = Field(default_factory=dict)
    """Texts are templates; an argument whose template names something missing is left out. A text instead of an object
    is sent as it is, which need not be JSON."""


class Rule(_Strict):
    """When to answer, and what."""

    name: str
    assistant: str | None = None
    """Text that the system prompt holds."""
    user: str | None = None
    """Regular expression for the last user text, without accents and in lower case; named groups can be used."""
    earlier: str | None = None
    """The same for the person's earlier texts, of which the newest that matches counts."""
    said_by_system: str | None = None
    """The same for the last system message after the person's text, which asks for a better answer."""
    after: str | None = None
    """The last tool called since `user`; without it the rule holds only before any tool was called, or wherever
    `said_by_system` is found."""
    has: str | None = None
    """Placeholder that must have a value (and not be empty)."""
    sees: str | None = None
    """Like `user`, for what the pictures of the request show (``foto vermelha de 320x240``); a rule without it does not
    answer a request with pictures."""
    reply: str | None = None
    """Template of the text to answer."""
    calls: tuple[Call, ...] = ()
    times: int | None = Field(default=None, ge=1)
    """How often the rule answers; then the rules after it do. None: always."""

    @field_validator("user", "earlier", "said_by_system", "sees")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            message = f"not a regular expression: {error}"
            raise ValueError(message) from error
        return pattern

    @model_validator(mode="after")
    def _answers(self) -> Self:
        if (self.reply is None) == (not self.calls):
            message = f"rule {self.name!r}: give either reply or calls"
            raise ValueError(message)
        return self


class Scenario(_Strict):
    """All rules; the default is used where none fits."""

    rules: tuple[Rule, ...]
    default: str

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a scenario file; raises pydantic.ValidationError."""
        return cls.model_validate(yaml.safe_load(file.read_text()))


@dataclass(frozen=True, slots=True)
class Situation:
    """What a request says, as far as rules look at it."""

    system: str
    user: str
    earlier: tuple[str, ...]
    """The person's texts before `user`, the newest first."""
    called: tuple[str, ...]
    results: tuple[str, ...]
    today: date
    tools_allowed: bool = True
    said_by_system: str | None = None
    """The last system message after `user`."""
    pictures: tuple[str, ...] = ()
    """What the pictures of the request show."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What is answered, and by which rule."""

    rule: str
    text: str | None
    calls: tuple[tuple[str, str], ...] = ()
    """Tool names with their arguments as JSON."""


def react(scenario: Scenario, situation: Situation) -> Reaction:
    """Return the answer of the first rule that fits, or the default."""
    found = first_fit(scenario.rules, situation)
    return found[1] if found else Reaction("default", render(scenario.default, _values(situation, {})))


def first_fit(rules: Sequence[Rule], situation: Situation) -> tuple[int, Reaction] | None:
    """Return the first rule that fits, by its place, and its answer."""
    for place, rule in enumerate(rules):
        values = _fit(rule, situation)
        if values is not None:
            return place, _react(rule, values)
    return None


def _fit(rule: Rule, situation: Situation) -> Mapping[str, object] | None:
    """Return the placeholders' values if the rule fits."""
    if rule.calls and not situation.tools_allowed:
        return None
    if (rule.sees is None) != (not situation.pictures):
        return None
    if not _is_time(rule, situation) or (rule.assistant is not None and rule.assistant not in situation.system):
        return None
    groups = _all_groups(rule, situation)
    if groups is None:
        return None
    values = _values(situation, groups)
    if rule.has is not None and not _lookup(values, rule.has, default=None):
        return None
    return values


def _is_time(rule: Rule, situation: Situation) -> bool:
    """Whether the rule holds after the tools that were called."""
    if rule.after is None and rule.said_by_system is not None:
        return True
    return rule.after == (situation.called[-1] if situation.called else None)


def _all_groups(rule: Rule, situation: Situation) -> dict[str, str] | None:
    """Return what the named groups of all patterns match; None if one of the patterns is not found."""
    objection = () if situation.said_by_system is None else (situation.said_by_system,)
    sources = (
        (rule.said_by_system, objection),
        (rule.earlier, situation.earlier),
        (rule.user, (situation.user,)),
        (rule.sees, situation.pictures),
    )
    groups: dict[str, str] = {}
    for pattern, texts in sources:
        if pattern is not None:
            found = next((match for text in texts if (match := _groups(pattern, text)) is not None), None)
            if found is None:
                return None
            groups |= found
    return groups


def _groups(pattern: str, text: str) -> dict[str, str] | None:
    """Return what the named groups match, as it was written; None if the pattern is not in the text."""
    match = re.search(pattern, fold(text))
    if match is None:
        return None
    return {name: text[match.start(name) : match.end(name)] for name, value in match.groupdict().items() if value}


def _values(situation: Situation, groups: Mapping[str, str]) -> Mapping[str, object]:
    said = (situation.user, *situation.earlier)
    values: dict[str, object] = {
        "user": situation.user,
        "today": situation.today.isoformat(),
        "system": situation.system,
        "said_by_system": situation.said_by_system or "",
        "results": [_parsed(result) for result in situation.results],
        **groups,
    }
    for day in (found_day for text in said if (found_day := date_in(text, situation.today)) is not None):
        values.setdefault("date", day.isoformat())
    for time in (found_time for text in said if (found_time := time_in(text)) is not None):
        values.setdefault("time", time)
    if situation.results:
        values["result"] = _parsed(situation.results[-1])
    return values


def _parsed(result: str) -> object:
    try:
        parsed: object = json.loads(result)
    except ValueError:
        return result
    return parsed


def _react(rule: Rule, values: Mapping[str, object]) -> Reaction:
    if rule.reply is not None:
        return Reaction(rule.name, render(rule.reply, values))
    return Reaction(rule.name, None, tuple((call.tool, _arguments(call, values)) for call in rule.calls))


def _arguments(call: Call, values: Mapping[str, object]) -> str:
    if isinstance(call.arguments, str):
        return call.arguments
    rendered = {name: _filled(value, values) for name, value in call.arguments.items()}
    return json.dumps({name: value for name, value in rendered.items() if value is not _MISSING}, ensure_ascii=False)


def _filled(value: JsonValue, values: Mapping[str, object]) -> object:
    """Fill the templates in a value; what names something missing is left out."""
    match value:
        case str():
            named = (match[1] for match in _PLACEHOLDER.finditer(value))
            known = all(_lookup(values, name, default=_MISSING) is not _MISSING for name in named)
            return render(value, values) if known else _MISSING
        case list():
            return [found for item in value if (found := _filled(item, values)) is not _MISSING]
        case dict():
            filled = {name: _filled(below, values) for name, below in value.items()}
            return {name: below for name, below in filled.items() if below is not _MISSING}
        case _:
            return value


def render(template: str, values: Mapping[str, object]) -> str:
    """Fill a template: ``{path.to.value}``; lists are joined by commas, what is missing becomes empty."""
    return _PLACEHOLDER.sub(lambda match: _shown(_lookup(values, match[1], default="")), template)


def _shown(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    return str(value)


def _lookup(values: Mapping[str, object], path: str, *, default: object) -> object:
    found: object = values
    for part in path.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, Sequence) and not isinstance(found, str) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return default
    return found
