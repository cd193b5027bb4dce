"""A test for each field that matters."""

import json
from base64 import b64decode
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from unit.wai_operator.making import NOW, UID, Json, instance, record

from oxy_core.instance.pairing_offer import PairingOffer
from oxy_core.instance.settings import CampaignQueueSettings, LimitsSettings, QueuesSettings, RetentionSettings
from oxy_core.tenant import TenantSettings
from oxy_operator.decide.specs.claim import claim_record, session_claim
from oxy_operator.decide.specs.config_map import settings_config_map, tenant_settings
from oxy_operator.decide.specs.instance_settings import instance_settings
from oxy_operator.decide.specs.network_policy import ingress_policy
from oxy_operator.decide.specs.secrets import credentials_secret, pairing_secret
from oxy_operator.decide.specs.stateful_set import runtime_stateful_set

KEYS = {"0123456789abcdef": b"k" * 32}


def stateful_set(made: Json = None, remembered: Json = None, replicas: int = 1, proxy: str | None = None) -> Json:
    return runtime_stateful_set(
        made or instance(),
        remembered or record(),
        account="AACCOUNT",
        image="registry.example/tenant:1",
        nats_url="nats://nats:4222",
        volume="the claim's uid",
        proxy=proxy,
        replicas=replicas,
    )


def pod_spec(**spec: Json) -> Json:
    return stateful_set(instance(**spec))["spec"]["template"]["spec"]


def container(**spec: Json) -> Json:
    return pod_spec(**spec)["containers"][0]


def environment(**spec: Json) -> dict[str, Any]:
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container(**spec)["env"]}


OWNED = [
    stateful_set(),
    settings_config_map(instance(), record()),
    credentials_secret(instance(), "creds", KEYS),
    ingress_policy(instance()),
    pairing_secret(instance(), PairingOffer(method="PhoneCode", code="X", expires_at=NOW)),
]


