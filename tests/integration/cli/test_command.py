import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pytest
from forked import run_forked
from integration.cli.scene import Scene
from typer.testing import CliRunner, Result

from oxy_cli.__main__ import app
from oxy_cli.cluster import Cluster
from oxy_cli.commands import conversations
from oxy_core.instance.custom_resource import REPAIR_ANNOTATION
from oxy_core.instance.terminal_causes import TERMINAL_CAUSES
from oxy_dev.cluster.certificates import Authority, Identity

SECONDS = 60.0
CAMPAIGN = Path(__file__).parents[3] / "examples/campaign.yaml"


def oxy(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return run_forked("oxy_cli.__main__", arguments, os.environ)


def start_pairing(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "oxy_cli", "pair", *arguments, "--output=json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(condition: Callable[[], Any]) -> Any:  # noqa: ANN401 whatever the condition returns
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.05)
    return found


def event(stream: IO[str] | None) -> dict[str, Any]:
    assert stream is not None
    found: dict[str, Any] = json.loads(stream.readline())
    return found


def soon() -> str:
    return (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")


def repair_nonce(scene: Scene, name: str) -> str | None:
    found: str | None = scene.instance(name)["metadata"].get("annotations", {}).get(REPAIR_ANNOTATION)
    return found


@pytest.fixture
def shop(scene: Scene) -> Scene:
    scene.apply("shop")
    return scene


def test_a_namespace_without_instances_says_what_to_do(scene: Scene) -> None:
    done = oxy("status", "-n", scene.namespace)
    assert (done.returncode, done.stderr) == (0, "")
    assert "oxy status --all-namespaces" in done.stdout
    assert "kubectl explain whatsappinstance.spec" in done.stdout
    assert "examples/petshop.yaml" not in done.stdout, "on a cluster of `make up` its pod cannot start"


def test_instances_are_listed(shop: Scene) -> None:
    shop.set_status("shop", "Reconnecting", reconnect={"attempts": 4})
    shown = oxy("status", "-n", shop.namespace).stdout
    header, row = shown.splitlines()
    assert header.split() == ["NAME", "ORG", "PHONE", "PHASE", "READY", "REASON", "ATTEMPTS", "AGE"]
    assert row.split()[:7] == ["shop", "shop", "…4321", "Reconnecting", "False", "Reconnecting", "4"]
    listed = json.loads(oxy("status", "--all-namespaces", "--output", "json").stdout)
    mine = next(item for item in listed if item["namespace"] == shop.namespace)
    assert (mine["name"], mine["phase"], mine["ready"], mine["attempts"]) == ("shop", "Reconnecting", False, 4)


def test_one_instance_is_shown_with_its_conditions(shop: Scene) -> None:
    shop.set_status("shop", "Failed")
    assert "Failed, says the test" in oxy("status", "shop", "-n", shop.namespace).stdout
    detail = json.loads(oxy("status", "shop", "-n", shop.namespace, "-o", "json").stdout)
    assert detail["conditions"][0]["message"] == "Failed, says the test"


def test_pairing_shows_each_code_until_connected(shop: Scene) -> None:
    shop.set_status("shop", "Pairing", pairing={"expiresAt": soon()})
    process = start_pairing("shop", "-n", shop.namespace, "--timeout=60")
    try:
        for code in ("ABCD1234", "EFGH5678"):
            shop.set_code("shop", method="PhoneCode", code=code, expiresAt=soon())
            assert event(process.stdout)["code"] == code
        shop.set_status("shop", "Connected", ready=True)
        assert event(process.stdout)["event"] == "connected"
        assert process.wait(SECONDS) == 0
        assert repair_nonce(shop, "shop") is None
    finally:
        process.kill()
        process.communicate()


def test_an_instance_that_was_logged_out_is_repaired_once(shop: Scene) -> None:
    shop.set_status("shop", "LoggedOut", repair={"required": True})
    process = start_pairing("shop", "-n", shop.namespace, "--method=QRCode", "--timeout=60")
    try:
        nonce = until(lambda: repair_nonce(shop, "shop"))
        assert shop.instance("shop")["spec"]["pairing"]["method"] == "QRCode"
        shop.set_code("shop", method="QRCode", qr="2@abc", expiresAt=soon())
        shop.set_status("shop", "Pairing", pairing={"expiresAt": soon()}, repair={"nonce": nonce})
        assert event(process.stdout) | {"expiresAt": ""} == {
            "event": "code",
            "method": "QRCode",
            "code": "2@abc",
            "expiresAt": "",
        }
        denied = {"pairing": {"expiresAt": soon()}, "repair": {"nonce": nonce}, "reason": "PairingDenied"}
        shop.set_status("shop", "Pairing", **denied)
        assert event(process.stdout)["event"] == "denied"
        shop.set_status("shop", "Connected", ready=True, repair={"nonce": nonce}, proof="Waiting")
        assert event(process.stdout)["event"] == "connected"
        shop.set_status("shop", "Connected", ready=True, repair={"nonce": nonce}, proof="Confirmed")
        assert event(process.stdout) == {"event": "confirmed", "reason": "Confirmed"}
        assert process.wait(SECONDS) == 0
        assert repair_nonce(shop, "shop") == nonce
    finally:
        process.kill()
        process.communicate()


def test_a_code_is_drawn_for_people(shop: Scene) -> None:
    shop.set_status("shop", "Pairing", pairing={"expiresAt": soon()})
    shop.set_code("shop", method="QRCode", qr="2@abc,def", expiresAt=soon())
    done = oxy("pair", "shop", "-n", shop.namespace, "--timeout=2")
    assert "█" in done.stdout
    shop.set_code("shop", method="PhoneCode", code="ABCD1234", qr="", expiresAt=soon())
    done = oxy("pair", "shop", "-n", shop.namespace, "--timeout=2")
    assert "A  B  C  D  -  1  2  3  4" in done.stdout


def test_people_are_told_what_is_wrong_with_a_code_and_with_the_proof(shop: Scene) -> None:
    shop.set_code("shop", method="PhoneCode", code="ABCD1234", expiresAt=soon())
    shop.set_status("shop", "Pairing", reason="PairingDenied", pairing={"expiresAt": soon()})
    done = oxy("pair", "shop", "-n", shop.namespace, "--timeout=2")
    assert done.stderr.count("The phone did not accept the code. Type it again") == 1
    shop.set_status("shop", "Connected", ready=True, proof="ReceiptMissing", message="It has not confirmed.")
    done = oxy("pair", "shop", "-n", shop.namespace, "--timeout=20")
    assert (done.returncode, "shop is connected" in done.stdout, "! It has not confirmed." in done.stderr) == (
        0,
        True,
        True,
    )


def test_an_attempt_during_a_ban_is_warned_of(shop: Scene) -> None:
    banned = TERMINAL_CAUSES["TemporaryBan"].explain("shop", datetime(2027, 3, 4, 12, tzinfo=UTC))
    shop.set_status("shop", "Failed", reason="TemporaryBan", message=banned, repair={"required": True})
    done = oxy("pair", "shop", "-n", shop.namespace, "--timeout=1")
    assert "! WhatsApp has temporarily banned this number until 2027-03-04 12:00 UTC." in done.stderr
    assert "then run: oxy pair shop\nAn attempt before the ban has ended may lengthen it." in done.stderr
    asked = oxy("pair", "shop", "-n", shop.namespace, "--timeout=1", "--output=json")
    assert json.loads(asked.stdout.splitlines()[0])["event"] == "banned"


def test_pairing_that_times_out_says_why_and_what_to_do(shop: Scene) -> None:
    shop.set_status("shop", "Pending")
    done = oxy("pair", "shop", "-n", shop.namespace, "--timeout=1")
    assert done.returncode == 1
    assert "Pending, says the test" in done.stderr
    assert f"oxy logs shop -n {shop.namespace}" in done.stderr


def test_pairing_without_a_code_does_not_advise_pairing_again(shop: Scene) -> None:
    message = "WhatsApp cannot be reached. Check spec.network."
    shop.set_status("shop", "Pairing", reason="ServerUnreachable", message=message, pairing={"expiresAt": soon()})
    done = oxy("pair", "shop", "-n", shop.namespace, "--timeout=2")
    waiting, failed = done.stderr.split("error:")
    assert (done.returncode, message in waiting, message in failed) == (1, True, True)
    assert "oxy pair" not in done.stderr


def test_pairing_that_showed_a_code_may_be_tried_again(shop: Scene) -> None:
    message = "Waiting for the phone to be linked. Show the code: oxy pair shop"
    shop.set_status("shop", "Pairing", reason="WaitingForPhone", message=message, pairing={"expiresAt": soon()})
    shop.set_code("shop", method="PhoneCode", code="ABCD1234", expiresAt=soon())
    done = oxy("pair", "shop", "-n", shop.namespace, "--timeout=2")
    assert f"Run `oxy pair shop -n {shop.namespace}` again for a new code" in done.stderr


def test_an_instance_that_is_not_accepted_is_neither_repaired_nor_waited_for(shop: Scene) -> None:
    message = "The number …4321 belongs to WhatsAppInstance shops/other."
    shop.set_status("shop", "Failed", reason="NumberTaken", message=message, accepted=False)
    done = oxy("pair", "shop", "-n", shop.namespace, "--timeout=60")
    assert (done.returncode, message in done.stderr) == (1, True)
    assert repair_nonce(shop, "shop") is None


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["status", "nobody"], ['"nobody" not found', "oxy status --all-namespaces"]),
        (["pair", "nobody"], ['"nobody" not found']),
        (["pair", ""], ["'' is not the name of a WhatsAppInstance"]),
        (["pair", "shop/status"], ["'shop/status' is not the name of a WhatsAppInstance"]),
        (["status", "s" * 41], ["is not the name of a WhatsAppInstance", "at most 40 lower-case letters"]),
        (["logs", "shop.example"], ["'shop.example' is not the name of a WhatsAppInstance"]),
        (["status", "-n", "shops.example"], ["'shops.example' is not the name of a namespace", "at most 63"]),
        (["status", "shop", "-n", "a/b#"], ["'a/b#' is not the name of a namespace"]),
        (["logs", "nobody"], ['"nobody" not found']),
        (
            ["logs", "shop"],
            ["log of pod wai-shop-0", "no such pod. shop is Pending: Waiting for the operator."],
        ),
        (["status", "--context", "elsewhere"], ["elsewhere", "--context"]),
        (["catalog", "apply", "shop", "-f", "no-such-file"], ["no-such-file", "No such file"]),
        (["catalog", "show", "shop", "--system-namespace", "nowhere"], ["no AI worker is ready in namespace nowhere"]),
        (["agenda", "show", "shop", "--system-namespace", "nowhere"], ["no AI worker is ready in namespace nowhere"]),
        (
            ["campaign", "create", "shop", "-f", str(CAMPAIGN), "--system-namespace", "nowhere"],
            ["no AI worker is ready in namespace nowhere"],
        ),
        (["send", "nobody", "+5511912345678", "Oi"], ['"nobody" not found']),
        (["send", "shop", "11912345678", "Oi"], ["is not a phone number"]),
        (["send", "shop", "+5511912345678"], ["nothing to send"]),
        (["send", "shop", "+5511912345678", "--file", "no-such.jpg"], ["no-such.jpg", "No such file"]),
        (["send", "shop", "+5511912345678", "--voice", "/"], ["cannot read /", "Is a directory"]),
        (
            ["send", "shop", "+5511912345678", "--file", __file__, "--system-namespace", "nowhere"],
            ["no AI worker is ready in namespace nowhere"],
        ),
    ],
)
def test_errors_are_explained_without_a_traceback(shop: Scene, arguments: list[str], parts: list[str]) -> None:
    done = oxy(*arguments, *([] if "-n" in arguments else ["-n", shop.namespace]))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr


