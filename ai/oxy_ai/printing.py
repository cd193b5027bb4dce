"""What administrators' commands print of many things: a JSON document a line, as they happen."""

import json
from typing import NamedTuple

from pydantic import BaseModel


class Printed(NamedTuple):
    """The answer of a command that has printed everything already."""

    fine: bool = True
    """Whether everything is as it should be."""


def print_document(document: BaseModel) -> None:
    """Print a document on a line of its own, at once."""
    print(json.dumps(document.model_dump(mode="json", exclude_none=True), ensure_ascii=False), flush=True)  # noqa: T201 the command's result
