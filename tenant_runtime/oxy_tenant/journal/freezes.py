"""Whether what was accepted is held back: the newest word of it, which outlives the process."""

import structlog
from pydantic import ValidationError

from oxy_core.freeze import Freeze
from oxy_tenant.journal.database import JournalDatabase

log = structlog.get_logger()


class Freezes:
    """The newest `Freeze` of one instance."""

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    @property
    def current(self) -> Freeze | None:
        """The newest; None: there was never any."""
        text = self._journal.read("SELECT freeze FROM identity")[0][0]
        try:
            return None if text is None else Freeze.model_validate_json(text, extra="ignore")
        except ValidationError:
            log.warning("freeze_unreadable")  # only a newer version can read it; the settings file says it again
            return None

    def keep(self, freeze: Freeze) -> None:
        """Store a newer one; raises JournalError."""
        with self._journal.transaction() as database:
            database.execute("UPDATE identity SET freeze = ?", (freeze.model_dump_json(),))
