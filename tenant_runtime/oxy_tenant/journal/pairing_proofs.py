"""Whether a linked phone has to prove itself, and did: one notice for each time that a phone is linked.

The proof is owed from the moment at which a code is offered, because the process may die before it sees what became of
the code. A phone that was linked by older code owes none.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from oxy_core.identity import new_id
from oxy_core.instance.pairing_proof import PairingProof
from oxy_core.report_bodies import InstanceEvent
from oxy_core.trace import new_trace
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.reports import Reports

_STATES: Final = frozenset(PairingProof)


@dataclass(frozen=True, slots=True)
class OwedProof:
    """The proof of the newest device."""

    request_id: UUID
    """Of the request to send the notice: a request is sent once."""
    state: PairingProof


class PairingProofs:
    """The proofs of one instance; only the newest is kept."""

    def __init__(self, journal: JournalDatabase, reports: Reports) -> None:
        self._journal = journal
        self._reports = reports

    def newest(self) -> OwedProof | None:
        """Return the proof of the newest device; None: it owes none, or one that only a newer version knows."""
        rows = self._journal.read(
            "SELECT request_id, state FROM pairing_proofs WHERE begun ORDER BY number DESC LIMIT 1"
        )
        known = [(UUID(request_id), PairingProof(state)) for request_id, state in rows if state in _STATES]
        return OwedProof(*known[0]) if known else None

    def owe(self) -> None:
        """Note that a code is offered, so that the next device is new."""
        with self._journal.transaction() as database:
            if _owed(database) is None:
                row = (str(new_id()), PairingProof.WAITING.value)
                database.execute("INSERT INTO pairing_proofs (request_id, state, begun) VALUES (?, ?, 0)", row)

    def forget(self) -> None:
        """Note that a code is offered, and that whoever uses it owes nothing: what others owed or proved is over."""
        with self._journal.transaction() as database:
            database.execute("DELETE FROM pairing_proofs")

    def begin(self) -> OwedProof | None:
        """Return the proof of the device that has just connected; None if it owes none."""
        with self._journal.transaction() as database:
            owed = _owed(database)
            if owed is not None:
                database.execute("DELETE FROM pairing_proofs WHERE begun")
                database.execute("UPDATE pairing_proofs SET begun = 1 WHERE number = ?", (owed,))
        return self.newest()

    def settle(self, proof: OwedProof, state: PairingProof, event: InstanceEvent) -> None:
        """Record how far a proof is, and report it, once."""
        with self._journal.transaction() as database:
            row = (state.value, str(proof.request_id))
            changed = database.execute(
                "UPDATE pairing_proofs SET state = ?1 WHERE request_id = ?2 AND state <> ?1", row
            )
            if changed.rowcount:
                self._reports.append(database, event, new_trace())


def _owed(database: sqlite3.Connection) -> int | None:
    row = database.execute("SELECT number FROM pairing_proofs WHERE NOT begun").fetchone()
    return None if row is None else int(row[0])
