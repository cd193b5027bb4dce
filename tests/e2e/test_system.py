"""What the platform promises, seen from outside: kubectl, the oxy command, and people's phones."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from e2e.worker_shell import let_time_pass, traces, traces_on_volume
from integration.ai.open_days import calm_zones

from oxy_core.chat_commands import HAND_BACK
from oxy_dev import external_services
from oxy_dev.cluster.errors import CommandError
from oxy_dev.conversation import CALLER, CUSTOMER, OWNER, ask, hear, listen, newest, play
from oxy_dev.environment import BUSINESS_PHONE, DEV_NAMESPACE, INSTANCE, SIMULATOR, SYSTEM_NAMESPACE, TENANT_NAMESPACE
from oxy_dev.kubectl import Kubectl, wait_until
from oxy_dev.up import System, apply_instance, is_ready, oxy
from oxy_simulator.client import SimulatorClient

pytestmark = [pytest.mark.timeout(1800)]

POD = f"wai-{INSTANCE}-0"


def status(kubectl: Kubectl) -> dict[str, object]:
    found: dict[str, object] = kubectl.get("wai", INSTANCE).get("status", {})
    return found


def reason(kubectl: Kubectl) -> str:
    conditions = kubectl.get("wai", INSTANCE).get("status", {}).get("conditions", [])
    return next((str(item["reason"]) for item in conditions if item["type"] == "Ready"), "")


def wait_ready(kubectl: Kubectl) -> None:
    kubectl("wait", "--for=condition=Ready", f"wai/{INSTANCE}", "--timeout=180s")


async def test_a_customer_and_the_owner_are_answered(system: System, simulator: SimulatorClient) -> None:
    registered, times, booked, moved = [one.answer for one in await play(simulator, BUSINESS_PHONE, CUSTOMER)]
    assert re.search(r"cadastro\b.*\bThor", registered, re.IGNORECASE)
    assert "Qual prefere?" in times
    when = re.search(r"agendado para\s+(.*?)\. Esperamos", booked)
    assert when, booked
    assert f"era {when[1]}, agora é" in moved
    [exchange] = await play(simulator, BUSINESS_PHONE, OWNER)
    assert exchange.answer.startswith("Aqui está o resumo")
    [chart] = exchange.pictures
    assert (chart.mimetype, chart.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert chart.caption


async def test_whoever_asks_for_a_person_waits_for_one_and_is_handed_back(
    system: System, simulator: SimulatorClient
) -> None:
    await simulator.add_phone(OWNER.phone, OWNER.name)
    before = await newest(simulator, OWNER.phone)
    [exchange] = await play(simulator, BUSINESS_PHONE, CALLER)
    assert "vou chamar alguém" in exchange.answer
    assert HAND_BACK in await hear(simulator, OWNER.phone, before)
    [waiting] = waiting_for_a_person()
    assert waiting["reason"]
    oxy("conversations", "handback", str(waiting["id"]))
    assert waiting_for_a_person() == []
    assert (await ask(simulator, CALLER.phone, BUSINESS_PHONE, "Obrigado!")).answer


def waiting_for_a_person() -> list[dict[str, object]]:
    listed = json.loads(oxy("conversations", "list", "--output", "json"))
    return [item for item in listed if item["name"] == CALLER.name]


REMINDERS = """
automations:
- {name: lembrete-24h, enabled: true}
"""
CAMPAIGN = """
version: 1
name: Semana do banho {number}
segment: {{}}
text: "Oi, {{nome|tudo bem}}! Aqui é da {{loja}}: esta é a semana do banho."
consent: {{basis: existing_customer, source: quem já escreveu}}
"""


async def test_what_nobody_asked_for_reaches_the_phones_of_customers_and_owners(
    example: System, simulator: SimulatorClient, tmp_path: Path
) -> None:
    zone, _ = calm_zones()  # where no other report is due meanwhile
    apply_instance(example.kubectl, timezone=zone, limits={"quietHours": "", "outboundPerMinute": 60})
    before = {phone: await newest(simulator, phone) for phone in (CUSTOMER.phone, OWNER.phone)}
    let_time_pass(example.kubectl, CUSTOMER.phone)
    order(tmp_path, REMINDERS, "automation", "apply")
    assert "Passando para lembrar: " in await hear(simulator, CUSTOMER.phone, before[CUSTOMER.phone])
    confirmed = await ask(simulator, CUSTOMER.phone, BUSINESS_PHONE, "Sim! 👍")
    assert confirmed.answer.startswith("Combinado, está confirmado: ")
    after = await newest(simulator, CUSTOMER.phone)
    for verb in ("create", "approve"):
        order(tmp_path, CAMPAIGN.format(number=after), "campaign", verb)
    assert "esta é a semana do banho" in await hear(simulator, CUSTOMER.phone, after)
    [chart] = (await listen(simulator, OWNER.phone, before[OWNER.phone])).pictures
    assert chart.content[:8] == b"\x89PNG\r\n\x1a\n"


def order(folder: Path, text: str, *command: str) -> None:
    """Give a command a file with this text."""
    file = folder / "order.yaml"
    file.write_text(text)
    oxy(*command, "--filename", str(file), "--namespace", TENANT_NAMESPACE, INSTANCE)


LEAVING = replace(CUSTOMER, name="Ana Quintela", phone="+5511912340066", lines=CUSTOMER.lines[:1])


async def test_a_person_is_handed_out_and_then_forgotten_everywhere(system: System, simulator: SimulatorClient) -> None:
    [registered] = await play(simulator, BUSINESS_PHONE, LEAVING)
    person = ("--namespace", TENANT_NAMESPACE, INSTANCE, LEAVING.phone)
    document = json.loads(oxy("contact", "export", *person))
    records = document["records"]
    said = {row["author"]: row["body"] for row in records["messages"]}
    assert said["customer"] == LEAVING.lines[0]
    assert registered.answer in said["assistant"]
    assert [(pet["name"], pet["species"]) for pet in records["pets"]] == [("Thor", "cachorro")]
    users = [address.partition("@")[0] for address in document["person"]["addresses"]]
    needles = [LEAVING.phone[1:], LEAVING.phone[-8:], LEAVING.name, *users]
    assert len(traces(system.kubectl, needles)) > 5
    assert traces_on_volume(system.kubectl, POD, needles)
    [erasure] = json.loads(oxy("contact", "erase", "--yes", "--output", "json", *person))
    wait_until("the person is forgotten", 60, lambda: erasure["id"] not in being_forgotten() or None)
    assert being_forgotten("--all")[erasure["id"]]["done_at"]
    assert traces(system.kubectl, needles) == []
    assert traces_on_volume(system.kubectl, POD, needles) == []
    with pytest.raises(CommandError, match="nobody with this number"):
        oxy("contact", "export", *person)


def being_forgotten(*options: str) -> dict[str, dict[str, object]]:
    """What `oxy contact erasures` lists."""
    listed = oxy("contact", "erasures", *options, "--output", "json", "--namespace", TENANT_NAMESPACE, INSTANCE)
    return {item["id"]: item for item in json.loads(listed)}


def test_a_probe_takes_the_way_of_every_queue(system: System) -> None:
    stations = [json.loads(line) for line in oxy("queues", "test", "--output", "json").splitlines()]
    assert {station["lane"] for station in stations} == {"message", "automation", "campaign"}
    assert all(station["reached"] for station in stations)
    assert oxy("dlq", "ls") == "There are no dead letters.\n"


def test_kubectl_shows_the_instance_with_its_phase(system: System) -> None:
    shown = system.kubectl("get", "wai", INSTANCE)
    header, row = shown.splitlines()
    assert re.split(r"\s{2,}", header.strip())[:5] == ["NAME", "ORG", "PHONE", "PHASE", "READY"]
    assert "Connected" in row
    wait_ready(system.kubectl)


def test_the_command_shows_the_same(system: System) -> None:
    shown = json.loads(oxy("status", "--namespace", TENANT_NAMESPACE, "--output", "json"))
    assert [(item["name"], item["phase"]) for item in shown] == [(INSTANCE, "Connected")]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"phoneNumber": "11987650000"}, "spec.phoneNumber"),
        ({"ownerz": []}, "spec.ownerz"),
        ({"organizationId": "another"}, "organizationId"),
        ({"ai": {"maxTokens": 0}}, "spec.ai.maxTokens"),
        ({"ai": {"temprature": "0.5"}}, "spec.ai.temprature"),
    ],
)
def test_bad_yaml_is_refused_naming_the_field(example: System, change: dict[str, object], field: str) -> None:
    with pytest.raises(CommandError, match=re.escape(field.rpartition(".")[2])):
        apply_instance(example.kubectl, **change)


async def test_an_edit_of_the_instance_is_used_by_the_next_turn(example: System, simulator: SimulatorClient) -> None:
    stranger = "+5511912340077"
    await simulator.add_phone(stranger, "Paula")
    apply_instance(example.kubectl, owners=[OWNER.phone, stranger], ai={"maxTokens": 123, "aurora": {"maxTokens": 321}})
    for phone, tokens in ((CUSTOMER.phone, 123), (stranger, 321)):
        async with asyncio.timeout(120):
            while await _tokens_of_next_turn(example.kubectl, simulator, phone) != tokens:
                pass


async def _tokens_of_next_turn(kubectl: Kubectl, simulator: SimulatorClient, phone: str) -> object:
    await ask(simulator, phone, BUSINESS_PHONE, "Oi, tudo bem?")
    return external_services.model_requests(kubectl)[-1]["max_tokens"]


async def test_a_killed_pod_comes_back_without_pairing(system: System, simulator: SimulatorClient) -> None:
    before = system.kubectl.get("pod", POD)["metadata"]["uid"]
    system.kubectl("delete", "pod", POD, "--grace-period=0", "--force")
    wait_until("the pod was replaced", 120, lambda: _new_pod(system.kubectl, before))
    wait_until("the instance is ready again", 120, lambda: is_ready(system.kubectl) or None)
    assert (await ask(simulator, CUSTOMER.phone, BUSINESS_PHONE, "Oi de novo")).answer
    assert system.kubectl.find("secret", f"wai-{INSTANCE}-pairing") is None


def _new_pod(kubectl: Kubectl, uid: str) -> bool | None:
    pod = kubectl.find("pod", POD)
    return True if pod and pod["metadata"]["uid"] != uid else None


async def test_a_killed_worker_is_replaced_and_answers_once(system: System, simulator: SimulatorClient) -> None:
    seen = [message.number for message in await simulator.inbox(CUSTOMER.phone)]
    await simulator.send(CUSTOMER.phone, BUSINESS_PHONE, "Vocês abrem no sábado?")
    selector = ["--namespace", SYSTEM_NAMESPACE, "pod", "--selector=app.kubernetes.io/component=ai"]
    system.kubectl("delete", *selector, "--grace-period=0", "--force")
    # The deleted pod is gone from the API server at once; until its replacement exists there is nothing to wait for.
    wait_until("a new worker exists", 60, lambda: system.kubectl("get", *selector, "--output=name").strip() or None)
    system.kubectl("wait", "--for=condition=Ready", *selector, "--timeout=120s")
    assert await simulator.inbox(CUSTOMER.phone, after=max(seen, default=0), wait=60)
    # Once a later line is answered too, nothing is under way any more.
    await ask(simulator, CUSTOMER.phone, BUSINESS_PHONE, "Obrigada!")
    after = await simulator.inbox(CUSTOMER.phone, after=max(seen, default=0))
    assert len([message for message in after if not message.from_me and message.kind != "reaction"]) == 2


async def test_whatsapp_away_at_start_is_waited_for(system: System) -> None:
    kubectl = system.kubectl
    deployment = ["--namespace", DEV_NAMESPACE, f"deployment/{SIMULATOR}"]
    kubectl("scale", *deployment, "--replicas=0")
    try:
        kubectl("delete", "pod", POD, "--wait=false")
        wait_until("status says it is trying", 180, lambda: status(kubectl).get("phase") == "Reconnecting" or None)
        assert reason(kubectl)
    finally:
        kubectl("scale", *deployment, "--replicas=1")
    wait_until("the instance is ready again", 240, lambda: is_ready(kubectl) or None)


async def test_a_model_that_is_away_is_waited_for(system: System, simulator: SimulatorClient) -> None:
    kubectl = system.kubectl
    phone = "+5511912340088"
    await simulator.add_phone(phone, "Beto")
    deployment = ["--namespace", DEV_NAMESPACE, f"deployment/{external_services.MODEL}"]
    kubectl("scale", *deployment, "--replicas=0")
    try:
        asked = asyncio.create_task(ask(simulator, phone, BUSINESS_PHONE, "Quanto custa a tosa?"))
        await asyncio.to_thread(wait_until, "the ledger says for what the message waits", 60, waits_for_model)
    finally:
        kubectl("scale", *deployment, "--replicas=1")
        kubectl("rollout", "status", *deployment, "--timeout=180s")
    answer = (await asked).answer
    assert not re.search("pessoa|atendente|equipe", answer)


def waits_for_model() -> bool | None:
    found = json.loads(oxy("ledger", "--output", "json"))
    reasons = [entry.get("reason") or "" for page in found["organizations"] for entry in page["oldest"]]
    return any(reason.startswith("waits for the model") for reason in reasons) or None


def test_upgrading_to_the_same_version_changes_no_pod(system: System) -> None:
    def pods() -> set[str]:
        listed = system.kubectl.get("--namespace", SYSTEM_NAMESPACE, "pods")["items"]
        return {item["metadata"]["uid"] for item in listed if item["status"]["phase"] == "Running"}

    before = pods()
    system.install()
    assert pods() == before
    wait_ready(system.kubectl)


async def test_deleting_keeps_the_session_and_applying_again_resumes_it(
    example: System, simulator: SimulatorClient
) -> None:
    kubectl = example.kubectl
    kubectl("delete", "wai", INSTANCE, "--timeout=120s")
    left = ["statefulset", "pod", "secret", "configmap"]
    wait_until(
        "the children are gone",
        120,
        lambda: (
            not [kind for kind in left if kubectl.get(kind, f"--selector=oxy.dev/instance={INSTANCE}")["items"]] or None
        ),
    )
    assert kubectl.get("persistentvolumeclaim", f"wai-{INSTANCE}-session")["status"]["phase"] == "Bound"
    apply_instance(kubectl)
    wait_until("the instance is ready again", 180, lambda: is_ready(kubectl) or None)
    assert (await ask(simulator, CUSTOMER.phone, BUSINESS_PHONE, "Voltaram?")).answer


async def test_a_volume_that_is_lost_is_replaced_by_a_backup_without_linking_the_phone_anew(
    example: System, simulator: SimulatorClient
) -> None:
    kubectl, where = example.kubectl, ("--namespace", TENANT_NAMESPACE, "--output", "json")
    customer = await simulator.add_phone("+5511912340078", "Rita")
    made = json.loads(oxy("sessions", "backup", INSTANCE, *where))
    assert [item["id"] for item in json.loads(oxy("sessions", "show", INSTANCE, *where))["backups"]][:1] == [
        made["backupId"]
    ]
    kubectl("delete", "wai", INSTANCE, "--timeout=120s")
    [orphan] = [item for item in json.loads(oxy("sessions", "list", *where)) if item["name"] == INSTANCE]
    assert (orphan["name"], orphan["state"], orphan["linked"]) == (INSTANCE, "Orphaned", True)
    kubectl("delete", "persistentvolumeclaim", orphan["claim"], "--timeout=60s")
    apply_instance(kubectl, session={"restoreFrom": {"backupId": "latest"}})
    wait_until("the instance is ready again", 180, lambda: is_ready(kubectl) or None)
    assert (await ask(simulator, customer.phone, BUSINESS_PHONE, "Oi, tudo bem?")).answer
    assert json.loads(oxy("sessions", "prune", *where)) == {"leftovers": [], "problems": []}
