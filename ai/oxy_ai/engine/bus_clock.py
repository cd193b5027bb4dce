"""The bus's clock, by which the time that a report spent on the bus is measured."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from oxy_core.errors import BusError
from oxy_core.jetstream import INBOUND_STREAM
from oxy_core.settings import ProcessSettings

_REQUEST: Final = f"$JS.API.STREAM.INFO.{INBOUND_STREAM}"
_ANSWER_SECONDS: Final = 5.0


class ClockSettings(ProcessSettings):
    """How exact the bus's clock is known."""

    bus_clock_seconds: float = Field(default=30, gt=0, description="How often the bus's clock is read.")


class _StreamInfo(BaseModel):
    ts: AwareDatetime
    """The server's clock when it answered."""


class BusClock:
    """Reads the server's clock now and then, and goes by this process's monotonic clock in between."""

    def __init__(self, client: Client, refresh_seconds: float) -> None:
        self._client = client
        self._refresh_seconds = refresh_seconds
        self._read: tuple[datetime, float] | None = None

    async def keep(self) -> None:
        """Read the server's clock if the last reading is too old; raises BusError if there was none ever."""
        if self._read is not None and time.monotonic() - self._read[1] < self._refresh_seconds:
            return
        before = time.monotonic()
        try:
            answer = await self._client.request(_REQUEST, timeout=_ANSWER_SECONDS)
            shown = _StreamInfo.model_validate_json(answer.data).ts
        except (NatsError, ValidationError) as error:
            if self._read is None:
                message = f"NATS does not tell its time: {type(error).__name__}"
                raise BusError(message) from error
            return
        self._read = (shown, (before + time.monotonic()) / 2)

    def now(self) -> datetime:
        """Return the bus's time; `keep` was called before."""
        if self._read is None:
            return datetime.now(UTC)
        shown, read_at = self._read
        return shown + timedelta(seconds=time.monotonic() - read_at)
