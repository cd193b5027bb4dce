"""``oxy sessions restore``: replaces an instance's session by a backup, once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.commands.session_waiting import WAIT_SECONDS, BusWatch, Timeout, print_result, say, waited
from oxy_cli.errors import AdminError, ClusterError, SessionCommandError
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.questions import confirmed
from oxy_cli.restore_order import LATEST, RestoreOrder, RestoreProgress, of_number, progress_of, under_way
from oxy_cli.session_admin import backups_of
from oxy_cli.session_view import Backup, is_of_earlier_device, was_logged_out
from oxy_cli.session_waits import Resource, what_it_does, why_stopped
from oxy_core.identity import number_digest
from oxy_core.instance.custom_resource import place_of

ATTEMPTS: Final = 20
"""How often to set the order anew because the instance has just changed; its status does every few seconds."""

_CAVEAT: Final = (
    "Until that is done the number is not connected, and WhatsApp keeps what arrives. The session that is replaced is "
    "set aside on the volume. Answers that the pod has accepted and not sent by then are not sent any more, since "
    "nobody can tell which of them have left: the owner is told of them. What was received or sent since the backup "
    "was made, the restored session does not know: of those chats, the first messages may be lost."
)

_NEWER: Final = {
    False: "A session that is linked, and was used since the backup was made, is not replaced without --force.",
    True: "It is replaced even if it was used since the backup was made (--force).",
}
"""What becomes of a newer session, by whether it is forced."""

_UNLINKED: Final = (
    "Once it was made, its device was to be unlinked on the phone, because the instance was deleted with "
    "deletionPolicy Delete. If it was (unless the event DeviceStillLinked says otherwise), WhatsApp ends the session "
    "at once (LoggedOut), and the phone has to be linked anew (oxy pair)."
)

_LOGGED_OUT: Final = (
    "WhatsApp has ended the connection of its device since (LoggedOut), most likely because a person removed it on the "
    "phone: it ends the session again as soon as it is restored. Link the phone anew instead (oxy pair)."
)

_EARLIER: Final = (
    "It is of an earlier device: the phone was linked anew since. If that device was removed on the phone, WhatsApp "
    "ends the session as soon as it is restored (LoggedOut). Then remove the one that was linked last, too, and link "
    "the phone anew (oxy pair)."
)


def restore(  # noqa: PLR0913 each is an option of the command
    name: Name,
    backup_id: Annotated[str, typer.Argument(metavar="[BACKUP]", help="Id of a backup.")] = LATEST,
    *,
    instance: Annotated[
        str | None, typer.Option(help="The instance whose backup it is, which had the same number before.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also replace a session that is newer, or by a backup whose device was unlinked."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    timeout: Timeout = WAIT_SECONDS,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Replace an instance's session by a backup: sets spec.session.restoreFrom, and waits until it is done."""
    cluster, system = Cluster.connect(context, namespace), Cluster.connect(context, system_namespace)
    resource = cluster.instance(name)
    order = RestoreOrder.asked(backup_id, instance, force=force, lists=how_to_list(resource, instance or name))
    _require_pod(resource, timeout)
    which, warning = _chosen(system, resource, order)
    _confirm(name, which, warning, order, yes=yes)
    before, order = _set(cluster, name, order)
    with _told_if_interrupted(cluster, name):
        bus = BusWatch(timeout)
        found = waited(lambda: _end(cluster, name, order, bus), timeout, lambda: _late(cluster, name, order, timeout))
    if found is not None and found.refused:
        message = f"{name}: {found.message}\n{_take_back(cluster, name, order, before, found)}".rstrip()
        raise SessionCommandError(message)
    result = {"name": name, "restoreFrom": order.spec, "outcome": found.reason if found else "Requested"}
    print_result(result, output, found.message if found else f"Asked {name} to restore it.")


# -- before anything is changed


