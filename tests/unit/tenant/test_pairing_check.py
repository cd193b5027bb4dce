"""The proof that a linked phone owes, as far as it needs no phone."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from unit.tenant.links import environment_in
from unit.tenant.test_pairing_proofs import EVENT
from unit.tenant.test_sender import reached

from oxy_core.envelopes import ConnectionState
from oxy_core.identity import Jid
from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer
from oxy_core.instance.pairing_proof import PairingProof
from oxy_tenant.connection.live_state import StateBoard, Stored
from oxy_tenant.journal.journal import Journal
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.pairing_check import PairingCheck
from oxy_tenant.sending.receipts import Confirmations
from oxy_tenant.settings import RuntimeSettings
from oxy_tenant.settings_file import SettingsFile


async def test_a_phone_that_owes_no_proof_is_not_shown_with_that_of_the_phone_before(tmp_path: Path) -> None:
    environment = environment_in(tmp_path, confirm_pairing=False)
    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop")
    journal.pairing_proofs.owe()
    proof = journal.pairing_proofs.begin()
    assert proof is not None
    journal.pairing_proofs.settle(proof, PairingProof.CONFIRMED, EVENT)
    account, board = OwnAccount(), StateBoard(environment, Stored)
    account.identify(Jid.parse("5511900000001@s.whatsapp.net"))
    check = check_of(environment, journal, account, board)
    running = asyncio.create_task(check.run())
    board.update(connection=ConnectionState.CONNECTED)
    await reached(lambda: board.state.pairing_proof is PairingProof.CONFIRMED)
    offer = PairingOffer(method=PairingMethod.PHONE_CODE, code="ABCD1234", expires_at=datetime.now(UTC))
    board.update(connection=ConnectionState.PAIRING, pairing=offer)
    await reached(lambda: board.state.pairing_proof is None)
    board.update(connection=ConnectionState.CONNECTED, pairing=None)
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait({running})
    assert board.state.pairing_proof is None
    assert journal.pairing_proofs.begin() is None, "nor after a restart"
    journal.close()


def check_of(environment: RuntimeSettings, journal: Journal, account: OwnAccount, board: StateBoard) -> PairingCheck:
    return PairingCheck(
        environment=environment,
        journal=journal,
        settings=SettingsFile(environment),
        account=account,
        board=board,
        receipts=Confirmations(),
        enqueue=lambda _: None,
    )


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
    check = check_of(environment, journal, account, board)
    running = asyncio.create_task(check.run())
    board.update(connection=ConnectionState.CONNECTED)
    await reached(lambda: board.state.pairing_proof is not None)
    await reached(lambda: len(asyncio.all_tasks()) == 2)  # this test and the check: nothing more is waited for
    running.cancel()
    await asyncio.wait({running})
    journal.close()
    assert board.state.pairing_proof is PairingProof.RECEIPT_MISSING
