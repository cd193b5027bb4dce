"""The proof that a linked phone owes, as far as it needs no phone."""

import asyncio
from pathlib import Path

from unit.tenant.links import environment_in
from unit.tenant.test_pairing_proofs import EVENT
from unit.tenant.test_sender import reached

from oxy_core.envelopes import ConnectionState
from oxy_core.identity import Jid
from oxy_core.instance.pairing_proof import PairingProof
from oxy_tenant.connection.live_state import StateBoard, Stored
from oxy_tenant.journal.journal import Journal
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.pairing_check import PairingCheck
from oxy_tenant.sending.receipts import Confirmations
from oxy_tenant.settings_file import SettingsFile


async def test_a_notice_that_the_journal_has_forgotten_is_not_looked_for_again_and_again(tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop")
    journal.pairing_proofs.owe()
    proof = journal.pairing_proofs.begin()
    assert proof is not None
    journal.pairing_proofs.settle(proof, PairingProof.RECEIPT_MISSING, EVENT)
    account = OwnAccount()
    account.identify(Jid.parse("5511900000001@s.whatsapp.net"))
    board = StateBoard(environment, Stored)
    check = PairingCheck(
        environment=environment,
        journal=journal,
        settings=SettingsFile(environment),
        account=account,
        board=board,
        receipts=Confirmations(),
        enqueue=lambda _: None,
    )
    running = asyncio.create_task(check.run())
    board.update(connection=ConnectionState.CONNECTED)
    await reached(lambda: board.state.pairing_proof is not None)
    await reached(lambda: len(asyncio.all_tasks()) == 2)  # this test and the check: nothing more is waited for
    running.cancel()
    await asyncio.wait({running})
    journal.close()
    assert board.state.pairing_proof is PairingProof.RECEIPT_MISSING
