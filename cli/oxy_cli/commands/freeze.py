"""``oxy freeze`` and ``oxy thaw``: hold back everything that instances are to send, and send it again."""

import getpass
import os
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.errors import ClusterError, FreezeError
from oxy_cli.instance import InstanceView
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Output, SystemNamespace
from oxy_cli.output import console, print_json, print_table
from oxy_cli.session_admin import OPERATOR_LABELS
from oxy_core.errors import ContractError
from oxy_core.freeze import MAX_WORDS, RECORD_KEY, RECORD_LABELS, RECORD_NAME, FreezeRecord, Hold
from oxy_core.instance.custom_resource import BUS_AWAY, ORGANIZATION_LABEL
from oxy_core.times import utc_text

WAIT_SECONDS: Final = 20
"""How long to wait for pods to confirm, by default. Pods that are reached confirm within seconds."""

PER_SECOND: Final = 100
"""Instances that are waited for a second longer: the operator shows what their pods confirm one after the other."""

POLL_SECONDS: Final = 0.5
"""Shortest pause between two looks at all instances."""

REST: Final = 4
"""A pause is so many times as long as the look before it, so that thousands of instances do not load the cluster."""

MOST_NAMED: Final = 10
"""Instances or organizations that an error names."""

_EVERYONE: Final = "everyone"
"""Who is held back if that is not one organization."""

ATTEMPTS: Final = 5
"""How often to change the record anew because somebody else has just changed it."""

Organization = Annotated[
    str | None, typer.Option("--organization", "-O", help="Only this organization (spec.organizationId); default: all.")
]
Wait = Annotated[
    int | None,
    typer.Option(
        min=0,
        show_default=False,
        help="Seconds to wait until the pods have confirmed; default: 20, and one for each 100 instances.",
    ),
]


def freeze(  # noqa: PLR0913 each is an option of the command
    *,
    organization: Organization = None,
    reason: Annotated[str, typer.Option(help="Why, for those who see that nothing is sent (200 characters).")] = "",
    by: Annotated[str | None, typer.Option(help="Who wants it; default: the user of this computer.")] = None,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Also an organization that has no instance yet.")
    ] = False,
    wait: Wait = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Send nothing any more: no answer, no campaign, no notice. Receiving goes on, and what waits keeps its place."""
    _require_words("--reason", reason)
    _require_words("--by", by or "")
    cluster = Cluster.connect(context, system_namespace)
    _require_operator(cluster)
    hold = Hold(since=_now(cluster), by=(by or whoever())[:MAX_WORDS], reason=reason)

    def change(known: FreezeRecord) -> FreezeRecord:
        record = known.frozen(organization, hold)
        if organization is not None and organization not in known.organizations and not allow_unknown:
            _require_known(organization, _with_instances(cluster))
        return record

    record = _change(cluster, change)
    _report(record, _confirmations(cluster, record, organization, wait), output)


def thaw(
    *,
    organization: Organization = None,
    wait: Wait = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Send again what waits and has not expired. What was frozen for one organization is thawed with --organization."""
    cluster = Cluster.connect(context, system_namespace)
    _require_operator(cluster)
    now, existing = _now(cluster), _with_instances(cluster)
    on_volumes = _on_volumes(cluster)

    def change(known: FreezeRecord) -> FreezeRecord:
        record = known.thawed(organization, now)
        if organization is None and known.everyone.hold is None:
            _require_none_held(known)
        if organization is not None and organization not in {*known.organizations, *existing, *(on_volumes or ())}:
            raise FreezeError(_not_frozen(organization, known))
        return record if on_volumes is None else record.without_gone(existing | on_volumes)

    record = _change(cluster, change)
    _report(record, _confirmations(cluster, record, organization, wait), output)


