"""Writes what a worker hands out of a person, piece by piece, as one JSON document. Pure."""

import json
from collections.abc import Iterable, Iterator

from oxy_core.contact_command import ExportPiece


def document_of(pieces: Iterable[ExportPiece]) -> Iterator[str]:
    """Yield the text of the document: the person, ``records`` by table, and ``files`` with their ``content``."""
    document = _Document()
    for piece in pieces:
        yield from document.add(piece)
    yield document.end()


class _Document:
    """Where in the document the next piece goes."""

    def __init__(self) -> None:
        self._table: str | None = None
        self._in_files = False
        self._in_content = False

    def add(self, piece: ExportPiece) -> Iterator[str]:
        if piece.person is not None:
            yield f'{{\n  "person": {piece.person.model_dump_json()},\n  "records": {{'
        elif piece.record is not None:
            yield f"{self._before_record(piece.table)}\n      {json.dumps(piece.record, ensure_ascii=False)}"
        elif piece.file is not None:
            # Its brace stays open for the content.
            yield f"{self._before_file()}\n    {json.dumps(piece.file, ensure_ascii=False)[:-1]}"
        elif piece.part is not None:
            yield piece.part if self._in_content else f', "content": "{piece.part}'
            self._in_content = True

    def end(self) -> str:
        files = self._end_file() if self._in_files else f'{self._end_records()},\n  "files": ['
        return f"{files}\n  ]\n}}\n"

    def _before_record(self, table: str | None) -> str:
        if table == self._table:
            return ","
        before = "" if self._table is None else "\n    ],"
        self._table = table
        return f"{before}\n    {json.dumps(table)}: ["

    def _before_file(self) -> str:
        before = f"{self._end_file()}," if self._in_files else f'{self._end_records()},\n  "files": ['
        self._in_files, self._in_content = True, False
        return before

    def _end_records(self) -> str:
        return "\n  }" if self._table is None else "\n    ]\n  }"

    def _end_file(self) -> str:
        return '"}' if self._in_content else "}"
