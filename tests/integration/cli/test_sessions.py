"""``oxy sessions`` against a real API server and a real NATS; the tests play the operator and the kubelet."""

import asyncio
import contextlib
import io
import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nats
import pytest
from integration.cli.scene import Scene
from typer.testing import CliRunner, Result

from oxy_cli.__main__ import app
from oxy_cli.cluster import Cluster, Completed
from oxy_cli.commands import session_waiting
from oxy_cli.errors import CliError
from oxy_core import subjects
from oxy_core.identity import number_digest
from oxy_core.jetstream import ensure_streams
from oxy_core.session_backups import BackupManifest
from oxy_dev.servers import running_nats
from oxy_operator import session_admin
from oxy_operator.bus.accounts import nats_configuration, platform_credentials
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_tenant import set_aside

KEYS = PlatformKeys.generate()
SECONDS = 60.0

MODULES: dict[str, Callable[[Sequence[str]], int]] = {
    "oxy_operator.session_admin": session_admin.main,
    "oxy_tenant.set_aside": set_aside.main,
}


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A NATS with the platform's streams; the folder with what the operator's pod mounts."""
    folder = tmp_path_factory.mktemp("bus")
    (folder / "platform.creds").write_text(platform_credentials(KEYS))
    (folder / "operator.seed").write_text(KEYS.operator_seed)
    (folder / "root.seed").write_text(KEYS.root_seed)
    with running_nats(folder / "nats", nats_configuration(KEYS, folder / "accounts")) as server:
        (folder / "url").write_text(server.url)
        asyncio.run(on_bus(folder, lambda client: ensure_streams(client.jetstream())))
        yield folder


async def on_bus(folder: Path, work: Callable[[Any], Any]) -> None:
    client = await nats.connect((folder / "url").read_text(), user_credentials=str(folder / "platform.creds"))
    try:
        await work(client)
    finally:
        await client.close()


@pytest.fixture
def shop(
    scene: Scene,
    bus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    logs_as_before: None,
) -> Scene:
    """An instance, and a kubelet that runs commands of pods here."""
    values = {
        "NAMESPACE": scene.namespace,
        "NATS_URL": (bus / "url").read_text(),
        "TENANT_NATS_URL": "nats://unused",
        "NATS_CREDENTIALS": str(bus / "platform.creds"),
        "NATS_SYSTEM_CREDENTIALS": str(bus / "platform.creds"),
        "NATS_OPERATOR_SEED": str(bus / "operator.seed"),
        "ROOT_SEED": str(bus / "root.seed"),
        "TENANT_IMAGE": "unused",
        "SESSION": str(tmp_path / "volume"),
    }
    (tmp_path / "volume").mkdir()
    # Which the library has read when it was imported.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(scene.server.kubeconfig))
    for name, value in values.items():
        monkeypatch.setenv(f"OXY_{name}", value)
    monkeypatch.setattr(Cluster, "ready_pod", lambda *_: "oxy-operator-0")
    monkeypatch.setattr(Cluster, "execute", run_here)
    monkeypatch.setattr("oxy_cli.commands.session_waiting.POLL_SECONDS", 0.05)
    scene.apply("shop", organizationId=scene.namespace[:40])
    return scene


def run_here(_: Cluster, pod: str, command: Sequence[str], stdin: object = ()) -> Completed:
    """Run a pod's command, as the kubelet would in its container."""
    assert command[2] == {"oxy-operator-0": "oxy_operator.session_admin", "wai-shop-0": "oxy_tenant.set_aside"}[pod]
    assert not stdin
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = MODULES[command[2]](list(command[3:]))
    return Completed(output.getvalue(), errors.getvalue(), code)


def oxy(shop: Scene, *words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["sessions", *words, "-n", shop.namespace], input=answer)


def printed(shop: Scene, *words: str) -> Any:  # noqa: ANN401 whatever JSON can hold
    done = oxy(shop, *words, "-o", "json")
    assert done.exception is None, done
    return json.loads(done.stdout)