@pytest.mark.parametrize("made", OWNED)
def test_objects_deleted_with_the_instance_are_owned_and_labelled(made: Json) -> None:
    assert made["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "oxy-operator",
        "app.kubernetes.io/name": "oxy-tenant",
        "oxy.dev/instance": "petshop",
        "oxy.dev/organization": "paws",
    }
    assert made["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "oxy.dev/v1alpha1",
            "kind": "WhatsAppInstance",
            "name": "petshop",
            "uid": UID,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_the_claim_never_has_an_owner(policy: str) -> None:
    made = session_claim(instance(session={"deletionPolicy": policy}), "ReadWriteOncePod")
    assert "ownerReferences" not in made["metadata"]
    assert made["metadata"]["name"] == "wai-petshop-session"


def test_the_claim_asks_for_what_the_spec_says() -> None:
    spec = session_claim(instance(), "ReadWriteOncePod")["spec"]
    assert spec == {"accessModes": ["ReadWriteOncePod"], "resources": {"requests": {"storage": "1Gi"}}}
    storage = {"size": "2048Mi", "storageClassName": "fast"}
    spec = session_claim(instance(session={"storage": storage}), "ReadWriteOnce")["spec"]
    assert spec["resources"]["requests"]["storage"] == "2Gi"
    assert (spec["storageClassName"], spec["accessModes"]) == ("fast", ["ReadWriteOnce"])


def test_the_record_is_applied_to_the_claim_that_was_seen() -> None:
    made = claim_record(instance(), record(), "claim-uid")
    assert made["metadata"]["uid"] == "claim-uid"
    assert made["metadata"]["annotations"] == record().annotations
    assert set(made) == {"metadata"}


def test_the_credentials_change_their_annotation_with_their_content() -> None:
    one, two = (credentials_secret(instance(), content, KEYS) for content in ("one", "two"))
    assert b64decode(one["data"]["user.creds"]) == b"one"
    assert one["metadata"]["annotations"] != two["metadata"]["annotations"]
    assert one["metadata"]["name"] == "wai-petshop"


def test_the_pairing_secret_holds_the_offer() -> None:
    offered = PairingOffer(method="PhoneCode", code="ABCD1234", expires_at=NOW + timedelta(seconds=60))
    made = pairing_secret(instance(), offered)
    assert made["metadata"]["name"] == "wai-petshop-pairing"
    assert {name: b64decode(value).decode() for name, value in made["data"].items()} == {
        "method": "PhoneCode",
        "code": "ABCD1234",
        "expiresAt": "2026-11-22T12:01:00Z",
    }


def test_the_settings_file_holds_the_tenants_settings() -> None:
    made = instance(
        pairing={"method": "QRCode"},
        reconnect={"baseDelaySeconds": 1, "multiplier": "2", "maxDelaySeconds": 9, "maxAttempts": 4},
        limits={"pacing": "None", "inboundPerSecond": 3},
        client={"browser": "Chrome", "markOnlineOnConnect": True},
        inbound={"groups": True, "statuses": True, "maxFileBytes": 1_048_576},
    )
    text = settings_config_map(made, record())["data"]["settings.json"]
    settings = TenantSettings.decode(text.encode())
    assert settings == tenant_settings(made, record())
    assert (settings.organization, settings.instance) == ("paws", "petshop")
    assert (settings.pairing_method, settings.pairing_until) == ("QRCode", record().pairing_until)
    assert (settings.reconnect.base_delay_seconds, settings.reconnect.multiplier) == (1, 2.0)
    assert (settings.reconnect.max_delay_seconds, settings.reconnect.max_attempts) == (9, 4)
    assert (settings.pacing, settings.browser, settings.mark_online) == ("None", "Chrome", True)
    assert (settings.inbound.groups, settings.inbound.statuses) == (True, True)
    assert settings.inbound.max_file_bytes == 1_048_576
    assert settings.inbound_per_second == 3


def price(**fields: Json) -> Json:
    return {"input": None, "cached_input": None, "output": None, "audio_minute": None} | fields


def test_workers_get_all_ai_settings() -> None:
    ai = {
        "enabled": False,
        "baseUrl": "http://model",
        "model": "m",
        "temperature": "0.25",
        "maxTokens": 7,
        "contextMessages": 9,
        "debounceSeconds": 1,
        "debounceMaxSeconds": 2,
        "takeoverMinutes": 3,
        "profile": "barber",
        "mode": "Only",
        "onlyPhones": ["+5511987653333"],
        "handoverMinutes": 60,
        "lateMessage": "FollowUp",
        "tone": "formal",
        "allowedLinks": ["instagram.com/paws"],
        "systemPromptExtra": "extra",
        "paused": True,
        "apiKeySecretRef": {"name": "keys"},
        "fallbackModels": ["n", "o"],
        "timeoutSeconds": 12,
        "monthlyBudgetUsd": "7.50",
        "prices": [{"model": "m", "input": "0.15", "output": "0.60"}, {"model": "h", "audioMinute": "0.003"}],
        "transcription": {"baseUrl": "http://hearing", "model": "h", "maxSeconds": 60, "maxBytes": 2048},
        "vision": {"enabled": False, "maxBytes": 4096},
        "aurora": {
            "enabled": False,
            "model": "a",
            "temperature": "1.5",
            "maxTokens": 8,
            "warnings": {"enabled": False},
        },
    }
    made = instance(
        ai=ai,
        owners=["+5511987651111"],
        suspend=True,
        inbound={"maxAnswerAge": "90m", "askToRepeat": True},
        limits={"pacing": "None", "contactTurnsPerHour": 4, "quietHours": "", "warmUp": [5]},
        queues={"campaign": {"concurrency": 1}},
        retention={"media": 7},
    )
    settings = instance_settings(made, "AACCOUNT")
    assert settings.ai.model_dump() == {
        "enabled": False,
        "base_url": "http://model",
        "model": "m",
        "temperature": 0.25,
        "max_tokens": 7,
        "context_messages": 9,
        "debounce_seconds": 1.0,
        "debounce_max_seconds": 2.0,
        "takeover_minutes": 3,
        "profile": "barber",
        "mode": "Only",
        "only_phones": ("+5511987653333",),
        "handover_minutes": 60,
        "late_message": "FollowUp",
        "tone": "formal",
        "allowed_links": ("instagram.com/paws",),
        "system_prompt_extra": "extra",
        "paused": True,
        "fallback_models": ("n", "o"),
        "timeout_seconds": 12,
        "monthly_budget_microdollars": 7_500_000,
        "prices": (
            price(model="m", input=Decimal("0.15"), output=Decimal("0.60")),
            price(model="h", audio_minute=Decimal("0.003")),
        ),
        "transcription": {
            "enabled": True,
            "base_url": "http://hearing",
            "model": "h",
            "max_seconds": 60,
            "max_bytes": 2_048,
        },
        "vision": {"enabled": False, "base_url": None, "model": "gpt-4o-mini", "max_bytes": 4_096},
        "aurora": {
            "enabled": False,
            "model": "a",
            "temperature": 1.5,
            "max_tokens": 8,
            "daily_summary": {"enabled": True, "at": "20:00"},
            "weekly_report": {"enabled": True, "weekday": 1, "at": "08:00"},
            "empty_agenda": {"enabled": True},
            "opportunities": {"enabled": True},
            "warnings": {"enabled": False},
        },
    }
    assert (settings.account, settings.generation, settings.suspended) == ("AACCOUNT", 3, True)
    assert (settings.display_name, settings.phone_number) == ("Paws", "+5511987650000")
    assert (settings.owners, settings.max_answer_age_seconds) == (("+5511987651111",), 5_400)
    assert settings.ask_to_repeat
    assert settings.limits == LimitsSettings(contact_turns_per_hour=4, quiet_hours="", warm_up=(5,))
    assert settings.queues == QueuesSettings(campaign=CampaignQueueSettings(concurrency=1))
    assert settings.retention == RetentionSettings(media=7)


def test_pods_are_replaced_even_if_they_are_not_ready() -> None:
    assert stateful_set()["spec"]["podManagementPolicy"] == "Parallel"


@pytest.mark.parametrize("replicas", [0, 1])
def test_the_stateful_set_has_the_given_replicas(replicas: int) -> None:
    assert stateful_set(replicas=replicas)["spec"]["replicas"] == replicas


def test_the_template_changes_for_the_epoch_only() -> None:
    template = stateful_set()["spec"]["template"]
    edited = instance(owners=["+5511987651111"], ai={"maxTokens": 1}, displayName="x", limits={"pacing": "None"})
    assert stateful_set(edited)["spec"]["template"] == template
    assert stateful_set(remembered=record(epoch=3))["spec"]["template"] != template
    assert stateful_set(remembered=record(pairing_until=NOW))["spec"]["template"] == template
    assert template["metadata"]["annotations"]["oxy.dev/epoch"] == "2"
    assert template["metadata"]["labels"]["oxy.dev/instance"] == "petshop"


def test_the_pod_is_restricted() -> None:
    spec = pod_spec()
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["terminationGracePeriodSeconds"] == 30
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert (security["runAsUser"], security["fsGroup"]) == (65532, 65532)
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_pod_has_its_files_where_its_environment_says() -> None:
    mounts = {item["name"]: item["mountPath"] for item in container()["volumeMounts"]}
    session = "/app/sessions/paws_petshop"
    assert mounts == {"session": session, "credentials": "/credentials", "settings": "/settings", "tmp": "/tmp"}  # noqa: S108 in the container
    volumes = {item["name"]: item for item in pod_spec()["volumes"]}
    assert volumes["session"]["persistentVolumeClaim"] == {"claimName": "wai-petshop-session"}
    assert volumes["credentials"]["secret"] == {"secretName": "wai-petshop"}
    assert volumes["settings"]["configMap"] == {"name": "wai-petshop"}
    assert volumes["tmp"]["emptyDir"] == {"sizeLimit": "64Mi"}
    made = environment()
    assert made["SQLITE_TMPDIR"] == session
    assert (made["OXY_SESSION"], made["OXY_TERMINATION_LOG"]) == (session, container()["terminationMessagePath"])
    assert made["OXY_NATS_CREDENTIALS"] == "/credentials/user.creds"
    assert made["OXY_SETTINGS"] == "/settings/settings.json"


def test_the_environment_is_the_runtimes_contract() -> None:
    made = environment()
    assert (made["OXY_ORGANIZATION"], made["OXY_INSTANCE"], made["OXY_ACCOUNT"]) == ("paws", "petshop", "AACCOUNT")
    assert made["OXY_NATS_URL"] == "nats://nats:4222"
    assert made["OXY_VOLUME_ID"] == "the claim's uid"
    assert made["OXY_EPOCH"]["fieldRef"]["fieldPath"] == "metadata.annotations['oxy.dev/epoch']"
    assert made["OXY_POD_UID"]["fieldRef"]["fieldPath"] == "metadata.uid"
    assert made["OXY_NAMESPACE"] == instance().namespace
    # The runtime sets what its libraries need (tests/unit/tenant/test_library_environment.py).
    assert not {"MALLOC_ARENA_MAX", "GOGC"} & set(made)
    # The simulated image knows where its key is (tests/unit/images/test_images.py).
    assert not {"HTTPS_PROXY", "SSL_CERT_FILE", "OXY_NOISE_ROOT_FILE"} & set(made)


def test_a_proxy_comes_from_its_secret() -> None:
    made = environment(network={"proxySecretRef": {"name": "proxy"}})
    assert made["HTTPS_PROXY"] == {"secretKeyRef": {"name": "proxy", "key": "url"}}


def test_a_pod_is_replaced_when_its_proxy_changes() -> None:
    plain, proxied = stateful_set(), stateful_set(proxy="0123")
    assert "oxy.dev/proxy" not in plain["spec"]["template"]["metadata"]["annotations"]
    assert proxied["spec"]["template"]["metadata"]["annotations"]["oxy.dev/proxy"] == "0123"


def test_authorities_are_mounted_and_trusted() -> None:
    network = {"caBundleConfigMapRef": {"name": "bundle"}}
    made = environment(network=network)
    assert made["SSL_CERT_FILE"] == "/ca/ca.crt"
    mounts = {item["name"]: item["mountPath"] for item in container(network=network)["volumeMounts"]}
    assert mounts["authorities"] == "/ca"
    volumes = {item["name"]: item for item in pod_spec(network=network)["volumes"]}
    assert volumes["authorities"]["configMap"] == {"name": "bundle"}


def test_readiness_is_probed_every_second() -> None:
    probe = container()["readinessProbe"]
    assert (probe["httpGet"]["path"], probe["periodSeconds"], probe["failureThreshold"]) == ("/readyz", 1, 2)
    assert container()["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_a_pod_that_starts_slowly_is_not_killed() -> None:
    probe = container()["startupProbe"]
    assert probe["httpGet"]["path"] == "/livez"
    assert probe["periodSeconds"] * probe["failureThreshold"] == 300


def test_resources_have_defaults_that_the_spec_overrides_one_by_one() -> None:
    assert container()["resources"] == {
        "requests": {"cpu": "20m", "memory": "64Mi"},
        "limits": {"memory": "160Mi"},
    }
    resources = {"requests": {"cpu": 1}, "limits": {"memory": "1024Mi", "cpu": "0.5"}}
    assert container(runtime={"resources": resources})["resources"] == {
        "requests": {"cpu": "1", "memory": "64Mi"},
        "limits": {"memory": "1Gi", "cpu": "500m"},
    }


def test_a_low_limit_lowers_the_default_request() -> None:
    resources = container(runtime={"resources": {"limits": {"memory": "48Mi", "cpu": "10m"}}})["resources"]
    assert resources == {
        "requests": {"cpu": "10m", "memory": "48Mi"},
        "limits": {"memory": "48Mi", "cpu": "10m"},
    }


def test_image_and_placement_come_from_the_spec() -> None:
    assert container()["image"] == "registry.example/tenant:1"
    runtime = {
        "image": "mine:2",
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "k", "operator": "Exists", "tolerationSeconds": 5}],
    }
    assert container(runtime=runtime)["image"] == "mine:2"
    assert pod_spec(runtime=runtime)["nodeSelector"] == {"zone": "a"}
    assert pod_spec(runtime=runtime)["tolerations"] == [{"key": "k", "operator": "Exists", "tolerationSeconds": 5}]
    assert not {"nodeSelector", "tolerations"} & set(pod_spec())


def test_only_probes_and_metrics_are_let_in() -> None:
    spec = ingress_policy(instance())["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    assert spec["podSelector"]["matchLabels"] == {"oxy.dev/instance": "petshop"}
    assert spec["ingress"] == [{"ports": [{"port": 9090, "protocol": "TCP"}]}]


def test_nothing_secret_is_in_settings_or_the_stateful_set() -> None:
    text = json.dumps([stateful_set(), settings_config_map(instance(), record())])
    assert "seed" not in text.lower()
    assert "NATS USER JWT" not in text
