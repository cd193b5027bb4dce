"""One session with its backups, as `oxy sessions show` writes it for people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from oxy_cli.output import age
from oxy_cli.session_admin import readable_bytes
from oxy_cli.session_view import is_of_earlier_device, was_logged_out
from oxy_core.instance.terminal_causes import INSTANCE

BACKUP_COLUMNS: Final = ("ID", "STORED", "SIZE", "EPOCH", "REQUESTED", "STATE", "LIBRARY")

UNLINKED: Final = "unlinked after"
"""State of a backup whose device was to be unlinked on the phone once it was made."""

LOGGED_OUT: Final = "logged out"
"""State of a backup whose device WhatsApp has logged out since, as when a person removes it on the phone."""

EARLIER: Final = "earlier device"
"""State of a backup of a device before the one that the phone linked last."""

OF_ANOTHER_NUMBER: Final = "another number's"
"""State of a backup of an earlier instance of the same name, which had another number."""

Shown = Callable[[Any, datetime], str]
"""A value for people, at a moment."""


def _plain(value: object, _: datetime) -> str:
    return str(value)


def _yes_or_no(value: object, _: datetime) -> str:
    return "yes" if value else "no"


def _size(value: float, _: datetime) -> str:
    return readable_bytes(value)


def _moment(value: str, now: datetime) -> str:
    return f"{value} ({age(datetime.fromisoformat(value), now)} ago)"


def _request(value: Mapping[str, Any], _: datetime) -> str:
    backup = f" (backup {value['backupId']})" if "backupId" in value else ""
    why = value.get("message") or value.get("reason")
    return f"{value.get('outcome', 'Requested')}{backup}" + (f": {why}" if why else "")


def _restore(value: Mapping[str, Any], now: datetime) -> str:
    when = f", {_moment(value['at'], now)}" if "at" in value else ""
    return f"{value.get('outcome')}: backup {value.get('backupId')} of {value.get('instance')}{when}"


_LINES: Final[Mapping[str, tuple[str, Shown]]] = {
    "namespace": ("Namespace", _plain),
    "name": ("Name", _plain),
    "organization": ("Organization", _plain),
    "state": ("State", _plain),
    "linked": ("Linked", _yes_or_no),
    "linkedAt": ("Linked at", _moment),
    "device": ("Device", _plain),
    "createdAt": ("Created", _moment),
    "claim": ("Volume claim", _plain),
    "sizeBytes": ("Size", _size),
    "journalBytes": ("Journal", _size),
    "setAsideBytes": ("Set aside", _size),
    "volumeBytes": ("Volume", _size),
    "volumeFreeBytes": ("Free on it", _size),
    "messages": ("Messages", _plain),
    "peers": ("Peers", _plain),
    "libraryVersion": ("Library", _plain),
    "checkedAt": ("Found intact", _moment),
    "updatedAt": ("Figures of", _moment),
    "lastBackupAt": ("Last backup", _moment),
    "backups": ("Backups", _plain),
    "backup": ("Last request", _request),
    "restoredAt": ("Restored", _moment),
    "restore": ("Last restore", _restore),
}
"""Label and form of each field, in the order in which they are shown."""


def detail_lines(fields: Mapping[str, Any], now: datetime) -> list[tuple[str, str]]:
    """Return what is known of a session as lines of a table."""
    known = ((label, shown, fields.get(name)) for name, (label, shown) in _LINES.items())
    return [(label, shown(value, now)) for label, shown, value in known if value is not None and value != ""]


def backup_rows(
    backups: Iterable[Mapping[str, Any]], number: str | None = None, status: Mapping[str, Any] | None = None
) -> list[list[str]]:
    """Return backups as rows of a table; an instance's status tells less of them than the backups themselves.

    `number` is the digest of the number that the instance has now, if it exists, `status` its phase and session.
    """
    return [
        [
            item["id"],
            item["storedAt"],
            readable_bytes(item["bytes"]),
            str(item["epoch"]),
            "" if "requested" not in item else "yes" if item["requested"] else "no",
            _state(item, number, status or {}),
            item.get("library", ""),
        ]
        for item in backups
    ]


def _state(backup: Mapping[str, Any], number: str | None, status: Mapping[str, Any]) -> str:
    if number is not None and backup.get("number") not in {None, number}:
        return OF_ANOTHER_NUMBER
    if backup.get("unlinkedAfter"):
        return UNLINKED
    if "requested" not in backup:
        return EARLIER if backup.get("earlierDevice") else ""
    if was_logged_out(backup, status):
        return LOGGED_OUT
    return EARLIER if is_of_earlier_device(backup, status) else "good"


_REMARKS: Final = {
    UNLINKED: "the instance was deleted with deletionPolicy Delete, so this device was to be unlinked on the phone. If "
    "it was (unless the event DeviceStillLinked says otherwise), WhatsApp ends its session as soon as it is restored "
    "(LoggedOut); then link the phone anew instead: oxy pair {instance}",
    LOGGED_OUT: "WhatsApp has ended the connection of this device since (LoggedOut), most likely because a person "
    "removed it on the phone, and does so again if it is restored; link the phone anew instead: oxy pair {instance}",
    EARLIER: "the phone was linked anew since. If this earlier device was removed on the phone, WhatsApp ends its "
    "session as soon as it is restored (LoggedOut); it is no backup of the device that was linked last",
}


def remarks(rows: Sequence[Sequence[str]], place: str) -> list[str]:
    """Return what is to be known of backups that restore little, by the rows of their table.

    `place` is their instance as commands take it.
    """
    states = {row[BACKUP_COLUMNS.index("STATE")] for row in rows}
    return [f"{state}: {said.replace(INSTANCE, place)}" for state, said in _REMARKS.items() if state in states]
