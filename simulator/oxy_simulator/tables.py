"""Collections that know what to save: which of their rows may have changed.

Code that changes a row in place does not say so. What counts is that it reached the row by its key,
so `touched` may name rows that are the same as before, but never misses one. Looking at all rows
(iteration) does not count.
"""

from collections.abc import Iterable
from types import GenericAlias
from typing import Any, SupportsIndex, TypeVar, get_args, overload

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class Table(dict[K, V]):
    """Rows by key, in the order in which they were added."""

    __slots__ = ("touched",)

    def __init__(self, rows: Iterable[tuple[K, V]] | dict[K, V] = ()) -> None:
        super().__init__(rows)
        self.touched: dict[K, bool | None] = dict.fromkeys(self)
        """Rows that may have changed: True if removed (and perhaps added again), None if new and never saved."""

    def __getitem__(self, key: K) -> V:
        self.touched.setdefault(key, False)
        return super().__getitem__(key)

    def __setitem__(self, key: K, row: V) -> None:
        if key not in self:
            self.touched[key] = self.touched.pop(key, None)  # rows are saved in the order of their addition
        else:
            self.touched.setdefault(key, False)
        super().__setitem__(key, row)

    def __delitem__(self, key: K) -> None:
        super().__delitem__(key)
        self._forget(key)

    @overload
    def get(self, key: K, default: None = None, /) -> V | None: ...
    @overload
    def get(self, key: K, default: T, /) -> V | T: ...
    def get(self, key: K, default: object = None, /) -> object:
        """Return a row, which counts as touched if it exists."""
        row = super().get(key, default)
        if row is not default:
            self.touched.setdefault(key, False)
        return row

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, default: T, /) -> V | T: ...
    def pop(self, key: K, *default: object) -> object:
        """Remove a row and return it."""
        if key in self:
            self._forget(key)
        return super().pop(key, *default)

    def setdefault(self, key: K, default: V, /) -> V:
        """Return a row, added if it is new."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove every row."""
        for key in self:
            self._forget(key)
        super().clear()

    def take_touched(self) -> dict[K, bool | None]:
        """Return what may have changed since the last call, and whether it was removed (and perhaps added again).

        What came and went meanwhile, as most mail does, is not among it.
        """
        touched, self.touched = self.touched, {}
        return touched

    def _forget(self, key: K) -> None:
        """Note that a row goes; of one that was never saved nothing is left to remove."""
        if self.touched.get(key, False) is None:
            del self.touched[key]
        else:
            self.touched[key] = True

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 - pydantic's signature
        """Let pydantic read it as it reads a dictionary."""
        key, row = get_args(source)
        return core_schema.no_info_after_validator_function(
            cls, handler.generate_schema(GenericAlias(dict, (key, row)))
        )


class History(list[V]):
    """A list whose entries keep their number, counted from 1, when the oldest are forgotten."""

    __slots__ = ("forgotten", "touched")

    def __init__(self, entries: Iterable[V] = (), forgotten: int = 0) -> None:
        super().__init__(entries)
        self.forgotten = forgotten
        self.touched: dict[int, None] = dict.fromkeys(range(forgotten + 1, self.next_number))

    @property
    def next_number(self) -> int:
        """The number of the entry that comes next."""
        return self.forgotten + len(self) + 1

    def append(self, entry: V) -> None:
        """Add an entry."""
        self.touched[self.next_number] = None
        super().append(entry)

    @overload
    def __setitem__(self, index: SupportsIndex, entry: V) -> None: ...
    @overload
    def __setitem__(self, index: slice, entry: Iterable[V]) -> None: ...
    def __setitem__(self, index: SupportsIndex | slice, entry: Any) -> None:
        super().__setitem__(index, entry)
        for position in range(*index.indices(len(self))) if isinstance(index, slice) else [index.__index__()]:
            self.touched[self.forgotten + position % len(self) + 1] = None

    def after(self, number: int) -> list[V]:
        """Return the kept entries after a number."""
        return self[max(number - self.forgotten, 0) :]

    def numbered(self, number: int) -> V | None:
        """Return an entry by its number, or None if it is forgotten."""
        position = number - self.forgotten - 1
        return self[position] if 0 <= position < len(self) else None

    def forget_oldest(self) -> V:
        """Forget the oldest entry and return it."""
        oldest = self.pop(0)
        self.forgotten += 1
        self.touched[self.forgotten] = None
        return oldest

    def take_touched(self) -> list[int]:
        """Return the numbers of the entries that changed since the last call, also of forgotten ones."""
        touched, self.touched = list(self.touched), {}
        return touched

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 - pydantic's signature
        """Let pydantic read it as it reads a list."""
        (entry,) = get_args(source)
        return core_schema.no_info_after_validator_function(cls, handler.generate_schema(GenericAlias(list, (entry,))))
