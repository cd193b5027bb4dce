"""Accounts and users on NATS, and the server configuration that trusts them.

Why one account per instance: permissions do not restrict a message's *reply* subject, and JetStream answers to it with
the server's rights, so tenants that share an account with JetStream can write to any subject. An instance's
account has no JetStream and imports only its own subjects; the server checks that the third token of an imported
subject is the importing account's public key (``account_token_position``), so a subject proves its sender.
"""

from pathlib import PurePath
from typing import Final

from oxy_core import subjects
from oxy_core.jetstream import MAX_REPORT_BYTES
from oxy_operator.bus.jwt import Claims, signed
from oxy_operator.bus.nkeys import KeyPair, PlatformKeys
from oxy_operator.tenancy import ROTATION_SECONDS, Tenancy, Validity

CLAIMS_REVISION: Final = 1
"""Raised whenever what instances' accounts may do changes. Of two tokens of an account, servers of a cluster keep the
one that was issued later; of two that were issued at one time they keep either, and an old one might come back to all.
Source: nats-server, server/dirstore.go, saveIfNewer."""

ACCOUNT_POSITION: Final = 3
"""Position of the account in a tenant's subject, counted from 1."""

_UNLIMITED: Final[Claims] = {
    "subs": -1,
    "data": -1,
    "payload": -1,
    "imports": -1,
    "exports": -1,
    "wildcards": True,
    "conn": -1,
    "leaf": -1,
}
_JETSTREAM: Final[Claims] = {
    "mem_storage": -1,
    "disk_storage": -1,
    "streams": -1,
    "consumer": -1,
    "max_ack_pending": -1,
    "mem_max_stream_bytes": -1,
    "disk_max_stream_bytes": -1,
    "max_bytes_required": False,
}
_TENANT_LIMITS: Final[Claims] = {
    **_UNLIMITED,
    # A pod holds one connection, two while files wait; a few more while a half-dead one times out.
    "conn": 8,
    "subs": 64,
    # Well below the server's limit, so that the platform can add headers to whatever a tenant has published.
    "payload": MAX_REPORT_BYTES,
    "exports": 0,
    "leaf": 0,
}
_USER_LIMITS: Final[Claims] = {"subs": -1, "data": -1, "payload": -1}


def tenancy(  # noqa: PLR0913 who, when, and for how long
    keys: PlatformKeys,
    organization: str,
    instance: str,
    *,
    now: float,
    incarnation: str = "",
    created_at: float = 0.0,
    rotation: int = ROTATION_SECONDS,
) -> Tenancy:
    """Return an instance's account and credentials at `now`; new ones every `rotation`. All times are in seconds.

    `incarnation` (the custom resource's uid) distinguishes an instance from an earlier one of the same name: a server
    that has deleted an account accepts it again only under another token. `created_at` is when that resource was made.
    """
    account = keys.tenant_account(organization, instance)
    owner = subjects.instance_key(organization, instance)
    validity = Validity.at(now, owner, rotation)
    token = signed(
        keys.operator,
        subject=account.public,
        name=owner,
        kind="account",
        claims={
            "description": incarnation,
            **_tenant_claims(keys.platform_account.public, account.public, instance),
        },
        # So that the token changes, and must be pushed, only when its content does, and is the newer one then.
        issued_at=int(created_at) + CLAIMS_REVISION,
    )
    credentials = _credentials(account, keys.tenant_user(organization, instance), owner, validity)
    return Tenancy(account.public, token, credentials, validity, incarnation)


def _tenant_claims(platform: str, account: str, instance: str) -> Claims:
    def imported(name: str, subject: str, kind: str) -> Claims:
        return {"name": name, "subject": subject, "account": platform, "type": kind}

    return {
        "limits": _TENANT_LIMITS,
        "imports": [
            imported("in", subjects.inbound(account, instance), "service"),
            imported("state", subjects.state(account, instance), "service"),
            imported("accepted", subjects.accepted(account, instance), "service"),
            imported("media", subjects.media(account, instance, "*", "*"), "service"),
            imported("file", subjects.file_request(account, instance), "service"),
            imported("backup", subjects.backup(account, instance, "*", "*"), "service"),
            imported("restore", subjects.restore_request(account, instance), "service"),
            imported("out", subjects.out(account, instance), "stream"),
        ],
    }


