"""How long the journal keeps finished entries."""

from datetime import datetime, timedelta
from typing import Final

from oxy_tenant.journal.database import JournalDatabase

REPORTS_KEPT: Final = timedelta(days=7)
"""How long reports stay after the bus acknowledged them."""

IDENTITIES_KEPT: Final = timedelta(days=60)
"""How long ids of messages and send requests stay to detect duplicates, which arrive far sooner."""

PRUNE_EVERY: Final = timedelta(hours=1)


def prune(journal: JournalDatabase, now: datetime) -> None:
    """Delete acknowledged reports and ids past their retention."""
    reports_before = (now - REPORTS_KEPT).timestamp()
    identities_before = (now - IDENTITIES_KEPT).timestamp()
    with journal.transaction(durable=False) as database:
        database.execute("DELETE FROM reports WHERE published = 1 AND written_at < ?", (reports_before,))
        database.execute("DELETE FROM messages WHERE seen_at < ?", (identities_before,))
        database.execute("DELETE FROM sends WHERE ended_at < ?", (identities_before,))
        database.execute("DELETE FROM secrets WHERE made_at < ?", (identities_before,))
        database.execute("DELETE FROM losses WHERE found_at < ?", (identities_before,))
        database.execute("DELETE FROM answerables WHERE kept_at < ?", (identities_before,))
        database.execute("DELETE FROM quick_answers WHERE said_at < ?", (identities_before,))
        database.execute("DELETE FROM erasures WHERE ended_at < ?", (identities_before,))
