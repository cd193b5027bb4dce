"""Proves that a phone was linked: sends a notice into the business's own chat, and waits for the phone's receipt.

The notice is a request as any other: journalled, sent once, held back while sending is frozen. Nobody in the platform
knows it, so its result leads to nothing there, and the assistant never sees it: WhatsApp sends a device no copy of what
it has sent itself.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, ParamSpec, TypeVar

import structlog

from oxy_core.envelopes import ConnectionState, SendRequest
from oxy_core.event_names import PAIRING_CONFIRMED, PAIRING_UNCONFIRMED
from oxy_core.instance.pairing_proof import PairingProof
from oxy_core.report_bodies import InstanceEvent
from oxy_core.tasks import cancel_tasks
from oxy_core.trace import new_trace
from oxy_tenant.connection.live_state import State, StateBoard
from oxy_tenant.errors import JournalError
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.pairing_proofs import OwedProof
from oxy_tenant.journal.sends import OpenSend
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.sending.receipts import Confirmations
from oxy_tenant.settings import RuntimeSettings
from oxy_tenant.settings_file import SettingsFile

NOTICE: Final = (
    "✅ Este número está conectado ao atendimento automático. Esta mensagem só confirma a conexão: não é preciso "
    "responder."
)

VALID_SECONDS: Final = 86_400.0
"""How long the notice may be held back before it says nothing any more."""

LOOK_SECONDS: Final = 0.5
"""How often it is looked whether the notice was sent."""

RETRY_SECONDS: Final = 5.0
"""Pause between attempts to write to the journal."""

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


class PairingCheck:
    """Follows the board: owes a proof when a code is offered, and gives it after the login that follows."""

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        *,
        environment: RuntimeSettings,
        journal: Journal,
        settings: SettingsFile,
        account: OwnAccount,
        board: StateBoard,
        receipts: Confirmations,
        enqueue: Callable[[OpenSend], None],
    ) -> None:
        self._environment = environment
        self._journal = journal
        self._settings = settings
        self._account = account
        self._board = board
        self._receipts = receipts
        self._enqueue = enqueue

    async def run(self) -> None:
        """Check until cancelled."""
        changed, proving = self._board.watch(), None
        async with asyncio.TaskGroup() as tasks:
            while True:
                changed.clear()
                state = self._board.state
                if state.pairing is not None:
                    if proving is not None:
                        await cancel_tasks(proving)
                        proving = None
                    proofs = self._journal.pairing_proofs
                    await self._written(proofs.owe if self._settings.current.confirm_pairing else proofs.forget)
                    self._board.update(pairing_proof=None)
                elif self._connected(state) and proving is None:
                    proof = await self._written(self._journal.pairing_proofs.begin)
                    proving = None if proof is None else tasks.create_task(self._prove(proof))
                await changed.wait()

    def _connected(self, state: State) -> bool:
        return state.connection is ConnectionState.CONNECTED and bool(self._account.addresses)

    async def _written(self, write: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Write to the journal; while that fails, try again: a proof is not worth the process."""
        while True:
            try:
                return await asyncio.to_thread(write, *arguments, **named)
            except JournalError as error:
                log.warning("pairing_check_not_written", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _prove(self, proof: OwedProof) -> None:
        """Send the notice unless that is done, and settle the proof; a receipt counts however late it is."""
        self._board.update(pairing_proof=proof.state)
        if proof.state in {PairingProof.CONFIRMED, PairingProof.NOT_SENT}:
            return
        if proof.state is PairingProof.WAITING:
            await self._request(proof)
        elif await asyncio.to_thread(self._journal.sends.ending, proof.request_id) is None:
            return  # so long ago that the journal has forgotten the notice
        whatsapp_id = await self._sent(proof)
        if whatsapp_id is None:
            await self._settle(proof, PairingProof.NOT_SENT)
            return
        try:
            async with asyncio.timeout(self._environment.receipt_wait):
                await self._receipts.wait(whatsapp_id, by_phone=True)
        except TimeoutError:
            if proof.state is not PairingProof.RECEIPT_MISSING:
                await self._settle(proof, PairingProof.RECEIPT_MISSING)
            await self._receipts.wait(whatsapp_id, by_phone=True)
        await self._settle(proof, PairingProof.CONFIRMED)

    async def _request(self, proof: OwedProof) -> None:
        request = SendRequest(
            id=proof.request_id,
            organization=self._environment.organization,
            instance=self._environment.instance,
            chat=self._account.addresses[0],
            text=NOTICE,
            created_at=datetime.now(UTC),
            valid_seconds=VALID_SECONDS,
            trace=new_trace(),
        )
        ((_, send),) = await self._written(self._journal.sends.accept, [request])
        # What the previous run accepted is queued already, or has ended.
        if send is not None:
            self._enqueue(send)

    async def _sent(self, proof: OwedProof) -> str | None:
        """Wait for the end of the request; return the notice's WhatsApp id, None if it was not sent."""
        while True:
            ended = await asyncio.to_thread(self._journal.sends.ending, proof.request_id)
            if ended is not None:
                return ended.whatsapp_id
            await asyncio.sleep(LOOK_SECONDS)

    async def _settle(self, proof: OwedProof, state: PairingProof) -> None:
        confirmed = state is PairingProof.CONFIRMED
        log.log(logging.INFO if confirmed else logging.WARNING, "pairing_checked", state=state.value)
        event = InstanceEvent(
            name=PAIRING_CONFIRMED if confirmed else PAIRING_UNCONFIRMED,
            at=self._journal.clock(),
            facts={} if confirmed else {"reason": state.value},
        )
        await self._written(self._journal.pairing_proofs.settle, proof, state, event)
        self._board.update(pairing_proof=state)