def platform_token(keys: PlatformKeys, issued_at: int = 0) -> str:
    """Return the platform account's token: JetStream, and the subjects exported to instances."""

    def exported(name: str, subject: str, kind: str) -> Claims:
        return {"name": name, "subject": subject, "type": kind, "account_token_position": ACCOUNT_POSITION}

    def service(name: str, subject: str) -> Claims:
        # One answer per request: JetStream's acknowledgement of a publish, or a chunk of a file or backup.
        return {**exported(name, subject, "service"), "response_type": "Singleton"}

    claims: Claims = {
        "limits": {**_UNLIMITED, **_JETSTREAM},
        "exports": [
            service("in", subjects.INBOUND_ALL),
            service("state", subjects.STATE_ALL),
            service("accepted", subjects.ACCEPTED_ALL),
            service("media", subjects.MEDIA_ALL),
            service("file", subjects.FILE_REQUEST_ALL),
            service("backup", subjects.BACKUP_ALL),
            service("restore", subjects.RESTORE_ALL),
            exported("out", subjects.OUT_ALL, "stream"),
        ],
    }
    return signed(
        keys.operator,
        subject=keys.platform_account.public,
        name="platform",
        kind="account",
        claims=claims,
        issued_at=issued_at,
    )


def system_token(keys: PlatformKeys) -> str:
    """Return the token of the system account."""
    return signed(
        keys.operator,
        subject=keys.system_account.public,
        name="system",
        kind="account",
        claims={"limits": _UNLIMITED},
        issued_at=0,
    )


def operator_token(keys: PlatformKeys) -> str:
    """Return the operator's own token, which servers trust."""
    return signed(
        keys.operator,
        subject=keys.operator.public,
        name="oxy",
        kind="operator",
        claims={"system_account": keys.system_account.public},
        issued_at=0,
    )


def platform_credentials(keys: PlatformKeys) -> str:
    """Return the credentials file of operator and workers; it never expires."""
    return _credentials(keys.platform_account, keys.platform_user, "platform", None)


def system_credentials(keys: PlatformKeys) -> str:
    """Return the credentials file of the system user, who may change accounts; it never expires."""
    return _credentials(keys.system_account, keys.system_user, "system", None)


def _credentials(account: KeyPair, user: KeyPair, name: str, validity: Validity | None) -> str:
    token = signed(
        account,
        subject=user.public,
        name=name,
        kind="user",
        claims=_USER_LIMITS,
        issued_at=validity.issued_at if validity else 0,
        expires_at=validity.expires_at if validity else None,
    )
    return (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )


def deletion_token(keys: PlatformKeys, accounts: list[str], issued_at: int) -> str:
    """Return the request to delete `accounts` (public keys), as ``$SYS.REQ.CLAIMS.DELETE`` expects it."""
    return signed(
        keys.operator,
        subject=keys.operator.public,
        name="deletion",
        kind="generic",
        claims={"accounts": accounts},
        issued_at=issued_at,
    )


def nats_configuration(keys: PlatformKeys, resolver_dir: PurePath | str) -> str:
    """Return the part of nats-server's configuration that enables accounts: whom to trust, where to keep accounts.

    `resolver_dir` is a folder that the server can write, on the same volume as JetStream's. The main configuration
    (listen addresses, JetStream's folder) includes this part.
    """
    system, platform = keys.system_account.public, keys.platform_account.public
    return (
        f'operator: "{operator_token(keys)}"\n'
        f"system_account: {system}\n"
        f'resolver: {{type: full, dir: "{resolver_dir}", allow_delete: true, interval: "2m"}}\n'
        "resolver_preload: {\n"
        f'  {system}: "{system_token(keys)}"\n'
        f'  {platform}: "{platform_token(keys)}"\n'
        "}\n"
    )
