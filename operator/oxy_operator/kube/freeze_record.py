"""The record of what is frozen, as it was last seen: a sink of the watch on it."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from oxy_core.errors import ContractError
from oxy_core.freeze import RECORD_KEY, RECORD_LABELS, RECORD_NAME, Freeze, FreezeRecord
from oxy_operator.objects import Key, Object

FREEZE_RECORDS: Final = ",".join(f"{name}={value}" for name, value in RECORD_LABELS.items())
"""Selects the ConfigMap that holds the record."""

log = structlog.get_logger()


class FreezeStore:
    """The record of this installation. `on_change` is called when it says something else."""

    def __init__(self, namespace: str, on_change: Callable[[], None]) -> None:
        self._namespace = namespace
        self._on_change = on_change
        self._record: FreezeRecord | None = None
        self._exists = False
        self.changed = asyncio.Event()
        """Set with each change."""

    def of(self, organization: str) -> Freeze | None:
        """Return what the instances of an organization are told; None: nobody has ever frozen anything."""
        return None if self._record is None else self._record.of(organization)

    def observe(self, live: Object) -> Key | None:
        """Read the record; one that cannot be read changes nothing."""
        if not self._is_ours(live["metadata"]["namespace"], live["metadata"]["name"]):
            return None
        self._exists = True
        try:
            record = FreezeRecord.read(str((live.get("data") or {}).get(RECORD_KEY)))
        except ContractError as error:
            log.warning("freeze_record_unreadable", error=f"ConfigMap {RECORD_NAME}, key {RECORD_KEY}: {error}")
            return None
        if record != self._record:
            self._record = record
            self.changed.set()
            self._on_change()
        return None

    def forget(self, namespace: str, name: str) -> Key | None:
        """Note that the record was deleted: what it said last goes on to hold, because only `oxy thaw` thaws."""
        if self._is_ours(namespace, name):
            self._exists = False
            log.warning("freeze_record_deleted", advice="what it said last goes on to hold; oxy thaw writes a new one")
        return None

    def known(self) -> set[tuple[str, str]]:
        """Return namespace and name of the record, if it exists."""
        return {(self._namespace, RECORD_NAME)} if self._exists else set()

    def _is_ours(self, namespace: str, name: str) -> bool:
        return (namespace, name) == (self._namespace, RECORD_NAME)
