"""Offers ways to link the business's phone while the pairing window is open."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from oxy_core.envelopes import ConnectionState
from oxy_core.instance.pairing_offer import PairingMethod, PairingOffer
from oxy_tenant.connection.live_state import StateBoard
from oxy_tenant.links.errors import LinkError
from oxy_tenant.links.protocol import WhatsAppLink
from oxy_tenant.settings_file import SettingsFile

CODE_LIFETIME: Final = timedelta(seconds=160)
"""How long the server offers codes on one connection: six, the first for 60 s and the others for 20 s. Source:
whatsmeow qrchan.go, emitQRs."""

QR_LIFETIME: Final = timedelta(seconds=20)
FIRST_QR_LIFETIME: Final = timedelta(seconds=60)

PAIRING_EXPIRED: Final = "PairingExpired"
"""Reason in the live state while the window is closed."""

log = structlog.get_logger()


class Pairing:
    """Waits until the settings open a pairing window, and publishes offers in the live state."""

    def __init__(self, link: WhatsAppLink, settings: SettingsFile, board: StateBoard, *, answer_seconds: float) -> None:
        """`answer_seconds`: time limit for the server to return a phone code."""
        self._link = link
        self._settings = settings
        self._board = board
        self._answer_seconds = answer_seconds
        self._offers = 0

    async def wait_for_window(self) -> None:
        """Wait, without a connection, until the window is open."""
        while self.window_seconds() <= 0:
            self._settings.changed.clear()
            self._board.update(connection=ConnectionState.PAIRING, pairing=None, last_reason=PAIRING_EXPIRED)
            await self._settings.changed.wait()

    def window_seconds(self) -> float:
        """Return how many seconds the window stays open; zero or less if it is closed."""
        until = self._settings.current.pairing_until
        return 0 if until is None else (until - datetime.now(UTC)).total_seconds()

    def begin_session(self) -> None:
        """Start over: the server begins with a fresh code on each connection."""
        self._offers = 0

    async def offer(self, qr: str) -> None:
        """Publish an offer: a phone code once per session, or each QR code that the server sends."""
        self._offers += 1
        shown = self._board.state.pairing
        if self._settings.current.pairing_method is PairingMethod.PHONE_CODE:
            if shown is not None and shown.method is PairingMethod.PHONE_CODE:
                return
            code = await self._request_code()
            if code is not None:
                expires_at = self._expiry(CODE_LIFETIME)
                self._show(PairingOffer(method=PairingMethod.PHONE_CODE, code=code, expires_at=expires_at))
                return
        lifetime = FIRST_QR_LIFETIME if self._offers == 1 else QR_LIFETIME
        self._show(PairingOffer(method=PairingMethod.QR_CODE, qr=qr, expires_at=self._expiry(lifetime)))

    async def _request_code(self) -> str | None:
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await self._link.request_pairing_code(self._settings.current.phone_number)
        except (LinkError, TimeoutError) as error:
            log.warning("pairing_code_refused", error=str(error) or "no answer", fallback=PairingMethod.QR_CODE.value)
            return None

    def _expiry(self, lifetime: timedelta) -> datetime:
        until = self._settings.current.pairing_until
        expiry = datetime.now(UTC) + lifetime
        return expiry if until is None else min(expiry, until)

    def _show(self, offer: PairingOffer) -> None:
        log.info("pairing_offered", method=offer.method.value, expires_at=offer.expires_at.isoformat())
        self._board.update(connection=ConnectionState.PAIRING, pairing=offer, last_reason=None)
