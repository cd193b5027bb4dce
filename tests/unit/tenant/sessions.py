"""Creates session files with those of the library's tables that the runtime reads."""

import sqlite3
from contextlib import closing
from pathlib import Path

from oxy_tenant.assembly import loss_sink
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.neonize.loss_audit import LossAudit
from oxy_tenant.links.neonize.session_store import SessionStore

TABLES = """
CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY, lid TEXT);
CREATE TABLE whatsmeow_message_secrets (
  our_jid TEXT, chat_jid TEXT, sender_jid TEXT, message_id TEXT, key BLOB NOT NULL,
  PRIMARY KEY (our_jid, chat_jid, sender_jid, message_id)
);
"""


def make_session(path: Path, *, paired: bool = True) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(TABLES)
        if paired:
            database.execute("INSERT INTO whatsmeow_device VALUES ('5511900000001:1@s.whatsapp.net', '999:1@lid')")


def add_secret(
    path: Path, whatsapp_id: str | bytes, secret: bytes, chat: str = "111@lid", sender: str = "111@lid"
) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        [(own,)] = database.execute("SELECT jid FROM whatsmeow_device").fetchall()
        row = (own, chat, sender, whatsapp_id, secret)
        query = "INSERT INTO whatsmeow_message_secrets VALUES (?, ?, ?, CAST(? AS TEXT), ?)"
        database.execute(query, row)


def audit_of(journal: Journal, store: SessionStore) -> LossAudit:
    """Return an audit that journals what it finds, as the runtime's does."""
    return LossAudit(journal.inbound, journal.sends, store, loss_sink(journal))
