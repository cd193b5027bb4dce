"""Receipts for messages that this pod sent: each is reported once, with the request that it belongs to."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final
from uuid import UUID

from oxy_core.identity import Jid
from oxy_core.report_bodies import MAX_RECEIPTS, ReceiptKind, ReceiptsSeen
from oxy_core.trace import new_trace
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.reports import Reports

_RANKS: Final = {ReceiptKind.DELIVERED: 1, ReceiptKind.READ: 2, ReceiptKind.PLAYED: 3}
"""Each includes what is before it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one message met."""

    kind: ReceiptKind
    whatsapp_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Joined:
    receipt: Receipt
    request_id: str
    chat: str


class SendReceipts:
    """The receipts of one instance's sends."""

    def __init__(self, journal: JournalDatabase, reports: Reports) -> None:
        self._journal = journal
        self._reports = reports

    def report(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Journal what is news about messages of ours, in one flush; return the receipts of messages not known here."""
        requests = self._requests_of(receipts)
        joined = [_Joined(one, *requests[one.whatsapp_id]) for one in receipts if one.whatsapp_id in requests]
        if joined:
            with self._journal.transaction() as database:
                news = [one for one in joined if _is_news(database, one)]
                for body in _bodies(news):
                    self._reports.append(database, body, new_trace())
        return [one for one in receipts if one.whatsapp_id not in requests]

    def _requests_of(self, receipts: Sequence[Receipt]) -> dict[str, tuple[str, str]]:
        """Return request id and chat by WhatsApp id."""
        query = (
            "SELECT whatsapp_id, request_id, chat FROM sends "
            "WHERE whatsapp_id IN (SELECT value FROM json_each(?)) AND ended_at IS NOT NULL AND chat <> ''"
        )
        rows = self._journal.read(query, json.dumps([receipt.whatsapp_id for receipt in receipts]))
        return {whatsapp_id: (request_id, chat) for whatsapp_id, request_id, chat in rows}


def _is_news(database: sqlite3.Connection, joined: _Joined) -> bool:
    """Note a receipt; False if another device of the recipient had sent it, or one that includes it.

    Nor is it news once the recipient is forgotten, which may have happened since the request was looked up.
    """
    rank = _RANKS[joined.receipt.kind]
    query = "UPDATE sends SET receipt = ?1 WHERE request_id = ?2 AND receipt < ?1 AND chat <> ''"
    return database.execute(query, (rank, joined.request_id)).rowcount == 1


def _bodies(news: Sequence[_Joined]) -> Iterator[ReceiptsSeen]:
    """Return reports of receipts, as few as possible, those of a kind that includes another after it."""

    def place(one: _Joined) -> tuple[int, str]:
        return _RANKS[one.receipt.kind], one.chat

    for (_, chat), group in groupby(sorted(news, key=place), key=place):
        together = list(group)
        for start in range(0, len(together), MAX_RECEIPTS):
            some = together[start : start + MAX_RECEIPTS]
            yield ReceiptsSeen(
                kind=some[0].receipt.kind,
                request_ids=tuple(UUID(one.request_id) for one in some),
                whatsapp_ids=tuple(one.receipt.whatsapp_id for one in some),
                chat=Jid.parse(chat),
                at=max(one.receipt.at for one in some),
            )
