"""How many fillers each contact is owed, across restarts. For fillers see docs/decisions/0012-fillers.md."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from oxy_tenant.journal.database import JournalDatabase

LAST_MOMENTS: Final = timedelta(seconds=5)
"""A rollback less than this before a run ended may not have been noted; noting one takes far less time."""


class OwedFillers:
    """The number of fillers owed to each contact."""

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    def noted(self) -> dict[str, int]:
        """Return the numbers stored by `note`."""
        return dict(self._journal.read("SELECT contact, fillers FROM owed_fillers"))

    def last_sends(self) -> dict[str, int]:
        """Return how many messages were sent to each chat in the last moments of the previous run."""
        query = (
            "SELECT chat, count(*) FROM sends WHERE state = 'sending' "
            "OR ended_at >= (SELECT max(ended_at) FROM sends) - ? GROUP BY chat"
        )
        return dict(self._journal.read(query, LAST_MOMENTS.total_seconds()))

    def note(self, owed: Mapping[str, int]) -> None:
        """Store how many fillers these contacts are owed now."""
        with self._journal.transaction(durable=False) as database:
            for contact, fillers in owed.items():
                if fillers:
                    database.execute(
                        "INSERT OR REPLACE INTO owed_fillers (contact, fillers) VALUES (?, ?)", (contact, fillers)
                    )
                else:
                    database.execute("DELETE FROM owed_fillers WHERE contact = ?", (contact,))
