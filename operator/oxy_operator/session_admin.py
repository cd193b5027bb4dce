"""``python -m oxy_operator.session_admin``: the backups of all sessions, also of instances that no longer exist.

``oxy sessions`` runs it inside the operator's pod, which reaches the stream and can tell who made a backup. Prints JSON
on standard output and errors on standard error. Exit status: 0 success; 2 it cannot do what it was asked.
"""

import argparse
import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from oxy_core.bus import connected
from oxy_core.errors import OxyError
from oxy_core.logs import configure_logging
from oxy_core.times import utc_text
from oxy_operator.bus import backups
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.decide.backups import StoredBackup, unlinked_after
from oxy_operator.settings import OperatorSettings

CONNECT_SECONDS: Final = 10.0
REFUSED: Final = 2

Fields = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = OperatorSettings.read()
        configure_logging("sessions", "error")
        answer = asyncio.run(_answer(settings, options))
    except OxyError as error:
        sys.stderr.write(f"error: {error}\n")
        return REFUSED
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m oxy_operator.session_admin", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="all backups, newest first")
    delete = commands.add_parser("delete", help="delete backups of one instance")
    delete.add_argument("organization")
    delete.add_argument("instance")
    delete.add_argument("--backup", type=UUID, help="only this one")
    return parser


async def _answer(settings: OperatorSettings, options: argparse.Namespace) -> list[Fields]:
    keys = settings.read_keys()
    name = "oxy-sessions"
    async with connected(settings.nats_url, settings.nats_credentials, name=name, within=CONNECT_SECONDS) as client:
        if options.command == "list":
            return _listed([backup for backup in await backups.all_stored(client) if _is_genuine(backup, keys)])
        account = keys.tenant_account(options.organization, options.instance).public
        held = await backups.stored(client, account, options.instance)
        doomed = [backup for backup in held if options.backup in {None, backup.manifest.id}]
        for backup in doomed:
            await backups.delete(client, account, options.instance, backup.manifest.id)
        unlinked = unlinked_after(held)
        return [shown(backup, unlinked) for backup in doomed]


def _listed(found: Sequence[StoredBackup]) -> list[Fields]:
    """Return the backups of all instances, newest first."""
    of_each: defaultdict[str, list[StoredBackup]] = defaultdict(list)
    for backup in found:
        of_each[backup.account].append(backup)
    unlinked = frozenset().union(*(unlinked_after(own) for own in of_each.values()))
    return [shown(backup, unlinked) for backup in sorted(found, key=lambda backup: backup.place, reverse=True)]


def _is_genuine(backup: StoredBackup, keys: PlatformKeys) -> bool:
    """Whether the instance that a manifest names has published it: what pods write is not trusted."""
    manifest = backup.manifest
    return keys.tenant_account(manifest.organization, manifest.instance).public == backup.account


def shown(backup: StoredBackup, unlinked: Collection[UUID] = ()) -> Fields:
    """Return what is printed of a backup; `unlinked` are those whose device was unlinked once they were made."""
    manifest = backup.manifest
    return {
        "id": str(manifest.id),
        "organization": manifest.organization,
        "instance": manifest.instance,
        "number": manifest.number,
        "linkedAt": manifest.linked_at and utc_text(manifest.linked_at),
        "storedAt": utc_text(backup.stored_at),
        "bytes": manifest.compressed_bytes,
        "databaseBytes": manifest.database_bytes,
        "epoch": manifest.epoch,
        "requested": manifest.request is not None,
        "unlinkedAfter": manifest.id in unlinked,
        "library": manifest.library,
        "volume": manifest.volume,
        "keyId": manifest.key_id,
    }


if __name__ == "__main__":
    sys.exit(main())
