"""Since when this device is linked: what was sent before is not answered late."""

from datetime import UTC, datetime, timedelta
from typing import Final

from oxy_core.identity import Jid
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.instance_events import InstanceEvents

TOLERANCE: Final = timedelta(seconds=2)
"""WhatsApp's times have whole seconds."""


class LinkedDevice:
    """The device that this journal's messages were received on."""

    def __init__(self, journal: JournalDatabase, events: InstanceEvents) -> None:
        self._journal = journal
        self._events = events
        device, linked_at = journal.read("SELECT linked_device, linked_at FROM identity")[0]
        self._device: str | None = device
        self._linked_at = None if linked_at is None else datetime.fromtimestamp(linked_at, UTC)

    @property
    def known(self) -> bool:
        """Whether one was ever noted; it stays when it is unlinked."""
        return self._device is not None

    def follow(self, device: Jid, at: datetime) -> None:
        """Note which device is linked; if it is another than before, it is so since `at`, by WhatsApp's clock.

        May be called from any thread.
        """
        name = str(device)
        if name == self._device:
            return
        since = None if self._device is None and self._has_messages() else at
        with self._journal.transaction() as database:
            if database.execute("SELECT linked_device FROM identity").fetchone()[0] == name:
                return  # another thread was first
            row = (name, None if since is None else since.timestamp())
            database.execute("UPDATE identity SET linked_device = ?, linked_at = ?", row)
            self._events.linked(database, device)
        self._device, self._linked_at = name, since
        self._events.phone_seen(at)  # it was just used

    def _has_messages(self) -> bool:
        """Whether older code, which did not note the device, has received messages: nobody knows since when."""
        return bool(self._journal.read("SELECT EXISTS (SELECT 1 FROM messages)")[0][0])

    def is_before(self, sent_at: datetime) -> bool:
        """Whether a message was sent before the device was linked."""
        return self._linked_at is not None and sent_at < self._linked_at - TOLERANCE