def refused(done: Result) -> str:
    assert isinstance(done.exception, CliError), done
    return str(done.exception)


def back_up(shop: Scene, bus: Path, instance: str = "shop", owner: str = "", **fields: object) -> str:
    """Put a backup on the bus, as the pod of an instance would; `owner` is its organization."""
    organization = owner or shop.namespace[:40]
    manifest = BackupManifest.model_validate(
        {
            "id": uuid.uuid4(),
            "organization": organization,
            "instance": instance,
            "number": number_digest("+5511987654321"),
            "device": "ab" * 32,
            "epoch": 1,
            "made_at": datetime.now(UTC),
            "database_bytes": 4_000_000,
            "compressed_bytes": 3_250_000,
            "sha256": "ab" * 32,
            "chunks": 1,
            "key_id": "ab" * 8,
            "library": "neonize 0.5.2",
        }
        | fields
    )
    account = KEYS.tenant_account(organization, instance).public

    async def publish(client: Any) -> None:  # noqa: ANN401 the client has no types
        for number, content in ((0, b"chunk"), ("manifest", manifest.encode())):
            await client.jetstream().publish(subjects.backup(account, instance, manifest.id, number), content)

    asyncio.run(on_bus(bus, publish))
    return str(manifest.id)


def claim(  # noqa: PLR0913 what tells claims apart
    shop: Scene,
    name: str,
    *,
    paired: bool = True,
    namespace: str = "",
    organization: str = "",
    set_aside: str = "never",
) -> None:
    shop.server.api.create(
        f"/api/v1/namespaces/{namespace or shop.namespace}/persistentvolumeclaims",
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": f"wai-{name}-session",
                "namespace": namespace or shop.namespace,
                "labels": {
                    "app.kubernetes.io/managed-by": "oxy-operator",
                    "oxy.dev/instance": name,
                    "oxy.dev/organization": organization or shop.namespace[:40],
                },
                "annotations": {
                    "oxy.dev/epoch": "1",
                    "oxy.dev/paired": str(paired).lower(),
                    "oxy.dev/set-aside": set_aside,
                },
            },
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        },
    )


def claims(shop: Scene) -> set[str]:
    """The claims that are not being deleted: what protects those in use is never lifted here."""
    found = shop.server.api.get(f"/api/v1/namespaces/{shop.namespace}/persistentvolumeclaims")["items"]
    return {item["metadata"]["name"] for item in found if "deletionTimestamp" not in item["metadata"]}


