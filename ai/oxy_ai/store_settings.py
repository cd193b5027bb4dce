"""Settings of the administration command: connections to the bus, the database and the store of files.

They stand apart from the worker's, because a command that a person waits for need not load the model's client.
"""

from pathlib import Path

from pydantic import Field

from oxy_ai.database import DatabaseSettings
from oxy_ai.engine.ledger import LedgerSettings
from oxy_ai.media.library import LibrarySettings


class StoreSettings(DatabaseSettings, LedgerSettings, LibrarySettings):
    """Environment of ``python -m oxy_ai.admin``."""

    nats_url: str = Field(description="URL of NATS.")
    nats_credentials: Path | None = Field(
        default=None, description="File with the credentials of the platform's NATS user."
    )
