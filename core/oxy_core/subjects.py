"""Every subject and bucket of the bus, in one place.

The third token of a tenant's subject is the public key of its NATS account. The server checks it
(``account_token_position``), so a subject proves who sent the message; the fourth token is the instance.
"""

from typing import Final, NamedTuple
from uuid import UUID

from oxy_core.errors import ContractError
from oxy_core.identity import AccountKey, InstanceName, OrganizationName

INBOUND_ALL: Final = "oxy.in.*.*"
"""All tenants' reports, captured by the stream OXY_INBOUND."""

STATE_ALL: Final = "oxy.state.*.*"
"""All tenants' live states, captured by the stream OXY_STATE."""

ACCEPTED_ALL: Final = "oxy.accepted.*.*"
"""All tenants' confirmations that a send request is in their journal (core NATS)."""

OUT_ALL: Final = "oxy.out.*.*"
"""All send requests (core NATS), each exported to its tenant alone."""

MEDIA_ALL: Final = "oxy.media.*.*.*.*"
"""All tenants' files in chunks, captured by the stream OXY_MEDIA: ``oxy.media.<account>.<instance>.<media id>.<n>``."""

FILE_REQUEST_ALL: Final = "oxy.file.*.*"
"""All tenants' requests for chunks of the files that they are to send (core NATS)."""

BACKUP_ALL: Final = "oxy.backup.*.*.*.*"
"""All tenants' backups of sessions, in chunks, captured by the stream OXY_BACKUPS:
``oxy.backup.<account>.<instance>.<backup id>.<n>``, and ``manifest`` instead of the number."""

RESTORE_ALL: Final = "oxy.restore.*.*"
"""All tenants' requests for chunks of backups (core NATS)."""

DEAD_LETTER_ALL: Final = "oxy.dlq.>"
"""Reports that cannot be stored, captured by the stream OXY_DLQ: ``oxy.dlq.<reason>.<account>``."""

PARKED_ALL: Final = "oxy.parked.*.*.*"
"""Reports that may be stored later, captured by the stream OXY_PARKED: ``oxy.parked.<reason>.<account>.<instance>``."""

EVENTS_ALL: Final = "oxy.events.*.*.*"
"""All events, captured by the stream OXY_EVENTS: ``oxy.events.<organization>.<instance>.<name>``. Platform only."""

LIVE_ALL: Final = "oxy.live.*.*.*"
"""What is shown to those who watch now: ``oxy.live.<organization>.<instance>.<name>``. Core NATS: no stream may capture
it, because it may be a pairing code. Platform only."""

WORK_HINT: Final = "oxy.hint"
"""Platform only, core NATS: a worker has stored work; others may check the queue without waiting for their sweep."""

INSTANCES_BUCKET: Final = "oxy_instances"
"""Key-value bucket of instance settings, key ``<organization>.<instance>``."""

DATABASE_BUCKET: Final = "oxy_database"
"""Key-value bucket in which workers say which database they serve (`oxy_core.database_mark`)."""

DATABASE_KEY: Final = "mark"
"""The only key of `DATABASE_BUCKET`."""


class SubjectSender(NamedTuple):
    """Who publishes or receives on a tenant's subject."""

    account: AccountKey
    instance: InstanceName


def inbound(account: AccountKey, instance: InstanceName) -> str:
    """Subject on which an instance publishes its reports, in journal order."""
    return f"oxy.in.{account}.{instance}"


def state(account: AccountKey, instance: InstanceName) -> str:
    """Subject on which an instance publishes its live state."""
    return f"oxy.state.{account}.{instance}"


def out(account: AccountKey, instance: InstanceName) -> str:
    """Subject on which an instance receives send requests."""
    return f"oxy.out.{account}.{instance}"


def accepted(account: AccountKey, instance: InstanceName) -> str:
    """Subject on which an instance confirms that a send request is in its journal."""
    return f"oxy.accepted.{account}.{instance}"


def media(account: AccountKey, instance: InstanceName, media_id: UUID | str, number: int | str) -> str:
    """Subject of one chunk of a file that an instance received, counted from 0.

    With ``*`` for `number` or for `media_id` too, it stands for all chunks of the file or of the instance.
    """
    return f"oxy.media.{account}.{instance}.{media_id}.{number}"


def file_request(account: AccountKey, instance: InstanceName) -> str:
    """Subject on which an instance asks for chunks of the files that it is to send."""
    return f"oxy.file.{account}.{instance}"


def backup(account: AccountKey, instance: InstanceName, backup_id: UUID | str, number: int | str) -> str:
    """Subject of one chunk of a backup, counted from 0, or with ``manifest`` for `number` of its manifest.

    With ``*`` for `number` or for `backup_id` too, it stands for all messages of the backup or of the instance.
    """
    return f"oxy.backup.{account}.{instance}.{backup_id}.{number}"


def restore_request(account: AccountKey, instance: InstanceName) -> str:
    """Subject on which an instance asks for chunks of backups."""
    return f"oxy.restore.{account}.{instance}"


def dead_letter(reason: str, account: AccountKey) -> str:
    """Subject of an account's reports that cannot be stored, by a one-word reason."""
    return f"oxy.dlq.{reason}.{account}"


def parked(reason: str, sender: SubjectSender) -> str:
    """Subject of an instance's reports that wait, by a one-word reason."""
    return f"oxy.parked.{reason}.{sender.account}.{sender.instance}"


def event(organization: OrganizationName, instance: InstanceName, name: str) -> str:
    """Subject of an event of an instance."""
    return f"oxy.events.{organization}.{instance}.{name}"


def live(organization: OrganizationName, instance: InstanceName, name: str) -> str:
    """Subject of what is shown now of an instance, and never kept."""
    return f"oxy.live.{organization}.{instance}.{name}"


def instance_key(organization: str, instance: InstanceName) -> str:
    """Key of an instance's settings in the bucket `INSTANCES_BUCKET`."""
    return f"{organization}.{instance}"


def sender_of(subject: str) -> SubjectSender:
    """Return who published on a tenant's subject, or a report that is parked; raises ContractError for any other."""
    match subject.split("."):
        case ["oxy", "in" | "state" | "accepted" | "out" | "file" | "restore", account, instance]:
            return SubjectSender(account, instance)
        case ["oxy", "media" | "backup", account, instance, _, _]:
            return SubjectSender(account, instance)
        case ["oxy", "parked", _, account, instance]:
            return SubjectSender(account, instance)
        case _:
            message = f"{subject!r} is not a tenant's subject"
            raise ContractError(message)