def test_nothing_is_sent_from_a_suspended_instance(scene: Scene) -> None:
    scene.apply("shop", suspend=True)
    done = oxy("send", "shop", "+5511912345678", "Oi", "-n", scene.namespace)
    assert (done.returncode, "spec.suspend" in done.stderr, done.stdout) == (1, True, "")


def test_whoever_sends_while_it_is_frozen_is_told_so_at_once(scene: Scene) -> None:
    scene.apply("shop")
    frozen = {"type": "Frozen", "status": "True", "reason": "Frozen", "message": "By order of ana. Run: oxy thaw"}
    scene.set_status("shop", "Connected", ready=True, frozen=frozen)
    done = oxy("send", "shop", "+5511912345678", "Oi", "-n", scene.namespace, "--system-namespace=nowhere")
    assert "shop is frozen. By order of ana. Run: oxy thaw" in done.stderr
    assert "no AI worker is ready in namespace nowhere" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_key_of_the_kubeconfig_is_ever_written_to_a_temporary_file(
    shop: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    config = json.loads(shop.server.kubeconfig.read_text())
    pair = Authority.create("a stranger's").issue(Identity("someone"))
    config["users"][0]["user"] |= {
        "client-certificate-data": b64encode(pair.certificate).decode(),
        "client-key-data": b64encode(pair.key).decode(),
    }
    kubeconfig, temporary = tmp_path / "kubeconfig", tmp_path / "tmp"
    kubeconfig.write_text(json.dumps(config))
    temporary.mkdir()
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("TMPDIR", str(temporary))
    shop.set_status("shop", "Pairing", pairing={"expiresAt": soon()})
    shop.set_code("shop", method="PhoneCode", code="ABCD1234", expiresAt=soon())
    process = start_pairing("shop", "-n", shop.namespace, "--timeout=60")
    try:
        assert event(process.stdout)["code"] == "ABCD1234"
        assert list(temporary.iterdir()) == []
        process.send_signal(number)
        assert process.wait(SECONDS) == (-number if number is signal.SIGKILL else 128 + number)
        assert list(temporary.iterdir()) == []
    finally:
        process.kill()
        _, errors = process.communicate()
    assert "Traceback" not in errors


@pytest.mark.parametrize("verb", ["ls", "show", "replay", "drop"])
def test_every_command_for_dead_letters_has_the_same_options(shop: Scene, verb: str) -> None:
    assert {"--system-namespace", "--context", "--output"} <= set(oxy("dlq", verb, "--help").stdout.split())
    done = oxy("dlq", verb, *([] if verb == "ls" else ["turn:1"]), "--system-namespace=nowhere")
    assert (done.returncode, "no AI worker is ready in namespace nowhere" in done.stderr) == (1, True)


@pytest.mark.parametrize("verb", ["list", "show", "export", "takeover", "handback"])
def test_every_command_for_conversations_says_what_is_missing(shop: Scene, verb: str) -> None:
    done = oxy("conversations", verb, *([] if verb == "list" else ["paws:1"]), "--system-namespace=nowhere")
    assert (done.returncode, "no AI worker is ready in namespace nowhere" in done.stderr) == (1, True)


def test_conversations_of_a_namespace_are_those_of_its_instances(shop: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = {"shop": "2026-11-28T12:00:00Z", "other": "2026-11-28T11:00:00Z", "third": None}
    for name in ("other", "third"):
        shop.apply(name, organizationId="others")
    asked = []

    def answer(_: Cluster, arguments: list[str]) -> list[dict[str, str | None]]:
        asked.append(arguments[2:])
        return [{"id": f"paws:{arguments[5]}", "waiting_since": waiting[arguments[5]]}]

    monkeypatch.setattr(conversations, "administer", answer)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(shop.server.kubeconfig))

    def listed(*words: str) -> Result:
        return CliRunner().invoke(app, ["conversations", "list", "-o", "json", "-n", shop.namespace, *words])

    assert [item["id"] for item in json.loads(listed().stdout)] == ["paws:other", "paws:shop", "paws:third"]
    assert asked[0] == ["--organization", "others", "--instance", "other"]
    assert [item["id"] for item in json.loads(listed("--instance", "shop").stdout)] == ["paws:shop"]
    assert "no WhatsAppInstance of organization nobody in namespace" in str(
        listed("--organization", "nobody").exception
    )


def test_a_catalog_that_is_not_yaml_is_refused_before_any_request(shop: Scene, tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_text("services: [")
    done = oxy("catalog", "apply", "shop", "-f", str(file), "-n", shop.namespace)
    assert (done.returncode, "is not YAML" in done.stderr) == (1, True)
    file.write_text("holidays: [{date: 2027-02-30}]")
    done = oxy("catalog", "apply", "shop", "-f", str(file), "-n", shop.namespace, "--system-namespace=nowhere")
    assert (done.returncode, "no AI worker is ready in namespace nowhere" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    "content",
    [
        b"no kubeconfig",
        b"- a list",
        b"a: [",
        b"\xff\xfe\x00",
        b"clusters: 5",
        b"{current-context: x,contexts: [{name: x,context: {cluster: c}}],clusters: [{name: c,cluster: {server: 5}}]}",
    ],
)
def test_a_file_that_is_no_kubeconfig_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    file = tmp_path / "kubeconfig"
    file.write_bytes(content)
    monkeypatch.setenv("KUBECONFIG", str(file))
    done = subprocess.run([sys.executable, "-m", "oxy_cli", "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"no usable kubeconfig at {file}: " in done.stderr


def test_an_unreachable_cluster_is_reported(shop: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = json.loads(shop.server.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(file))  # which the Kubernetes client reads as it is imported
    done = subprocess.run([sys.executable, "-m", "oxy_cli", "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the API server does not answer" in done.stderr
