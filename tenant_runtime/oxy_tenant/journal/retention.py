"""How long the journal keeps finished entries."""

from datetime import datetime, timedelta
from typing import Final

from oxy_tenant.journal.database import JournalDatabase

REPORTS_KEPT: Final = timedelta(days=7)
"""How long reports stay after the bus acknowledged them."""

IDENTITIES_KEPT: Final = timedelta(days=60)
"""How long ids of messages and send requests stay to detect duplicates, which arrive far sooner."""

EDITABLE_KEPT: Final = timedelta(days=7)
"""How long the secret stays by which an edit of a message is read. Phones edit for 15 minutes, but WhatsApp may keep
the edit as long as this pod is away."""

PRUNE_EVERY: Final = timedelta(hours=1)

TRIM_BATCH: Final = 500
"""Reports that one transaction deletes: messages that arrive meanwhile wait for it."""


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
        editable_before = (now - EDITABLE_KEPT).timestamp()
        database.execute("DELETE FROM answerables WHERE kept_at < ? AND brief = 1", (editable_before,))
        database.execute("DELETE FROM quick_answers WHERE said_at < ?", (identities_before,))
        database.execute("DELETE FROM erasures WHERE ended_at < ?", (identities_before,))


def trim(journal: JournalDatabase, excess: int) -> int:
    """Delete the oldest reports that the bus has acknowledged, of `excess` bytes or a few more; return their number.

    They are kept only to be published again, in case that the platform loses them.
    """
    dropped = 0
    while excess > 0:
        with journal.transaction(durable=False) as database:
            rows = database.execute(
                "DELETE FROM reports WHERE number IN (SELECT number FROM reports WHERE published = 1 ORDER BY number "
                "LIMIT ?) RETURNING length(envelope)",
                (TRIM_BATCH,),
            ).fetchall()
        if not rows:
            break
        dropped += len(rows)
        excess -= sum(size for (size,) in rows)
    return dropped
