"""Prompts as files: text with typed variables, so that whoever writes one need not read code.

`{{ name }}` stands for a field of the prompt's variables. A paragraph of which all variables are empty is left out.
"""

import dataclasses
import hashlib
import re
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, TypeVar

_VARIABLE: Final = re.compile(r"\{\{ (\w+) \}\}")
_BRACES: Final = re.compile(r"\{\{|\}\}")
_PARAGRAPH: Final = re.compile(r"\n\s*\n")

HASH_LENGTH: Final = 16
"""Hexadecimal digits of a prompt's hash: enough to tell the versions of a prompt apart."""


class Variables(Protocol):
    """The values of a prompt's variables: a dataclass whose fields are texts."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


V = TypeVar("V", bound=Variables)


class PromptFileError(Exception):
    """A prompt's file and its variables do not agree."""


@dataclass(frozen=True, slots=True)
class PromptFile(Generic[V]):
    """A prompt as it is written."""

    text: str
    variables: type[V]

    @classmethod
    def read(cls, file: Traversable, variables: type[V]) -> "PromptFile[V]":
        """Read a prompt; raises PromptFileError if it has not exactly the variables that it is given."""
        text = file.read_text(encoding="utf-8").strip()
        used, known = set(_VARIABLE.findall(text)), {field.name for field in dataclasses.fields(variables)}
        if used != known or _BRACES.search(_VARIABLE.sub("", text)):
            message = f"{file.name}: wrong or unused variables, or braces that are none: {sorted(used ^ known)}"
            raise PromptFileError(message)
        return cls(text, variables)

    @property
    def wording(self) -> str:
        """What is the same for everybody: the prompt without its variables."""
        return _VARIABLE.sub("", self.text)

    def fill(self, values: V) -> str:
        """Return the prompt with these values, which are not searched for variables themselves."""
        texts = {field.name: getattr(values, field.name) for field in dataclasses.fields(values)}
        paragraphs = (_filled(paragraph, texts) for paragraph in _PARAGRAPH.split(self.text))
        return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _filled(paragraph: str, texts: dict[str, str]) -> str:
    names = _VARIABLE.findall(paragraph)
    if names and not any(texts[name] for name in names):
        return ""
    return _VARIABLE.sub(lambda match: texts[match[1]], paragraph).strip()


def hash_of(*files: PromptFile[Any]) -> str:
    """Return which version of a prompt these files are: it is stored with each interaction."""
    return hashlib.sha256("\0".join(file.text for file in files).encode()).hexdigest()[:HASH_LENGTH]


if TYPE_CHECKING:

    @dataclass
    class _Example:
        name: str

    _: type[Variables] = _Example