@contextlib.contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Play the operator while the command waits."""
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def until(condition: Callable[[], Any]) -> Any:  # noqa: ANN401 whatever the condition returns
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.05)
    return found


def once(condition: Callable[[], Any], act: Callable[[], None]) -> Callable[[], None]:
    def wait_and_act() -> None:
        until(condition)
        act()

    return wait_and_act


def test_sessions_are_listed_with_those_that_deleted_instances_left(shop: Scene, bus: Path) -> None:
    claim(shop, "shop")
    claim(shop, "gone")
    shop.set_status(
        "shop",
        "Connected",
        session={
            "sizeBytes": 3_250_000,
            "lastBackupAt": "2026-11-01T00:00:00Z",
            "backups": [{"id": "x"}],
            "messages": 7,
        },
    )
    # Tests share a bus, which has backups of what others' instances left.
    listed = [item for item in printed(shop, "list") if item["organization"] == shop.namespace[:40]]
    assert [(item["name"], item["state"], item["linked"], item["backups"], item["claim"]) for item in listed] == [
        ("shop", "Connected", False, 1, "wai-shop-session"),
        ("gone", "Orphaned", True, 0, "wai-gone-session"),
    ]
    assert "3.1 MiB" in oxy(shop, "list").stdout
    figures = printed(shop, "stats")
    assert (figures["sum"]["messages"], figures["sum"]["sessions"], figures["sum"]["withoutBackup"]) == (7, 1, 0)
    assert "3.1 MiB" in oxy(shop, "stats", "shop").stdout
    made = back_up(shop, bus, "gone")
    back_up(shop, bus, "gone", organization="forged")
    assert [item["id"] for item in printed(shop, "show", "gone")["backups"]] == [made]
    assert made in oxy(shop, "show", "gone").stdout
    assert "neither an instance nobody nor" in refused(oxy(shop, "show", "nobody"))


def test_backups_that_are_all_that_is_left_are_listed_and_how_to_show_them_is_said(shop: Scene, bus: Path) -> None:
    organization = shop.namespace[:40]
    claim(shop, "gone")
    back_up(shop, bus, "gone")
    older, last = back_up(shop, bus, "lost"), back_up(shop, bus, "lost", leaving=True)
    listed = {item["name"]: item for item in printed(shop, "list") if item["organization"] == organization}
    assert [(item["state"], item["backups"]) for item in listed.values()] == [
        ("Pending", 0),
        ("Orphaned", 1),
        ("BackupsOnly", 2),
    ]
    assert re.search(rf"^- +lost +{organization} ", oxy(shop, "list").stdout, re.MULTILINE)
    assert f"add --organization {organization}" in refused(oxy(shop, "show", "lost"))
    elsewhere = ["sessions", "show", "shop", "--organization", organization, "-n", "default"]
    assert f"add -n {shop.namespace}" in refused(CliRunner().invoke(app, elsewhere))
    assert "neither a volume nor a backup" in refused(oxy(shop, "show", "lost", "--organization", "wrong"))
    shown = printed(shop, "show", "lost", "--organization", organization)["backups"]
    assert [(item["id"], item["unlinkedAfter"]) for item in shown] == [(last, True), (older, True)]
    text = oxy(shop, "show", "lost", "--organization", organization).stdout
    assert "unlinked after: the instance was deleted" in text
    assert "sizeBytes" not in text


def test_without_an_operator_to_ask_sessions_are_listed_all_the_same(
    shop: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "ready_pod", lambda *_: None)
    done = oxy(shop, "list")
    assert (done.exit_code, "shop" in done.stdout) == (0, True)
    assert "no operator is ready" in done.stderr
    unasked = refused(oxy(shop, "restore", "shop", "--yes", "--force"))
    assert "nothing was changed: the backups of shop cannot be looked at" in unasked
    assert wanted(shop) == {}, "a pod that is told to restore disconnects first"
    shop.server.api.delete(shop.path("shop"))
    for output in ("text", "json"):
        none = oxy(shop, "list", "-o", output)
        assert "whether backups of deleted ones are kept is not known: no operator is ready" in refused(none)
        assert none.stdout == ""


def test_without_nats_a_session_is_shown_with_what_the_cluster_knows(
    shop: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(shop, "gone")
    told = {"id": "b1", "storedAt": "2026-11-01T00:00:00Z", "bytes": 512, "epoch": 1, "unlinkedAfter": False}
    shop.set_status("shop", "Connected", session={"messages": 7, "backups": [told]})
    away(monkeypatch)
    done = oxy(shop, "show", "shop")
    assert (done.exit_code, "Messages" in done.stdout, "b1" in done.stdout) == (0, True, True)
    assert "cannot connect to NATS" in done.stderr
    assert "its status named last" in done.stderr
    assert [item["id"] for item in printed(shop, "show", "shop")["backups"]] == ["b1"]
    gone = oxy(shop, "show", "gone")
    assert ("Orphaned" in gone.stdout, "It has no backup" in gone.stdout) == (True, False)
    assert "cannot connect to NATS" in gone.stderr
    assert printed(shop, "show", "gone")["backups"] is None
    lost = refused(oxy(shop, "show", "lost", "--organization", shop.namespace[:40]))
    assert "whether backups of it are kept is not known: cannot connect to NATS" in lost


def test_without_nats_nothing_is_pruned_that_a_backup_has_to_replace(
    shop: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(shop, "shop")
    claim(shop, "gone")
    claim(shop, "never", paired=False)
    old = "session.bad-20260101T000000Z.db"
    (Path(os.environ["OXY_SESSION"]) / old).write_bytes(b"x")
    shop.set_status("shop", "Connected", session={"setAsideBytes": 1}, runtime={"podName": "wai-shop-0"})
    away(monkeypatch)
    found = printed(shop, "prune", "--yes")
    assert {item["what"]: item["deleted"] for item in found["leftovers"]} == {
        "wai-gone-session": False,
        "wai-never-session": True,
        old: False,
    }
    assert "cannot connect to NATS" in found["problems"][0]
    assert claims(shop) == {"wai-shop-session", "wai-gone-session"}
    text = oxy(shop, "prune", "--yes").stdout
    assert "no: whether a backup replaces it is not known" in text
    assert "Not looked at: backups: cannot connect to NATS" in text


def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the operator's pod reach no NATS."""
    monkeypatch.setenv("OXY_NATS_URL", "nats://127.0.0.1:1")
    monkeypatch.setattr(session_admin, "CONNECT_SECONDS", 0.5)


