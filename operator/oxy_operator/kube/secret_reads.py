"""Which Secrets of tenants were read for which instance, so that a change of one is noticed; keeps no contents.

Of the Secrets in the cluster only the metadata is watched. Whoever reads one first announces it, so that a change that
arrives during the read counts already. A change drops what was noted and enqueues the instance, which reads again.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from oxy_operator.objects import Key, Object

_UNREAD: Final = -1
"""Announced, but not read yet: any change counts."""


class SecretReads:
    """What was read, by Secret and instance. A sink of the watch on all Secrets."""

    def __init__(self, enqueue: Callable[[Key], None]) -> None:
        self._enqueue = enqueue
        self._read: defaultdict[tuple[str, str], dict[Key, int]] = defaultdict(dict)

    def announce(self, reader: Key, name: str) -> None:
        """Note that an instance is about to read a Secret of its namespace."""
        self._read[reader.namespace, name][reader] = _UNREAD

    def done(self, reader: Key, name: str, version: int) -> None:
        """Note which version was read, 0 if the Secret does not exist, unless it has changed since `announce`."""
        readers = self._read.get((reader.namespace, name), {})
        if reader in readers:
            readers[reader] = version

    def current(self, reader: Key, name: str) -> bool:
        """Whether a Secret is still as the instance has read it."""
        return self._read.get((reader.namespace, name), {}).get(reader, _UNREAD) != _UNREAD

    def drop(self, reader: Key) -> None:
        """Forget what an instance has read."""
        for place in [place for place, readers in self._read.items() if reader in readers]:
            self._left(place, {reader})

    def observe(self, live: Object) -> Key | None:
        """Note a Secret's present version."""
        metadata = live["metadata"]
        place, version = (metadata["namespace"], metadata["name"]), int(metadata["resourceVersion"])
        readers = self._read.get(place, {})
        self._changed(place, {reader for reader, read in readers.items() if read < version})
        return None

    def forget(self, namespace: str, name: str) -> Key | None:
        """Note that a Secret does not exist."""
        readers = self._read.get((namespace, name), {})
        self._changed((namespace, name), {reader for reader, read in readers.items() if read != 0})
        return None

    def known(self) -> set[tuple[str, str]]:
        """Return namespace and name of every Secret that was read."""
        return set(self._read)

    def _changed(self, place: tuple[str, str], readers: set[Key]) -> None:
        self._left(place, readers)
        for reader in readers:
            self._enqueue(reader)

    def _left(self, place: tuple[str, str], readers: set[Key]) -> None:
        for reader in readers:
            del self._read[place][reader]
        if place in self._read and not self._read[place]:
            del self._read[place]
