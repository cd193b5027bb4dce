"""The NATS server's account directory: adds, changes and deletes accounts while the server runs.

Source of subjects and answers: nats-server, server/accounts.go, DirAccResolver.Start.
"""

import json
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from oxy_core.errors import BusError
from oxy_operator.bus.accounts import deletion_token, platform_token
from oxy_operator.bus.jwt import decoded, same_claims
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.errors import AccountRefusedError

ANSWER_SECONDS: Final = 5.0


async def push_account(system: Client, token: str) -> None:
    """Add or change an account; idempotent. `system` is a connection of the system user.

    Raises AccountRefusedError, or BusError if nobody answers.
    """
    await _request(system, "$SYS.REQ.CLAIMS.UPDATE", token)


async def delete_account(
    system: Client, keys: PlatformKeys, account: str, now: float, *, incarnation: str | None = None
) -> None:
    """Delete an account by its public key and close its connections; a missing account is no error.

    With `incarnation`, an account that was pushed for another one stays (see `tenancy`).
    """
    token = await account_token(system, account)
    if token and (incarnation is None or decoded(token)["nats"].get("description") == incarnation):
        await _request(system, "$SYS.REQ.CLAIMS.DELETE", deletion_token(keys, [account], int(now)))


async def account_token(system: Client, account: str) -> str | None:
    """Return the token that the server holds for an account, or None. Raises BusError."""
    try:
        answer = await system.request(f"$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP", timeout=ANSWER_SECONDS)
    except NatsError as error:
        raise BusError(_unanswered(f"about account {account}", error)) from error
    return answer.data.decode() or None


async def update_platform(system: Client, keys: PlatformKeys, now: float) -> bool:
    """Update the platform account to what this version exports; return whether it changed.

    The server's configuration holds the account as the first installed version wrote it; a newer `issued_at` keeps
    the server from returning to that one at its next start.
    """
    wanted = platform_token(keys, int(now))
    existing = await account_token(system, keys.platform_account.public)
    if existing is not None and same_claims(existing, wanted):
        return False
    await push_account(system, wanted)
    return True


async def _request(system: Client, subject: str, token: str) -> None:
    about = decoded(token)["name"]
    try:
        answer = await system.request(subject, token.encode(), timeout=ANSWER_SECONDS)
    except NatsError as error:
        raise BusError(_unanswered(f"about account {about}", error)) from error
    problem = json.loads(answer.data).get("error")
    if problem:
        message = f"NATS refused account {about}: {problem.get('description', problem)}"
        raise AccountRefusedError(message)


def _unanswered(what: str, error: Exception) -> str:
    return f"NATS did not answer a request {what}: {str(error) or type(error).__name__}"
