"""Everything that neonize brings, put together."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from oxy_tenant.account import OwnAccount
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.neonize.chain_watch import ChainWatch, owed_at_start
from oxy_tenant.links.neonize.link import NeonizeLink
from oxy_tenant.links.neonize.loss_audit import LossAudit
from oxy_tenant.links.neonize.session_store import SessionStore


@dataclass(frozen=True, slots=True)
class NeonizeAdapter:
    """A link, the session that it stores, and the search for what it lost."""

    link: NeonizeLink
    session: SessionStore
    audit: LossAudit


def open_adapter(
    folder: Path, journal: Journal, account: OwnAccount, *, browser: str, stopping: asyncio.Event
) -> NeonizeAdapter:
    """Load the library, for the session in `folder`; raises LinkError. `account` is identified once connected.

    `stopping` is set when nothing more is to be sent.
    """
    session = SessionStore(folder)
    audit = LossAudit(journal.inbound, journal.sends, session)
    owed = owed_at_start(journal.fillers.noted(), journal.fillers.last_sends())
    link = NeonizeLink(
        session.path,
        browser=browser,
        account=account,
        watch=ChainWatch(account, owed, journal.fillers.note),
        newest_sent=journal.sends.newest_sent,
        on_copy_refused=audit.note_refused,
        stopping=stopping,
    )
    return NeonizeAdapter(link, session, audit)
