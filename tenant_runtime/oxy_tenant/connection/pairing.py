"""Offers ways to link the business's phone while the pairing window is open."""

import asyncio
from dataclasses import dataclass
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

CODE_REFUSED: Final = "PhoneCodeRefused"
"""Reason in the live state while a QR code is shown although a phone code was wanted."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Session:
    """What the server offers on one connection."""

    codes_end_at: datetime
    qr: str
    qr_ends_at: datetime
    code_refused: bool = False
    """Whether WhatsApp gave no phone code. It is not asked again before the next connection: it counts requests."""


class Pairing:
    """Waits until the settings open a pairing window, and publishes offers in the live state."""

    def __init__(self, link: WhatsAppLink, settings: SettingsFile, board: StateBoard, *, answer_seconds: float) -> None:
        """`answer_seconds`: time limit for the server to return a phone code."""
        self._link = link
        self._settings = settings
        self._board = board
        self._answer_seconds = answer_seconds
        self._session: _Session | None = None
        """None until the server has offered the first QR code of a connection, and once a phone is linked."""
        self._window_changed = settings.watch()
        self._one_at_a_time = asyncio.Lock()

    async def wait_for_window(self) -> None:
        """Wait, without a connection, until the window is open."""
        while self.window_seconds() <= 0:
            self._window_changed.clear()
            self._board.update(connection=ConnectionState.PAIRING, pairing=None, last_reason=PAIRING_EXPIRED)
            await self._window_changed.wait()

    def window_seconds(self) -> float:
        """Return how many seconds the window stays open; zero or less if it is closed."""
        until = self._settings.current.pairing_until
        return 0 if until is None else (until - datetime.now(UTC)).total_seconds()

    def begin_session(self) -> None:
        """Start over: the server begins with a fresh code on each connection."""
        self._session = None

    def end(self) -> None:
        """Offer nothing more, whatever is being asked for: a phone is linked."""
        self._session = None

    async def offer(self, qr: str) -> None:
        """Publish an offer: a phone code once per session, or each QR code that the server sends."""
        now = datetime.now(UTC)
        if self._session is None:
            self._session = _Session(now + CODE_LIFETIME, qr, now + FIRST_QR_LIFETIME)
        else:
            self._session.qr, self._session.qr_ends_at = qr, now + QR_LIFETIME
        await self._offer(self._session)

    async def follow_method(self) -> None:
        """Offer at once what the settings ask for when they change; run until cancelled."""
        changed = self._settings.watch()
        while True:
            changed.clear()
            session, shown = self._session, self._board.state.pairing
            if session is not None and shown is not None and shown.method is not self._settings.current.pairing_method:
                await self._offer(session)
            await changed.wait()

    async def _offer(self, session: _Session) -> None:
        async with self._one_at_a_time:
            if session is not self._session:
                return
            wanted, shown = self._settings.current.pairing_method, self._board.state.pairing
            if wanted is PairingMethod.PHONE_CODE:
                if shown is not None and shown.method is PairingMethod.PHONE_CODE:
                    return
                code = None if session.code_refused else await self._request_code()
                if session is not self._session:
                    # The connection ended meanwhile, and its codes with it; or a phone was linked.
                    return
                if code is not None:
                    expires_at = self._within_window(session.codes_end_at)
                    self._show(PairingOffer(method=PairingMethod.PHONE_CODE, code=code, expires_at=expires_at))
                    return
                session.code_refused = True
            refused = CODE_REFUSED if wanted is PairingMethod.PHONE_CODE else None
            expires_at = self._within_window(session.qr_ends_at)
            self._show(PairingOffer(method=PairingMethod.QR_CODE, qr=session.qr, expires_at=expires_at), refused)

    async def _request_code(self) -> str | None:
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await self._link.request_pairing_code(self._settings.current.phone_number)
        except (LinkError, TimeoutError) as error:
            log.warning("pairing_code_refused", error=str(error) or "no answer", fallback=PairingMethod.QR_CODE.value)
            return None

    def _within_window(self, expiry: datetime) -> datetime:
        until = self._settings.current.pairing_until
        return expiry if until is None else min(expiry, until)

    def _show(self, offer: PairingOffer, reason: str | None = None) -> None:
        log.info("pairing_offered", method=offer.method.value, expires_at=offer.expires_at.isoformat())
        self._board.update(connection=ConnectionState.PAIRING, pairing=offer, last_reason=reason)