def test_a_backup_is_asked_for_and_waited_for(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> str | None:
        found: str | None = shop.instance("shop")["metadata"].get("annotations", {}).get("oxy.dev/backup")
        return found

    def answer(before: str | None, **told: str) -> Callable[[], None]:
        def act() -> None:
            nonce = until(lambda: asked() if asked() != before else None)
            shop.set_status("shop", "Connected", session={"backup": {"nonce": nonce, **told}})

        return act

    with meanwhile(answer(None, outcome="Done", backupId="b1")):
        assert printed(shop, "backup", "shop")["backupId"] == "b1"
    with meanwhile(answer(asked(), outcome="Refused", message="No phone is linked.")):
        assert "No phone is linked." in refused(oxy(shop, "backup", "shop"))
    monkeypatch.setattr(session_waiting, "BUS_PATIENCE_SECONDS", 1)
    with meanwhile(answer(asked(), outcome="Requested", reason="BusAway", message="NATS is away. Bring it back.")):
        away = oxy(shop, "backup", "shop")
    assert "NATS is away. Bring it back. Waiting for it for 1 s at most." in away.stderr
    assert "shop has no new backup; it stays asked for. NATS is away. Bring it back." in refused(away)
    late = refused(oxy(shop, "backup", "shop", "--timeout", "1"))
    assert "shop has no new backup after 1 s (Requested); it stays asked for. Its pod" in late
    assert late.endswith("Connected, says the test"), "it may be a command"
    assert printed(shop, "backup", "shop", "--timeout", "0")["outcome"] == "Requested"


def annotate(shop: Scene, nonce: str | None) -> None:
    change(shop, {"metadata": {"annotations": {"oxy.dev/backup": nonce}}})


def change(shop: Scene, patch: dict[str, Any]) -> None:
    """Change the instance as kubectl does."""
    Cluster.connect(None, shop.namespace).patch_instance("shop", patch)


def test_a_later_request_for_a_backup_answers_the_earlier_one_too(shop: Scene) -> None:
    def asked() -> str | None:
        found: str | None = shop.instance("shop")["metadata"].get("annotations", {}).get("oxy.dev/backup")
        return found

    def another() -> None:
        until(asked)
        annotate(shop, "theirs")
        shop.set_status("shop", "Connected", session={"backup": {"nonce": "theirs", "outcome": "Running"}})
        told = {"nonce": "theirs", "outcome": "Done", "backupId": "b2"}
        shop.set_status("shop", "Connected", session={"backup": told})

    with meanwhile(another):
        done = oxy(shop, "backup", "shop", "-o", "json")
    assert json.loads(done.stdout)["backupId"] == "b2"
    assert "Another request" in done.stderr

    def withdrawn(before: str | None, then: str | None) -> Callable[[], None]:
        return once(lambda: asked() != before, lambda: annotate(shop, then))

    for then in (None, "theirs"):  # the latter is older than the request
        with meanwhile(withdrawn(asked(), then)):
            assert "is gone" in refused(oxy(shop, "backup", "shop"))


def test_what_no_pod_will_do_is_said_at_once(shop: Scene, bus: Path) -> None:
    back_up(shop, bus)
    shop.set_status("shop", "Failed", accepted=False, reason="NumberTaken", message="It belongs to another.")
    for command in (["backup", "shop"], ["restore", "shop", "--yes"]):
        why = refused(oxy(shop, *command))
        assert why.endswith("(NumberTaken): It belongs to another."), "it may be a command"
    assert "annotations" not in shop.instance("shop")["metadata"]
    assert "restoreFrom" not in shop.instance("shop")["spec"]["session"]
    shop.set_status("shop", "Connected", ready=True)
    with meanwhile(once(lambda: wanted(shop), lambda: change(shop, {"spec": {"suspend": True}}))):
        assert "is suspended" in refused(oxy(shop, "restore", "shop", "--yes"))


def wanted(shop: Scene) -> dict[str, Any]:
    found: dict[str, Any] = shop.instance("shop")["spec"]["session"].get("restoreFrom", {})
    return found


def settle(shop: Scene, status: str, reason: str, outcome: str | None = None) -> None:
    """Say of the present wish what came of it; with an outcome, the pod has said so."""
    condition = {
        "type": "Restored",
        "status": status,
        "reason": reason,
        "message": f"{wanted(shop)['backupId']} {reason}",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": shop.instance("shop")["metadata"]["generation"],
    }
    request = {name: value for name, value in wanted(shop).items() if name == "request"}
    told = {"session": {"restore": {"outcome": outcome, **request}}} if outcome else {}
    shop.set_conditions("shop", [condition], **told)


def settling(shop: Scene, status: str, reason: str, outcome: str | None = None) -> Callable[[], None]:
    """Play the operator, for the next wish."""
    before = wanted(shop)

    def act() -> None:
        until(lambda: wanted(shop) not in ({}, before))
        settle(shop, status, reason, outcome)

    return act


def test_a_restore_is_confirmed_set_and_waited_for(shop: Scene, bus: Path) -> None:
    assert "nobody" in refused(oxy(shop, "restore", "nobody")), "it is looked for before anybody is asked"
    for source, words in (("shop", []), ("other", ["--instance", "other"])):
        why = refused(oxy(shop, "restore", "shop", *words))
        assert f"organization {shop.namespace[:40]} has no backup of an instance {source}. To see" in why
        assert why.endswith("oxy sessions list -A")
    theirs = back_up(shop, bus, "other", number=number_digest("+5511987650000"))
    abroad = refused(oxy(shop, "restore", "shop", "--instance", "other"))
    assert abroad.endswith(f"oxy sessions show other -n {shop.namespace} --organization {shop.namespace[:40]}")
    assert theirs in oxy(shop, "show", "other", "--organization", shop.namespace[:40]).stdout
    theirs = back_up(shop, bus, number=number_digest("+5511987650000"))
    for words in ([], [theirs]):
        assert "of this number, only of another. To see" in refused(oxy(shop, "restore", "shop", *words, "--yes"))
    mine = back_up(shop, bus)
    back_up(shop, bus, number=number_digest("+5511987650000"))
    asked = oxy(shop, "restore", "shop", answer="n\n").stderr
    assert (mine in asked, theirs in asked) == (True, False)
    for told in ("is not replaced without --force", "Until that is done the number is not connected"):
        assert told in asked
    assert "even if it was used since" in oxy(shop, "restore", "shop", "--force", answer="n\n").stderr
    assert "another number's" in oxy(shop, "show", "shop").stdout
    assert "nothing was changed" in refused(oxy(shop, "restore", "shop", answer="n\n"))
    assert "To do it all the same: --yes" in refused(oxy(shop, "restore", "shop"))
    for wrong in ("newest", "b1"):
        assert f"{wrong} is no id of a backup" in refused(oxy(shop, "restore", "shop", wrong, "--yes"))
    assert "has no backup 0194" in refused(
        oxy(shop, "restore", "shop", "01940000-0000-7000-8000-000000000001", "--yes")
    )
    assert wanted(shop) == {}
    requests = set()
    # The same one once more is another wish, and set in one step.
    for words in ([mine, "--force"], [mine, "--force"]):
        with meanwhile(settling(shop, "True", "Restored", "Restored")):
            done = printed(shop, "restore", "shop", *words, "--yes")
        assert done["outcome"] == "Restored"
        assert done["restoreFrom"] == wanted(shop)
        requests.add(wanted(shop)["request"])
    assert len(requests) == 2


def test_a_restore_that_is_refused_leaves_nothing_in_the_spec_and_no_other_is_begun_meanwhile(
    shop: Scene, bus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(shop, bus)
    earlier = {"backupId": str(uuid.uuid4()), "instance": "before", "force": True}
    change(shop, {"spec": {"session": {"restoreFrom": earlier}}})
    busy = refused(oxy(shop, "restore", "shop", "--yes"))
    assert "another restore of shop is under way" in busy
    assert "of before with --force" in busy
    assert wanted(shop) == earlier, "its --force is not lost"
    settle(shop, "True", "Restored", "Restored")
    with meanwhile(settling(shop, "False", "BackupOfAnotherNumber")):
        assert "as before" in refused(oxy(shop, "restore", "shop", "--yes"))
    assert wanted(shop) == earlier
    settle(shop, "True", "Restored", "Restored")
    with meanwhile(settling(shop, "False", "SessionNewer", "Refused")):
        why = refused(oxy(shop, "restore", "shop", "--yes"))
        assert " SessionNewer\nspec.session.restoreFrom is removed again; it named" in why
    assert wanted(shop) == {}, "to set what was there before would restore it once more"
    assert "is not restored after 1 s; it goes on" in refused(oxy(shop, "restore", "shop", "--yes", "--timeout", "1"))
    stuck = wanted(shop)
    as_soon_as_it_waits(monkeypatch, lambda: settle(shop, "True", "Restored", "Restored"))
    printed(shop, "restore", "shop", "--yes")
    assert wanted(shop) == stuck, "the same wish that is under way is waited for, not set again"


def as_soon_as_it_waits(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Do something once a command has looked and found nothing."""
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: act())
    monkeypatch.setattr("oxy_cli.commands.session_waiting.time", clock)


def test_a_restore_that_another_replaces_or_ctrl_c_leaves_says_so(
    shop: Scene, bus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(shop, bus)
    theirs = {"spec": {"session": {"restoreFrom": {"backupId": str(uuid.uuid4()), "request": "theirs"}}}}
    with meanwhile(once(lambda: wanted(shop), lambda: change(shop, theirs))):
        assert "somebody else has changed spec.session.restoreFrom" in refused(oxy(shop, "restore", "shop", "--yes"))
    settle(shop, "True", "Restored", "Restored")

    def interrupt() -> None:
        raise KeyboardInterrupt

    as_soon_as_it_waits(monkeypatch, interrupt)
    done = oxy(shop, "restore", "shop", "--yes")
    assert done.exit_code != 0
    assert "The restore of shop goes on. To take it back: kubectl patch" in done.stderr
    assert wanted(shop)["backupId"] == "latest"


def test_a_backup_whose_device_was_unlinked_is_restored_only_if_a_person_insists(shop: Scene, bus: Path) -> None:
    dead = back_up(shop, bus, leaving=True)
    asked = oxy(shop, "restore", "shop", answer="n\n")
    assert "There is none that is not marked so." in asked.stderr
    assert "LoggedOut" in oxy(shop, "restore", "shop", "--yes", "--timeout", "0").stderr
    settle(shop, "True", "Restored", "Restored")
    alive = back_up(shop, bus, device="cd" * 32)
    assert "add --force" in refused(oxy(shop, "restore", "shop", dead, "--yes"))
    assert alive in oxy(shop, "restore", "shop", answer="n\n").stderr
    with meanwhile(settling(shop, "True", "Restored", "Restored")):
        assert printed(shop, "restore", "shop", dead, "--force", "--yes")["outcome"] == "Restored"
    shop.set_status("shop", "LoggedOut", reason="LoggedOut", message="The phone has removed the device.")
    assert "removed it on the phone" in oxy(shop, "restore", "shop", alive, answer="n\n").stderr
    assert "logged out" in oxy(shop, "show", "shop").stdout


def test_only_what_a_deleted_instance_left_is_deleted_and_by_its_organizations_name(shop: Scene, bus: Path) -> None:
    claim(shop, "shop")
    claim(shop, "gone")
    mine, theirs = back_up(shop, bus), [back_up(shop, bus, "gone") for _ in range(2)]
    assert "exists, and its session is in use" in refused(oxy(shop, "delete", "shop"))
    for wrong in ("", "other"):
        assert "nothing was deleted" in refused(oxy(shop, "delete", "gone", "--organization", wrong))
    assert "has no backup" in refused(oxy(shop, "delete", "gone", "--backup", mine))
    assert claims(shop) == {"wai-shop-session", "wai-gone-session"}
    organization = shop.namespace[:40]
    done = oxy(shop, "delete", "gone", answer=f"{organization}\n")
    assert done.exception is None, done
    assert "wai-gone-session" in done.stdout
    assert claims(shop) == {"wai-shop-session"}
    assert printed(shop, "show", "gone", "--organization", organization)["backups"] == []
    assert [item["id"] for item in printed(shop, "show", "shop")["backups"]] == [mine]
    asked = oxy(shop, "delete", "shop", "--backup", mine, answer="other\n")
    assert "nothing was deleted" in refused(asked)
    assert "linked anew" not in asked.stderr, "the session stays"
    one = printed(shop, "delete", "shop", "--backup", mine, "--organization", organization)
    assert (one["backups"], one["claim"]) == ([mine], None)
    assert claims(shop) == {"wai-shop-session"}
    assert len(theirs) == 2


def test_the_volume_of_another_organization_is_not_that_of_its_namesake(shop: Scene, bus: Path) -> None:
    organization, theirs = shop.namespace[:40], f"{shop.namespace[:30]}-before"
    claim(shop, "shop", organization=theirs)
    mine, lost = back_up(shop, bus), back_up(shop, bus, owner=theirs)
    listed = [item for item in printed(shop, "list") if item["organization"] in {organization, theirs}]
    assert [(item["organization"], item["state"], item["linked"], item["claim"]) for item in listed] == [
        (organization, "Pending", False, None),
        (theirs, "Orphaned", True, "wai-shop-session"),
    ]
    assert [item["id"] for item in printed(shop, "show", "shop")["backups"]] == [mine]
    assert [item["id"] for item in printed(shop, "show", "shop", "--organization", theirs)["backups"]] == [lost]
    for words in ([], ["--organization", organization], ["--organization", "other"]):
        assert "exists, and its session is in use" in refused(oxy(shop, "delete", "shop", *words))
    assert claims(shop) == {"wai-shop-session"}
    one = printed(shop, "delete", "shop", "--organization", theirs)
    assert (one["claim"], one["backups"]) == ("wai-shop-session", [lost])
    assert claims(shop) == set()
    assert [item["id"] for item in printed(shop, "show", "shop")["backups"]] == [mine]


def test_an_instance_that_moved_to_another_namespace_keeps_its_backups(shop: Scene, bus: Path) -> None:
    before, mine = f"{shop.namespace[:50]}-before", back_up(shop, bus)
    shop.server.api.create("/api/v1/namespaces", {"metadata": {"name": before}})
    claim(shop, "shop", namespace=before)
    organization = shop.namespace[:40]
    words = ["sessions", "delete", "shop", "-n", before, "--organization", organization]
    done = CliRunner().invoke(app, words)
    assert done.exception is None, done
    assert f"without the backups, which are those of shop in {shop.namespace}" in done.stdout
    assert [item["id"] for item in printed(shop, "show", "shop")["backups"]] == [mine]


def test_backups_of_an_instance_that_left_no_volume_are_deleted_by_its_organizations_name(
    shop: Scene, bus: Path
) -> None:
    organization = shop.namespace[:40]
    back_up(shop, bus, "lost")
    assert "neither an instance lost nor" in refused(oxy(shop, "delete", "lost"))
    assert "neither a volume nor a backup" in refused(oxy(shop, "delete", "lost", "--organization", "other"))
    elsewhere = CliRunner().invoke(app, ["sessions", "delete", "shop", "--organization", organization, "-n", "default"])
    assert f"add -n {shop.namespace}" in refused(elsewhere)
    unknown = oxy(shop, "delete", "lost", "--organization", organization, "--backup", "b0")
    assert f"`oxy sessions show lost -n {shop.namespace} --organization {organization}` lists them" in refused(unknown)
    done = oxy(shop, "delete", "lost", "--organization", organization)
    assert done.stdout == "Deleted the 1 backup of lost (3.1 MiB), which left no volume.\n"
    kept = [back_up(shop, bus, "lost"), back_up(shop, bus, "lost")]
    assert printed(shop, "delete", "lost", "--organization", organization) == {
        "name": "lost",
        "claim": None,
        "backups": kept[::-1],
    }
    assert "neither a volume nor a backup" in refused(oxy(shop, "show", "lost", "--organization", organization))


def test_leftovers_are_pruned_once_confirmed_and_only_if_a_backup_replaces_them(shop: Scene, bus: Path) -> None:
    for name in ("shop", "gone", "lonely"):
        claim(shop, name)
    claim(shop, "never", paired=False)
    claim(shop, "damaged", paired=False, set_aside="2126-01-01T00:00:00Z")
    volume = Path(os.environ["OXY_SESSION"])
    old, young = "session.bad-20260101T000000Z.db", f"session.bad-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db"
    for name in (old, young, "session.db"):
        (volume / name).write_bytes(b"x")
    shop.set_status("shop", "Connected", session={"setAsideBytes": 2}, runtime={"podName": "wai-shop-0"})
    for name in ("gone", "damaged"):
        back_up(shop, bus, name)
    listed = printed(shop, "prune")["leftovers"]
    assert {item["what"]: item["keptBecause"] is None for item in listed} == {
        "wai-damaged-session": False,
        "wai-gone-session": True,
        "wai-lonely-session": False,
        "wai-never-session": True,
        old: False,
        young: False,
    }
    assert not any(item["deleted"] for item in listed)
    assert oxy(shop, "prune", answer="n\n").exception is None
    assert claims(shop) == {f"wai-{name}-session" for name in ("shop", "damaged", "gone", "lonely", "never")}
    back_up(shop, bus)
    assert "Deleted 3" in oxy(shop, "prune", answer="y\n").stdout
    assert claims(shop) == {"wai-shop-session", "wai-damaged-session", "wai-lonely-session"}
    assert {path.name for path in volume.iterdir()} == {young, "session.db"}
    printed(shop, "prune", "--yes", "--without-backup")
    assert claims(shop) == {"wai-shop-session"}
