"""The NATS server's account directory: adding, changing and deleting them while the server runs.

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
    """Add or change an account; `system` is a connection of the system user. It is idempotent.

    Raises AccountRefusedError, or BusError when nobody answers.
    """
    await _request(system, "$SYS.REQ.CLAIMS.UPDATE", token)


async def delete_account(system: Client, keys: PlatformKeys, account: str, now: float) -> None:
    """Delete an account by its public key and close its connections; a missing account is no error."""
    if await account_token(system, account):
        await _request(system, "$SYS.REQ.CLAIMS.DELETE", deletion_token(keys, [account], int(now)))


async def account_token(system: Client, account: str) -> str | None:
    """Return the token that the server holds of an account, or None."""
    try:
        answer = await system.request(f"$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP", timeout=ANSWER_SECONDS)
    except NatsError as error:
        raise BusError(_unanswered("about an account", error)) from error
    return answer.data.decode() or None


async def update_platform(system: Client, keys: PlatformKeys, now: float) -> bool:
    """Bring the platform account up to what this version offers; returns whether anything had to change.

    The server's configuration holds the account as the first installed version wrote it; the newer `issued_at` keeps
    the server from falling back to it at its next start.
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
    return f"NATS did not answer {what}: {str(error) or type(error).__name__}"
