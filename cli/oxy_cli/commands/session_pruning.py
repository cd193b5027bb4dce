"""``oxy sessions prune``: what nobody uses any more, and deletes only what a person confirms."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.commands.session_reading import Everywhere, stored_sessions
from oxy_cli.errors import AdminError, ClusterError
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Namespace, Output, SystemNamespace
from oxy_cli.output import age, console, print_json, print_table
from oxy_cli.questions import confirmed
from oxy_cli.session_admin import ask_operator, ask_pod, readable_bytes, stored_at
from oxy_cli.session_view import SessionView
from oxy_core.instance.set_aside import UNKNOWN
from oxy_core.times import utc_text

SET_ASIDE_FOR: Final = timedelta(days=30)
"""A session that was set aside is offered for deletion after this time, if a backup has been made since."""

_COLUMNS: Final = ("NAMESPACE", "NAME", "WHAT", "SIZE", "AGE", "NEWEST-BACKUP", "DELETABLE")


_UNKNOWN: Final = "whether a backup replaces it is not known"
"""Why something is kept that a backup would have to replace."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that nobody uses: the volume of a deleted instance, or a session that was set aside."""

    session: SessionView
    what: str
    """The claim's name, or the file's."""
    size: int | None
    since: datetime
    newest_backup: datetime | None
    kept_because: str | None
    """Why it is not deleted; None: it is, if a person says so."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "namespace": self.session.namespace,
            "name": self.session.name,
            "what": self.what,
            "bytes": self.size,
            "since": utc_text(self.since),
            "newestBackup": utc_text(self.newest_backup) if self.newest_backup else None,
            "keptBecause": self.kept_because,
        }


def prune(  # noqa: PLR0913 each is an option of the command
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking what the list calls deletable.")] = False,
    without_backup: Annotated[
        bool, typer.Option("--without-backup", help="Also volumes whose session no backup replaces.")
    ] = False,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """List volumes of deleted instances, and old sessions that were set aside; delete them once you confirm it."""
    cluster, system = Cluster.connect(context, namespace), Cluster.connect(context, system_namespace)
    # Those of other namespaces tell which backups an instance made after it had moved there.
    known, problems = stored_sessions(cluster, everywhere=True), list[str]()
    backups = _backups(system, problems)
    sessions = [item for item in known if everywhere or item.namespace == cluster.namespace]
    found = [
        *orphans(sessions, backups, everywhere=known, without_backup=without_backup),
        *set_aside(cluster, sessions, backups, problems),
    ]
    deletable = [item for item in found if item.kept_because is None]
    if output is Output.TEXT:
        _print(found, problems)
    confirmed = bool(deletable) and (yes or (output is Output.TEXT and _is_confirmed(deletable)))
    if confirmed:
        for item in deletable:
            _delete(cluster, item)
    if output is Output.JSON:
        listed = [{**item.as_json(), "deleted": confirmed and item.kept_because is None} for item in found]
        print_json({"leftovers": listed, "problems": problems})
    elif confirmed:
        console().print(f"Deleted {len(deletable)}.")


def _backups(system: Cluster, problems: list[str]) -> list[dict[str, Any]] | None:
    """Return all backups; None: nobody can tell, which is a problem."""
    try:
        return ask_operator(system, ["list"])
    except (AdminError, ClusterError) as error:
        problems.append(f"backups: {error}")
        return None


def orphans(
    sessions: list[SessionView],
    backups: list[dict[str, Any]] | None,
    *,
    everywhere: Iterable[SessionView] = (),
    without_backup: bool = False,
) -> Iterator[Leftover]:
    """Yield the volumes of deleted instances; `everywhere`: all sessions of the cluster. No `backups`: not known."""
    for session in sessions:
        if session.orphaned and session.claim is not None:
            until = _succeeded_at(session, everywhere)
            newest = newest_backup(session, [item for item in backups or () if _is_of_claim(session, item, until)])
            others = newest_backup(session, backups or []) is not None
            why = None if without_backup else _why_needed(session, newest, others=others)
            why = _UNKNOWN if why is not None and backups is None else why
            yield Leftover(session, session.claim, None, session.since, newest, why)


def _why_needed(session: SessionView, newest: datetime | None, *, others: bool) -> str | None:
    """Return why no backup replaces what a deleted instance's volume holds; None: one does, or nothing is of use.

    `others`: whether there are backups of its name that may be of another session.
    """
    if session.linked and newest is None:
        if others:
            return "its session is linked, and no backup is known to be of the same device (--without-backup)"
        return "it is the only copy of a linked session (--without-backup)"
    if session.set_aside is not None and (newest is None or newest < session.set_aside):
        if session.set_aside == UNKNOWN:
            return "an older version did not note whether a session was set aside on it (oxy sessions delete)"
        return (
            "the device of what was set aside on it may still be linked, without a backup since (oxy sessions delete)"
        )
    return None


def _succeeded_at(session: SessionView, everywhere: Iterable[SessionView]) -> datetime | None:
    """Return when an instance of the same name began elsewhere, or left a volume there; None: none did."""
    name = (session.organization, session.name)
    later = (item.since for item in everywhere if (item.organization, item.name) == name and item.since > session.since)
    return min(later, default=None)


def _is_of_claim(session: SessionView, backup: dict[str, Any], until: datetime | None) -> bool:
    """Whether a backup is of the session on this volume, and not of one before, whose device is no longer linked.

    The one that the session was restored from is, and so are those of this volume whose device the phone linked when
    it linked the session's: an earlier instance made them. Epochs are counted by claim, so another claim of this name
    has had the same ones. Older pods do not say which it was: then a backup counts that was made while the name had no
    other, which it has had since `until`.
    """
    if backup.get("id") == session.restored_from is not None:
        return True
    if backup.get("volume") == session.claim_uid and backup.get("linkedAt") == session.linked_at is not None:
        return True
    if str(backup["epoch"]) != session.epoch:
        return False
    if backup.get("volume") is not None:
        return bool(backup["volume"] == session.claim_uid)
    return stored_at(backup) >= session.since and (until is None or stored_at(backup) < until)


def set_aside(
    cluster: Cluster, sessions: list[SessionView], backups: list[dict[str, Any]] | None, problems: list[str]
) -> Iterator[Leftover]:
    """Yield the sessions that were set aside on volumes of instances; only their pods can tell."""
    for session in sessions:
        if session.orphaned or not session.status.get("setAsideBytes"):
            continue
        try:
            files = ask_pod(cluster.within(session.namespace), session.pod or "", ["list"]) if session.pod else None
        except (AdminError, ClusterError) as error:
            problems.append(f"{session.namespace}/{session.name}: {error}")
            continue
        if files is None:
            problems.append(f"{session.namespace}/{session.name}: it has no pod that could list what was set aside")
        for file in files or ():
            found = leftover_file(session, file, newest_backup(session, backups or []), datetime.now(UTC))
            yield replace(found, kept_because=_UNKNOWN) if backups is None else found


def leftover_file(session: SessionView, file: dict[str, Any], newest: datetime | None, now: datetime) -> Leftover:
    """Return a session that was set aside, with why it is not deletable at `now`, if it is not."""
    since = datetime.fromisoformat(file["since"])
    why = None
    if now - since < SET_ASIDE_FOR:
        why = f"it is younger than {SET_ASIDE_FOR.days} days"
    elif newest is None or newest <= since:
        why = "no backup has been made since"
    return Leftover(session, file["name"], file["bytes"], since, newest, why)


def newest_backup(session: SessionView, backups: list[dict[str, Any]]) -> datetime | None:
    """Return when the newest backup of a session was stored."""
    name = (session.organization, session.name)
    return max((stored_at(item) for item in backups if (item["organization"], item["instance"]) == name), default=None)


def _print(found: list[Leftover], problems: list[str]) -> None:
    now = datetime.now(UTC)
    if found:
        print_table(_COLUMNS, [_row(item, now) for item in found])
    else:
        console().print("Nothing is left over.")
    for problem in problems:
        console().print(f"Not looked at: {problem}", markup=False)


def _row(item: Leftover, now: datetime) -> list[str]:
    return [
        item.session.namespace,
        item.session.name,
        item.what,
        readable_bytes(item.size),
        age(item.since, now),
        age(item.newest_backup, now) if item.newest_backup else "",
        "yes" if item.kept_because is None else f"no: {item.kept_because}",
    ]


def _is_confirmed(deletable: list[Leftover]) -> bool:
    return confirmed(f"Delete the {len(deletable)} that are deletable, for good?", "--yes")


def _delete(cluster: Cluster, item: Leftover) -> None:
    within, session = cluster.within(item.session.namespace), item.session
    if session.orphaned and session.claim_uid is not None:
        within.delete_claim(item.what, session.claim_uid)
    elif session.pod is not None:
        ask_pod(within, session.pod, ["delete", item.what])