def _require_pod(resource: Resource, timeout: int) -> None:
    """Raise SessionCommandError if no pod will restore it, unless nobody waits for that."""
    if timeout and (why := why_stopped(resource)):
        message = f"nothing was changed; to set spec.session.restoreFrom all the same, add --timeout 0. {why}"
        raise SessionCommandError(message)


def _chosen(system: Cluster, resource: Resource, order: RestoreOrder) -> tuple[str, str]:
    """Return what to call the backup, and what is to be known of it; raises SessionCommandError if there is none.

    Also if nobody can tell: while the backups cannot be listed, none could be fetched either.
    """
    name = resource["metadata"]["name"]
    source, organization = order.instance or name, resource["spec"]["organizationId"]
    try:
        held = backups_of(system, organization, source)
    except (AdminError, ClusterError) as error:
        message = (
            f"nothing was changed: the backups of {source} cannot be looked at, so none can be restored now: "
            f"{str(error).rstrip('.')}. Whoever may only change the instance can set spec.session.restoreFrom instead: "
            "it waits until they can be"
        )
        raise SessionCommandError(message) from error
    if not held:
        message = (
            f"nothing was changed: organization {organization} has no backup of an instance {source}. To see of which "
            "instances there are any, run: oxy sessions list -A"
        )
        raise SessionCommandError(message)
    found = order.of(of_number(held, number_digest(resource["spec"]["phoneNumber"])))
    if found is None:
        what = "no backup" if order.backup_id == LATEST else f"no backup {order.backup_id}"
        whose = f" of organization {organization}" if source != name else ""
        whose = " of this number, only of another" if order.of(held) else whose
        lists = how_to_list(resource, source)
        message = f"nothing was changed: {source} has {what}{whose}. To see which there are, run: {lists}"
        raise SessionCommandError(message)
    which = f"{found['id']} of {found['storedAt']}"
    if not found.get("unlinkedAfter"):
        warning = why_not_linked(found, resource.get("status") or {}) if source == name else ""
        return which, f" {warning}" if warning else ""
    if order.backup_id != LATEST and not order.force:
        message = f"nothing was changed: backup {which}. {_UNLINKED} To restore it all the same, add --force."
        raise SessionCommandError(message)
    return which, f" {_UNLINKED}" + (" There is none that is not marked so." if order.backup_id == LATEST else "")


def how_to_list(resource: Resource, source: str) -> str:
    """Return the command that shows the backups of `source`, which may be another instance of the organization."""
    name, namespace = resource["metadata"]["name"], resource["metadata"]["namespace"]
    whose = f" --organization {resource['spec']['organizationId']}" if source != name else ""
    return f"oxy sessions show {place_of(source, namespace)}{whose}"


def why_not_linked(backup: Backup, status: Mapping[str, Any]) -> str:
    """Return why a backup's device may not be linked any more, by its instance's status; empty: it may well be."""
    if was_logged_out(backup, status):
        return _LOGGED_OUT
    return _EARLIER if is_of_earlier_device(backup, status) else ""


def _confirm(name: str, which: str, warning: str, order: RestoreOrder, *, yes: bool) -> None:
    if yes:
        if warning:
            say(f"Backup {which}:{warning}")
    elif not confirmed(
        f"Replace the session of {name} by backup {which}?{warning} {_NEWER[order.force]} {_CAVEAT}", "--yes"
    ):
        message = "nothing was changed"
        raise SessionCommandError(message)


# -- the order


def _set(cluster: Cluster, name: str, order: RestoreOrder) -> tuple[RestoreOrder | None, RestoreOrder]:
    """Set the order, in one step and only if no other is under way; return what was there before, and what is now.

    The same one that is under way already, as after Ctrl-C, is not set again. Raises SessionCommandError.
    """
    for _ in range(ATTEMPTS):
        resource = cluster.instance(name)
        held = RestoreOrder.held(resource)
        if held is not None and under_way(resource):
            if held.is_same(order):
                return None, held
            raise SessionCommandError(_busy(cluster, resource, held))
        changed = _written(cluster, resource, order)
        if changed is not None:
            return held, _stored(changed, held)
    raise SessionCommandError(_restless(name))


