"""The bucket in which workers say which database they serve."""

from typing import Final

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError

from oxy_core.database_mark import DatabaseMark
from oxy_core.errors import BusError, ContractError
from oxy_core.subjects import DATABASE_BUCKET, DATABASE_KEY

FIRST: Final = ""
"""Stands for a database that replaced none, or of which no worker has said anything yet."""

log = structlog.get_logger()


async def last_loss(jetstream: JetStreamContext) -> str | None:
    """Return the name of the last time that the database began anew; None: this version cannot read it.

    Raises BusError.
    """
    try:
        entry = await (await jetstream.key_value(DATABASE_BUCKET)).get(DATABASE_KEY)
        return DatabaseMark.decode(entry.value or b"").began_anew or FIRST
    except KeyNotFoundError:
        return FIRST
    except ContractError as error:
        log.warning("database_mark_unreadable", error=str(error))
        return None
    except NatsError as error:
        message = f"cannot read which database the workers serve: {str(error) or type(error).__name__}"
        raise BusError(message) from error