def whoever() -> str:
    """Return the user of this computer; in a container, a user may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # KeyError before Python 3.13
        return f"user {os.getuid()}"


def _require_words(option: str, text: str) -> None:
    """Refuse what would be cut or spoilt where people read it; raises FreezeError."""
    if not text.isprintable():
        message = f"nothing was frozen: {option} has a line break or another control character: write it in one line"
        raise FreezeError(message)
    if len(text) > MAX_WORDS:
        message = f"nothing was frozen: {option} has {len(text)} characters; at most {MAX_WORDS} are kept: shorten it"
        raise FreezeError(message)


def _now(cluster: Cluster) -> datetime:
    """Return the cluster's time: revisions count by it, and a laptop's may be hours off."""
    return datetime.now(UTC) + cluster.clock_ahead()


def _change(cluster: Cluster, change: Callable[[FreezeRecord], FreezeRecord]) -> FreezeRecord:
    """Change the record and return it as it is then; raises FreezeError."""
    for _ in range(ATTEMPTS):
        found = cluster.config_map(RECORD_NAME)
        known = _read(cluster, found)
        try:
            record = change(known)
        except ContractError as error:
            message = f"--organization: {error}. See spec.organizationId, which oxy status shows"
            raise FreezeError(message) from error
        content: dict[str, Any] = {"metadata": {"labels": dict(RECORD_LABELS)}, "data": {RECORD_KEY: record.encode()}}
        if found is not None:
            content["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        if cluster.write_config_map(RECORD_NAME, content):
            return record
    message = f"ConfigMap {RECORD_NAME} in namespace {cluster.namespace} changes all the time; try again"
    raise FreezeError(message)


def _read(cluster: Cluster, found: dict[str, Any] | None) -> FreezeRecord:
    text = (found or {}).get("data", {}).get(RECORD_KEY)
    try:
        return FreezeRecord() if text is None else FreezeRecord.read(text)
    except ContractError as error:
        message = (
            f"ConfigMap {RECORD_NAME} in namespace {cluster.namespace}, key {RECORD_KEY}: {error}. Use the version of "
            "oxy that wrote it, or delete the ConfigMap: pods that are frozen stay so until the next oxy thaw"
        )
        raise FreezeError(message) from error


# -- what there is to freeze


def _require_operator(cluster: Cluster) -> None:
    """Refuse to write a record that no operator reads; raises FreezeError."""
    installed = cluster.deployed_in(OPERATOR_LABELS)
    if installed is None or installed:
        return
    elsewhere = cluster.deployed_in(OPERATOR_LABELS, everywhere=True)
    if elsewhere:
        remedy = f"It is in namespace {named(sorted(elsewhere))}, which is to be named with --system-namespace"
    elif elsewhere is None:
        remedy = "`helm list --all-namespaces` shows where it is, which is to be named with --system-namespace"
    else:
        remedy = "Nor is it in any other of this cluster, so nothing is sent. Is this the right --context?"
    message = f"Oxy is not installed in namespace {cluster.namespace}: no operator would read what is frozen. {remedy}"
    raise FreezeError(message)


def _with_instances(cluster: Cluster) -> set[str]:
    """Return the organizations that have instances."""
    return {str(item["spec"]["organizationId"]) for item in cluster.instances(everywhere=True)}


def _on_volumes(cluster: Cluster) -> set[str] | None:
    """Return the organizations that have sessions on volumes; None: whoever asks may not know."""
    try:
        claims = cluster.claims(everywhere=True)
    except ClusterError:
        return None
    return {str(item["metadata"].get("labels", {}).get(ORGANIZATION_LABEL)) for item in claims}


def _require_known(organization: str, existing: Collection[str]) -> None:
    """Refuse what is most likely mistyped; raises FreezeError."""
    if organization not in existing:
        there_are = f"there are: {named(sorted(existing))}" if existing else "there are no instances at all"
        message = (
            f"--organization: no instance belongs to {organization}; {there_are}. To freeze it before it has any, add "
            "--allow-unknown"
        )
        raise FreezeError(message)


def _held(known: FreezeRecord) -> list[str]:
    return sorted(name for name, freeze in known.organizations.items() if freeze.hold is not None)


def _require_none_held(known: FreezeRecord) -> None:
    """Refuse to thaw everyone where only single organizations are frozen; raises FreezeError."""
    if held := _held(known):
        message = f"nothing was thawed: single organizations are frozen: {named(held)}. Name one with --organization"
        raise FreezeError(message)


def _not_frozen(organization: str, known: FreezeRecord) -> str:
    held = _held(known)
    frozen = f"frozen are: {named(held)}" if held else "no single organization is frozen"
    return f"--organization: no instance belongs to {organization}, and it is not frozen; {frozen}"


# -- who has confirmed


def _confirmations(
    cluster: Cluster, record: FreezeRecord, organization: str | None, wait: int | None
) -> list[tuple[InstanceView, bool]]:
    """Wait until all instances concerned have confirmed, or for so many seconds; return each, and whether it has."""
    begun = time.monotonic()
    while True:
        looked_at = time.monotonic()
        instances = [InstanceView.of(item) for item in cluster.instances(everywhere=True)]
        found = [
            (instance, has_confirmed(instance, frozen=record.of(instance.organization).hold is not None))
            for instance in instances
            if organization in {None, instance.organization}
        ]
        now = time.monotonic()
        left = begun + patience(wait, len(found)) - now
        if all(confirmed for _, confirmed in found) or left <= 0:
            return found
        time.sleep(pause(now - looked_at, left))


def patience(wait: int | None, instances: int) -> int:
    """Return for how many seconds to wait for so many instances; `wait` is what a person wants."""
    return WAIT_SECONDS + instances // PER_SECOND if wait is None else wait


def pause(took: float, left: float) -> float:
    """Return the seconds to pause after a look that took so many, with so many left until the last one."""
    return max(min(max(POLL_SECONDS, REST * took), left), 0)


def has_confirmed(instance: InstanceView, *, frozen: bool) -> bool:
    """Whether an instance does what is wanted, as its conditions say.

    One that is refused has no pod to send, and nothing is said of it. But one whose new spec cannot be used goes on
    with the last one, and has to confirm as others do.
    """
    condition = instance.condition("Frozen")
    if instance.condition("Accepted").status == "False" and not condition.reason:
        return True
    return (condition.status, condition.reason) == ("True", "Frozen") if frozen else condition.status == "False"


def _report(record: FreezeRecord, found: Sequence[tuple[InstanceView, bool]], output: Output) -> None:
    if output is Output.JSON:
        print_json({"held": _holds(record), "instances": [_line(*item) for item in found]})
    else:
        for hold in _holds(record):
            reason = f" ({hold['reason']})" if hold["reason"] else ""
            whose = "" if hold["who"] == _EVERYONE else f" --organization {hold['who']}"
            text = f"{hold['who']}: nothing is sent since {hold['since']}, by order of {hold['by']}{reason}. "
            console().print(f"{text}To send again, run: oxy thaw{whose}", markup=False)
        if not _holds(record):
            console().print("Nobody is frozen.")
        columns = ("namespace", "name", "organization", "frozen", "confirmed")
        lines = [_line(*item) for item in found]
        words = {True: "yes", False: "no", None: "unknown"}
        rows = [[words.get(line[key], str(line[key])) for key in columns] for line in lines]
        print_table([column.upper() for column in columns], rows)
        if not found:
            console().print("No instance is concerned. `oxy status --all-namespaces` shows their organizations.")
    missing = [instance for instance, confirmed in found if not confirmed]
    if missing:
        frozen = any(record.of(instance.organization).hold is not None for instance in missing)
        raise FreezeError(unconfirmed(missing, frozen=frozen))


def unconfirmed(missing: Sequence[InstanceView], *, frozen: bool) -> str:
    """Explain that instances have not confirmed it, a freeze or a thaw, and what becomes of that."""
    names = [instance.name for instance in missing]
    status = f"`oxy status {missing[0].place}`"
    how, when = "every 15 seconds, and by their settings within two minutes", f"{status} shows when"
    away = any(instance.condition("Frozen").reason == BUS_AWAY for instance in missing)
    if away:
        how, when = "by their settings within two minutes", f"{status} shows when, and what to do"
    why = " because NATS is away, over which they are told and answer" if away else ""
    until_told = "send what they have accepted, and what reaches them before the freeze does"
    meanwhile = until_told if frozen else "hold back what they are to send"
    return (
        f"not confirmed yet by {named(names)}{why}. They are told again {how}; {when}. Until then they may {meanwhile}"
    )


def named(names: Sequence[str]) -> str:
    """Name instances or organizations, the first ones if they are many."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _holds(record: FreezeRecord) -> list[dict[str, str]]:
    """Return who is held back, since when, by whom and why."""
    held = {_EVERYONE: record.everyone.hold, **{name: known.hold for name, known in record.organizations.items()}}
    return [
        {"who": who, "since": utc_text(hold.since), "by": hold.by, "reason": hold.reason}
        for who, hold in held.items()
        if hold is not None
    ]


def _line(instance: InstanceView, confirmed: bool) -> dict[str, Any]:  # noqa: FBT001 a pair
    return {
        "namespace": instance.namespace,
        "name": instance.name,
        "organization": instance.organization,
        "frozen": instance.frozen,
        "confirmed": confirmed,
    }