def _stored(changed: Resource, before: RestoreOrder | None) -> RestoreOrder:
    """Return the order as the API server keeps it, which prunes what it does not know."""
    stored = RestoreOrder.held(changed)
    if stored is None or stored == before:
        message = (
            "the Oxy in the cluster is older than this command, and would not restore the same backup once more. "
            "Upgrade it, or remove spec.session.restoreFrom, wait a moment, and ask again"
        )
        raise SessionCommandError(message)
    return stored


def _busy(cluster: Cluster, resource: Resource, held: RestoreOrder) -> str:
    told = progress_of(resource, held)
    said = f" It says: {told.message}" if told else ""
    name = resource["metadata"]["name"]
    return (
        f"nothing was changed: another restore of {name} is under way, of {held.described}.{said}\n"
        f"Wait for it, or take it back: {_taking_back(cluster, name)}"
    )


def _restless(name: str) -> str:
    return f"nothing was changed: {name} changes all the time; try again"


def _taking_back(cluster: Cluster, name: str) -> str:
    patch = '{"spec":{"session":{"restoreFrom":null}}}'
    return f"kubectl patch wai {name} -n {cluster.namespace} --type merge -p '{patch}'"


def _written(cluster: Cluster, resource: Resource, order: RestoreOrder | None) -> Resource | None:
    """Write spec.session.restoreFrom and return the instance; None if it has changed since it was read."""
    return cluster.patch_unchanged_instance(resource, {"session": {"restoreFrom": order.patch if order else None}})


# -- what becomes of it


@contextmanager
def _told_if_interrupted(cluster: Cluster, name: str) -> Iterator[None]:
    """Tell whoever presses Ctrl-C that only the waiting ends."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"The restore of {name} goes on. To take it back: {_taking_back(cluster, name)}")
        raise


def _end(cluster: Cluster, name: str, order: RestoreOrder, bus: BusWatch) -> RestoreProgress | None:
    """Return how the order has ended, if it has; raises SessionCommandError if nobody carries it out any more."""
    resource = cluster.instance(name)
    held = RestoreOrder.held(resource)
    if held != order:
        instead = f"asks for {held.described} by now" if held else "was removed"
        message = (
            f"{name}: somebody else has changed spec.session.restoreFrom, which {instead}. This restore is given up"
        )
        raise SessionCommandError(message)
    told = progress_of(resource, order)
    if told is not None and (told.restored or told.refused):
        return told
    if why := why_stopped(resource):
        message = f"{name} is not restored; it stays asked for. {why}"
        raise SessionCommandError(message)
    bus.note({"reason": told.reason, "message": told.message} if told else {}, f"{name} is not restored; it goes on.")
    return None


def _late(cluster: Cluster, name: str, order: RestoreOrder, timeout: int) -> str:
    resource = cluster.instance(name)
    told = progress_of(resource, order)
    unseen = f"The operator has not looked at {name}; `kubectl get wai {name}` shows whether it works."
    said = f"{told.message}\n{what_it_does(resource)}" if told else unseen
    return f"{name} is not restored after {timeout} s; it goes on. {said}"


def _take_back(
    cluster: Cluster, name: str, order: RestoreOrder, before: RestoreOrder | None, found: RestoreProgress
) -> str:
    """Leave nothing in the spec that was refused; return what is there instead.

    What was there before is set again only if no pod was told of the order: else it would be a new one, and carried out
    once more.
    """
    again = None if found.pinned else before
    for _ in range(ATTEMPTS):
        resource = cluster.instance(name)
        if RestoreOrder.held(resource) != order:
            return ""
        if _written(cluster, resource, again) is not None:
            break
    else:
        return "spec.session.restoreFrom still asks for it."
    if again is not None:
        return f"spec.session.restoreFrom names {again.described} again, as before."
    lost = f"; it named {before.described} before, which is not carried out once more" if before else ""
    return f"spec.session.restoreFrom is removed again{lost}."
