"""Builds the link, the stored session and the loss audit."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oxy_core.instance.proxy_url import ProxyUrl
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.events import DeviceRefused, LoginRefused
from oxy_tenant.links.neonize.chain_watch import ChainWatch, owed_at_start
from oxy_tenant.links.neonize.client_facts import ClientFacts, client_facts
from oxy_tenant.links.neonize.link import NeonizeLink
from oxy_tenant.links.neonize.loss_audit import LossAudit
from oxy_tenant.links.neonize.session_store import SessionStore
from oxy_tenant.links.protocol import LossSink
from oxy_tenant.own_account import OwnAccount


@dataclass(frozen=True, slots=True)
class NeonizeAdapter:
    """The parts that work together on one session."""

    link: NeonizeLink
    session: SessionStore
    audit: LossAudit
    client: ClientFacts | None
    """Which client the library claims to be; None if that is unknown."""


def open_adapter(  # noqa: PLR0913 its collaborators, each by name
    folder: Path,
    journal: Journal,
    account: OwnAccount,
    *,
    browser: str,
    proxy: ProxyUrl | None,
    stopping: asyncio.Event,
    frozen: Callable[[], bool],
    on_lost: LossSink,
    on_last_words: Callable[[LoginRefused], None],
    on_device_refused: Callable[[DeviceRefused], None],
) -> NeonizeAdapter:
    """Load the library, for the session in `folder`; raises LinkError.

    The link connects through `proxy` alone, identifies `account` when it connects, and sends no fillers once `stopping`
    is set or while `frozen`. The audit tells `on_lost` what was lost. `on_last_words` is told, in a thread of the
    link, of a refused login over which the library is about to end the process; `on_device_refused`, likewise, of one
    over which it is about to delete its device.
    """
    session = SessionStore(folder)
    audit = LossAudit(journal.inbound, journal.sends, session, on_lost)
    owed = owed_at_start(journal.fillers.noted(), journal.fillers.last_sends())
    link = NeonizeLink(
        session.path,
        browser=browser,
        proxy=proxy,
        account=account,
        watch=ChainWatch(account, owed, journal.fillers.note),
        newest_sent=journal.sends.newest_sent,
        on_copy_refused=audit.note_refused,
        on_last_words=on_last_words,
        on_device_refused=on_device_refused,
        stopping=stopping,
        frozen=frozen,
    )
    return NeonizeAdapter(link, session, audit, client_facts())
