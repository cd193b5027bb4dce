"""What the garbage collector walks through."""

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from oxy_core.heap import keep_loaded_objects


class Node:
    """One end of a reference cycle."""

    def __init__(self) -> None:
        self.other = self


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_only_what_is_made_later_is_looked_at() -> None:
    loaded = {"a module": [object()]}
    keep_loaded_objects()
    assert not any(found is loaded for found in gc.get_objects())
    garbage = ref(Node())
    gc.collect()
    assert garbage() is None


@pytest.mark.usefixtures("thawed")
def test_garbage_is_not_kept() -> None:
    garbage = ref(Node())
    keep_loaded_objects()
    assert garbage() is None
