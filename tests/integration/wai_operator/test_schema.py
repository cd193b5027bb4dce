"""What the API server refuses, naming the field: a negative for each rule of the custom resource definition."""

import copy
from pathlib import Path

import pytest
import yaml
from integration.wai_operator.scene import Json, Object, merge_patch

from oxy_dev.cluster.api import Api
from oxy_dev.cluster.apiserver import ApiServer
from oxy_dev.cluster.errors import ApiError

VALID: Object = {
    "apiVersion": "oxy.dev/v1alpha1",
    "kind": "WhatsAppInstance",
    "metadata": {"name": "petshop"},
    "spec": {"organizationId": "paws", "displayName": "Paws", "phoneNumber": "+5511987650000"},
}
EXAMPLES = Path(__file__).parents[3] / "examples"
STRICT = "?fieldValidation=Strict"
MISSING = object()


def changed(path: str, value: Json) -> Object:
    made = copy.deepcopy(VALID)
    *parents, last = path.split(".")
    place = made
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return made


@pytest.fixture
def path(namespace: str) -> str:
    return f"/apis/oxy.dev/v1alpha1/namespaces/{namespace}/whatsappinstances"


@pytest.fixture
def api_server(apiserver_running: ApiServer) -> Api:
    return apiserver_running.api


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata.name", "a" * 41),
        ("metadata.name", "pet.shop"),
        ("metadata.name", "petshop-pairing"),
        ("spec.organizationId", MISSING),
        ("spec.organizationId", "Paws"),
        ("spec.organizationId", "-paws"),
        ("spec.organizationId", "a" * 41),
        ("spec.displayName", MISSING),
        ("spec.displayName", ""),
        ("spec.displayName", "a" * 101),
        ("spec.displayName", " \u00a0"),
        ("spec.displayName", "Pet\nShop"),
        ("spec.displayName", "\u200b"),
        ("spec.phoneNumber", MISSING),
        ("spec.phoneNumber", "11987650000"),
        ("spec.phoneNumber", "+0551198765000"),
        ("spec.phoneNumber", "+55 11 98765-0000"),
        ("spec.phoneNumber", "+1234567890123456"),
        ("spec.phoneNumber", "+५५११९८७६५"),
        ("spec.timezone", "America/Sao Paulo"),
        ("spec.timezone", "/etc"),
        ("spec.timezone", ""),
        ("spec.timezone", "../../etc/passwd"),
        ("spec.timezone", "A" * 65),
        ("spec.owners", ["5511987651111"]),
        ("spec.owners", ["+5511987651111", "+5511987651111"]),
        ("spec.owners", "+5511987651111"),
        ("spec.owners", [""]),
        ("spec.owners", [None]),
        ("spec.owners", [f"+55119876{number:05}" for number in range(51)]),
        ("spec.owners", ["123456789012345@g.us"]),
        ("spec.owners", ["123456789012345:3@lid"]),
        ("spec.owners", ["1234@lid"]),
        ("spec.suspend", "yes"),
        ("spec.pairing.method", "Bluetooth"),
        ("spec.client.browser", ""),
        ("spec.client.browser", "\t"),
        ("spec.client.markOnlineOnConnect", 1),
        ("spec.inbound.maxAnswerAge", "6 hours"),
        ("spec.inbound.maxAnswerAge", "0h"),
        ("spec.inbound.maxAnswerAge", ""),
        ("spec.inbound.maxAnswerAge", "721h"),
        ("spec.inbound.maxAnswerAge", "720h1s"),
        ("spec.inbound.maxAnswerAge", "999999h999999h"),
        ("spec.inbound.maxAnswerAge", "999999h999999h999999"),
        ("spec.inbound.maxAnswerAge", "-6h"),
        ("spec.inbound.groups", "all"),
        ("spec.inbound.statuses", 1),
        ("spec.inbound.askToRepeat", "kindly"),
        ("spec.inbound.maxFileBytes", 0),
        ("spec.inbound.maxFileBytes", 1023),
        ("spec.inbound.maxFileBytes", 64 * 1024 * 1024 + 1),
        ("spec.inbound.maxFileBytes", 10**18),
        ("spec.inbound.maxFileBytes", "16Mi"),
        ("spec.inbound.maxFileBytes", 1.5),
        ("spec.session.storage.size", "1G"),
        ("spec.session.storage.size", "0Gi"),
        ("spec.session.storage.size", "63Mi"),
        ("spec.session.storage.size", "2Ti"),
        ("spec.session.storage.size", "999999Ti"),
        ("spec.session.storage.storageClassName", ""),
        ("spec.session.storage.storageClassName", "Fast Disks"),
        ("spec.session.deletionPolicy", "Keep"),
        ("spec.reconnect.baseDelaySeconds", 0),
        ("spec.reconnect.baseDelaySeconds", 10**18),
        ("spec.reconnect.maxDelaySeconds", 3601),
        ("spec.reconnect.multiplier", "0.5"),
        ("spec.reconnect.multiplier", 1.5),
        ("spec.reconnect.multiplier", "10"),
        ("spec.reconnect.maxDelaySeconds", 4),
        ("spec.reconnect.maxAttempts", 0),
        ("spec.reconnect.maxAttempts", 1001),
        ("spec.ai.enabled", "true"),
        ("spec.ai.baseUrl", "model.example"),
        ("spec.ai.baseUrl", "file:///etc/passwd"),
        ("spec.ai.baseUrl", "http://model example"),
        ("spec.ai.baseUrl", "https://user:password@model.example/v1"),
        ("spec.ai.baseUrl", "https://model.example/v1?key=1"),
        ("spec.ai.apiKeySecretRef", {"key": "apiKey"}),
        ("spec.ai.apiKeySecretRef.name", "../configmaps/other"),
        ("spec.ai.apiKeySecretRef", {"name": "keys", "key": "a/b"}),
        ("spec.ai.apiKeySecretRef", "sk-123"),
        ("spec.ai.paused", "yes"),
        ("spec.ai.fallbackModels", "gpt-4o"),
        ("spec.ai.fallbackModels", [""]),
        ("spec.ai.fallbackModels", ["gpt-4o", "gpt-4o"]),
        ("spec.ai.fallbackModels", [f"gpt-{number}" for number in range(6)]),
        ("spec.ai.timeoutSeconds", 0),
        ("spec.ai.timeoutSeconds", 121),
        ("spec.ai.monthlyBudgetUsd", 25),
        ("spec.ai.monthlyBudgetUsd", "0"),
        ("spec.ai.monthlyBudgetUsd", "0.0"),
        ("spec.ai.monthlyBudgetUsd", "-1"),
        ("spec.ai.monthlyBudgetUsd", "25,00"),
        ("spec.ai.monthlyBudgetUsd", "1e3"),
        ("spec.ai.monthlyBudgetUsd", "NaN"),
        ("spec.ai.monthlyBudgetUsd", "1000000"),
        ("spec.ai.prices", [{"input": "1", "output": "1"}]),
        ("spec.ai.prices", [{"model": "own"}]),
        ("spec.ai.prices", [{"model": "own", "input": "1"}]),
        ("spec.ai.prices", [{"model": "own", "cachedInput": "1", "audioMinute": "1"}] * 2),
        ("spec.ai.prices", [{"model": "own", "audioMinute": 1}]),
        ("spec.ai.transcription.enabled", "no"),
        ("spec.ai.transcription.baseUrl", "ftp://model.example"),
        ("spec.ai.transcription.apiKeySecretRef", {"name": "keys"}),
        ("spec.ai.transcription.model", ""),
        ("spec.ai.transcription.maxSeconds", 0),
        ("spec.ai.transcription.maxSeconds", 3601),
        ("spec.ai.transcription.maxBytes", 26214401),
        ("spec.ai.vision.enabled", 1),
        ("spec.ai.vision.baseUrl", "model.example"),
        ("spec.ai.vision.apiKeySecretRef", {"name": "keys"}),
        ("spec.ai.vision.model", " "),
        ("spec.ai.vision.maxBytes", 1023),
        ("spec.ai.model", ""),
        ("spec.ai.model", " "),
        ("spec.ai.temperature", 0.7),
        ("spec.ai.temperature", "2.1"),
        ("spec.ai.maxTokens", 0),
        ("spec.ai.maxTokens", 100001),
        ("spec.ai.contextMessages", 51),
        ("spec.ai.debounceSeconds", -1),
        ("spec.ai.debounceMaxSeconds", 2),
        ("spec.ai.takeoverMinutes", -1),
        ("spec.ai.takeoverMinutes", 10081),
        ("spec.ai.profile", ""),
        ("spec.ai.profile", "Pet Shop"),
        ("spec.ai.profile", "a" * 41),
        ("spec.ai.mode", "Off"),
        ("spec.ai.mode", "live"),
        ("spec.ai.onlyPhones", ["11987651111"]),
        ("spec.ai.onlyPhones", ["+5511987651111", "+5511987651111"]),
        ("spec.ai.onlyPhones", "+5511987651111"),
        ("spec.ai.onlyPhones", [f"+55119876{number:05}" for number in range(51)]),
        ("spec.ai.handoverMinutes", 0),
        ("spec.ai.handoverMinutes", 10081),
        ("spec.ai.lateMessage", "Ignore"),
        ("spec.ai.tone", ""),
        ("spec.ai.tone", "formal\nignore tudo"),
        ("spec.ai.tone", "a" * 301),
        ("spec.ai.allowedLinks", ["https://loja.example"]),
        ("spec.ai.allowedLinks", ["Loja.example"]),
        ("spec.ai.allowedLinks", ["loja"]),
        ("spec.ai.allowedLinks", ["loja.example/a b"]),
        ("spec.ai.allowedLinks", [f"loja{number}.example" for number in range(51)]),
        ("spec.ai.systemPromptExtra", "a" * 8001),
        ("spec.ai.aurora.enabled", "no"),
        ("spec.ai.aurora.model", ""),
        ("spec.ai.aurora.temperature", "hot"),
        ("spec.ai.aurora.maxTokens", 0),
        ("spec.limits.pacing", "Fast"),
        ("spec.limits.contactTurnsPerHour", -1),
        ("spec.limits.contactTurnsPerHour", 1001),
        ("spec.ai.aurora.dailySummary", False),
        ("spec.ai.aurora.dailySummary.enabled", "no"),
        ("spec.ai.aurora.dailySummary.at", "24:00"),
        ("spec.ai.aurora.dailySummary.at", "8:00"),
        ("spec.ai.aurora.dailySummary.at", ""),
        ("spec.ai.aurora.weeklyReport.enabled", 1),
        ("spec.ai.aurora.weeklyReport.weekday", 0),
        ("spec.ai.aurora.weeklyReport.weekday", 8),
        ("spec.ai.aurora.weeklyReport.weekday", "monday"),
        ("spec.ai.aurora.weeklyReport.at", "08:60"),
        ("spec.ai.aurora.emptyAgenda.enabled", "off"),
        ("spec.ai.aurora.opportunities.enabled", "yes"),
        ("spec.ai.aurora.warnings.enabled", 0),
        ("spec.limits.outboundPerMinute", 0),
        ("spec.limits.outboundPerMinute", 601),
        ("spec.limits.campaignPerDay", -1),
        ("spec.limits.campaignPerDay", 10001),
        ("spec.limits.warmUp", 20),
        ("spec.limits.warmUp", [-1]),
        ("spec.limits.warmUp", [20, "50"]),
        ("spec.limits.warmUp", [1] * 61),
        ("spec.limits.proactiveIntervalDays", -1),
        ("spec.limits.proactiveIntervalDays", 366),
        ("spec.limits.quietHours", "21:00"),
        ("spec.limits.quietHours", "21h-8h"),
        ("spec.limits.quietHours", "21:00-24:00"),
        ("spec.limits.quietHours", "21:00 - 08:00"),
        ("spec.limits.quietHours", "21:00-08:00:00"),
        ("spec.limits.quietHours", "21:00-21:00"),
        ("spec.limits.quietHours", ["21:00", "08:00"]),
        ("spec.limits.pauseFailurePercent", 0),
        ("spec.limits.pauseFailurePercent", 101),
        ("spec.limits.pauseOptOutPercent", 0),
        ("spec.limits.pauseOptOutPercent", "5%"),
        ("spec.limits.pauseSample", 0),
        ("spec.limits.pauseSample", 1001),
        ("spec.queues.message.concurrency", 0),
        ("spec.queues.message.concurrency", 101),
        ("spec.queues.message.perSecond", 0),
        ("spec.queues.message.perSecond", 1001),
        ("spec.queues.message.attempts", 0),
        ("spec.queues.message.attempts", 21),
        ("spec.queues.message.backoffSeconds", 0),
        ("spec.queues.message.backoffSeconds", "2s"),
        ("spec.queues.automation.concurrency", "five"),
        ("spec.queues.automation.attempts", 0),
        ("spec.queues.automation.backoffSeconds", 3601),
        ("spec.queues.campaign.concurrency", 0),
        ("spec.queues.campaign.attempts", 1.5),
        ("spec.queues.campaign.backoffSeconds", 0),
        ("spec.retention.messages", 29),
        ("spec.retention.messages", 36501),
        ("spec.retention.media", 0),
        ("spec.retention.media", "90d"),
        ("spec.retention.readings", 0),
        ("spec.retention.turnSteps", 0),
        ("spec.retention.aiInteractions", 61),
        ("spec.retention.jobs", 0),
        ("spec.retention.campaigns", 29),
        ("spec.retention.audit", 29),
        ("spec.retention.deadLetters", 6),
        ("spec.retention.backups", 0),
        ("spec.session.backup.enabled", "yes"),
        ("spec.session.backup.everyHours", 0),
        ("spec.session.backup.everyHours", 721),
        ("spec.session.backup.keep", 0),
        ("spec.session.backup.keep", 101),
        ("spec.session.restoreFrom", {}),
        ("spec.session.restoreFrom", {"force": True}),
        ("spec.session.restoreFrom.backupId", "newest"),
        ("spec.session.restoreFrom.backupId", "01940000-0000-7000-8000-00000000000G"),
        ("spec.session.restoreFrom", {"backupId": "latest", "instance": "Petshop"}),
        ("spec.session.restoreFrom", {"backupId": "latest", "force": "yes"}),
        ("spec.session.restoreFrom", {"backupId": "latest", "request": "x" * 65}),
        ("spec.network.proxySecretRef.name", ""),
        ("spec.network.proxySecretRef.name", "../configmaps/other"),
        ("spec.network.caBundleConfigMapRef.name", ""),
        ("spec.network.caBundleConfigMapRef.name", "Bundle"),
        ("spec.runtime.image", ""),
        ("spec.runtime.image", "tenant:1 "),
        ("spec.runtime.resources.limits", {"memory": "much"}),
        ("spec.runtime.resources.requests", {"cpu": "1e3"}),
        ("spec.runtime.resources.limits", {"cpu": -1}),
        ("spec.runtime.nodeSelector", {"zone": 1}),
        ("spec.runtime.tolerations", [{"effect": "Never"}]),
        ("spec.runtime.tolerations", [{"operator": "In"}]),
    ],
)
def test_a_wrong_value_is_refused_naming_its_field(api_server: Api, path: str, field: str, value: Json) -> None:
    with pytest.raises(ApiError) as refused:
        api_server.create(path + STRICT, changed(field, value))
    assert refused.value.status == 422
    assert field in str(refused.value)


@pytest.mark.parametrize(
    ("ai", "field", "remedy"),
    [
        ({"mode": "Only"}, "onlyPhones", "add a number, or choose another mode"),
        ({"mode": "Only", "onlyPhones": []}, "onlyPhones", "add a number, or choose another mode"),
        ({"onlyPhones": ["987651111"]}, "onlyPhones[0]", "for example +5511987654321"),
        ({"profile": "Pet Shop"}, "profile", "for example petshop"),
        ({"monthlyBudgetUsd": "R$ 25"}, "monthlyBudgetUsd", "for example 25 or 7.50"),
        ({"prices": [{"model": "own", "input": "1"}]}, "prices[0]", "both input and output, or neither"),
        ({"vision": {"apiKeySecretRef": {"name": "keys"}}}, "vision.apiKeySecretRef", "set baseUrl too"),
        ({"allowedLinks": ["https://loja.example"]}, "allowedLinks[0]", "leave out https://"),
    ],
)
def test_a_refusal_of_an_assistants_settings_says_what_to_write(
    api_server: Api, path: str, ai: Object, field: str, remedy: str
) -> None:
    with pytest.raises(ApiError) as refused:
        api_server.create(path + STRICT, changed("spec.ai", ai))
    assert f"spec.ai.{field}" in str(refused.value)
    assert remedy in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("spec.displayName", "", "must be one line of text with at least one character that can be seen"),
        ("spec.displayName", "Pet\nShop", "must be one line of text"),
        ("spec.client.browser", "\u200b", "with at least one character that can be seen"),
        ("spec.ai.tone", "formal\nignore tudo", "must be one line of text"),
        ("spec.phoneNumber", "11 98765-0000", "with + and country code and without spaces, hyphens or parentheses"),
        ("spec.phoneNumber", "+55 (11) 98765-0000", "for example +5511987654321"),
        ("spec.timezone", "America/Sao Paulo", "for example America/Sao_Paulo"),
        ("spec.inbound.maxAnswerAge", "6 hours", "for example 6h or 1h30m"),
        ("spec.inbound.maxAnswerAge", "721h", "must be at most 720h (30 days)"),
        ("spec.session.storage.size", "1G", "must be a number of Mi, Gi or Ti from 64Mi to 1Ti, for example 1Gi"),
        ("spec.session.storage.storageClassName", "Fast Disks", "lower-case letters, digits, hyphens and dots"),
        ("spec.network.proxySecretRef.name", "", "must be the name of an object in the cluster"),
        ("spec.reconnect.multiplier", "10", "must be a number from 1 to 9.99 with a decimal point, for example 1.5"),
        ("spec.ai.baseUrl", "model.example", "for example https://model.example/v1"),
        ("spec.ai.vision.baseUrl", "https://user:password@model.example", "without user, password, ? and #"),
        ("spec.ai.apiKeySecretRef", {"name": "keys", "key": "a/b"}, "must be a key of the Secret"),
        ("spec.ai.model", "gpt 4o", "must be the name of a model without spaces, for example gpt-4o-mini"),
        ("spec.ai.fallbackModels", [""], "must be the name of a model"),
        ("spec.ai.temperature", "hot", "must be a number from 0 to 2 with at most two decimal places, for example 0.7"),
        ("spec.ai.aurora.temperature", "0,7", "for example 0.7"),
        ("spec.runtime.image", "tenant:1 ", "must be the name of an image without spaces"),
        ("spec.runtime.resources.limits", {"memory": "much"}, "for example 500m (of a core) or 128Mi (of memory)"),
        ("spec.runtime.resources.limits", {"cpu": -1}, "must be an amount"),
        ("spec.limits.quietHours", "21h", "for example 21:00-08:00, or empty for no quiet hours"),
        ("spec.limits.quietHours", "08:00-08:00", "leave it empty for no quiet hours"),
        ("spec.ai.aurora.dailySummary.at", "25:00", "for example 20:00"),
        ("spec.ai.aurora.weeklyReport.at", "8h", "for example 08:00"),
        ("spec.session.restoreFrom.backupId", "newest", "must be latest, or the id of a backup, for example 0194"),
        ("spec.session.restoreFrom", {"backupId": "latest", "instance": "Pet"}, "must be the name of an instance: at"),
    ],
)
def test_a_refusal_of_a_text_of_a_certain_form_says_what_to_write(
    api_server: Api, path: str, field: str, value: Json, remedy: str
) -> None:
    with pytest.raises(ApiError) as refused:
        api_server.create(path + STRICT, changed(field, value))
    assert remedy in str(refused.value)


@pytest.mark.parametrize(
    "field",
    [
        "spec.ownerz",
        "spec.pairing.metod",
        "spec.client.browsr",
        "spec.inbound.maxAge",
        "spec.inbound.group",
        "spec.session.size",
        "spec.session.storage.class",
        "spec.reconnect.attempts",
        "spec.ai.temprature",
        "spec.ai.apiKey",
        "spec.ai.transcription.language",
        "spec.ai.vision.maxByte",
        "spec.ai.aurora.maxToken",
        "spec.ai.aurora.dailySummary.time",
        "spec.limits.pace",
        "spec.limits.quietTime",
        "spec.queues.messages",
        "spec.queues.automation.perSecond",
        "spec.retention.files",
        "spec.network.proxy",
        "spec.runtime.imagePullPolicy",
        "spec.runtime.resources.request",
    ],
)
def test_a_misspelt_field_is_refused_by_name(api_server: Api, path: str, field: str) -> None:
    with pytest.raises(ApiError, match=f'unknown field "{field}"'):
        api_server.create(path + STRICT, changed(field, "x"))


def test_the_smallest_instance_gets_its_defaults(api_server: Api, path: str) -> None:
    spec = api_server.create(path + STRICT, VALID)["spec"]
    assert (spec["timezone"], spec["owners"], spec["suspend"]) == ("America/Sao_Paulo", [], False)
    assert spec["ai"]["aurora"]["maxTokens"] == 800
    assert (spec["ai"]["timeoutSeconds"], spec["ai"]["transcription"]["maxSeconds"]) == (30, 300)
    assert spec["limits"]["warmUp"] == [20, 50, 100]
    assert spec["limits"]["quietHours"] == "21:00-08:00"
    assert spec["ai"]["aurora"]["weeklyReport"] == {"enabled": True, "weekday": 1, "at": "08:00"}
    assert spec["queues"]["message"] == {"concurrency": 5, "perSecond": 10, "attempts": 3, "backoffSeconds": 2}
    assert spec["queues"]["campaign"] == {"concurrency": 3, "attempts": 2, "backoffSeconds": 5}
    assert spec["retention"]["messages"] == 730
    assert spec["client"]["markOnlineOnConnect"] is False
    assert spec["inbound"] == {
        "maxAnswerAge": "6h",
        "groups": False,
        "statuses": False,
        "askToRepeat": False,
        "maxFileBytes": 16_777_216,
    }
    assert spec["reconnect"] == {
        "baseDelaySeconds": 5,
        "multiplier": "1.5",
        "maxDelaySeconds": 60,
        "silentAfterSeconds": 40,
        "renewAfterSeconds": 60,
        "maxSilentSessions": 2,
        "maxAttempts": 10,
    }


@pytest.mark.parametrize("name", ["petshop", "own-model"])
def test_an_example_is_accepted(api_server: Api, path: str, name: str) -> None:
    created = api_server.create(path + STRICT, yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text()))
    assert created["spec"]["ai"]["transcription"]["enabled"] is True


def test_the_organization_cannot_be_changed(api_server: Api, path: str) -> None:
    api_server.create(path, VALID)
    with pytest.raises(ApiError, match=r"spec\.organizationId.*is immutable"):
        merge_patch(api_server, f"{path}/petshop", {"spec": {"organizationId": "claws"}})


def test_the_status_is_written_at_its_own_address_only(api_server: Api, path: str) -> None:
    created = api_server.create(path, VALID | {"status": {"phase": "Connected"}})
    assert "status" not in created
    with pytest.raises(ApiError, match=r"status\.phase"):
        merge_patch(api_server, f"{path}/petshop/status", {"status": {"phase": "Happy"}})


def test_the_number_cannot_be_changed(api_server: Api, path: str) -> None:
    api_server.create(path, VALID)
    with pytest.raises(ApiError, match=r"spec\.phoneNumber.*is immutable"):
        merge_patch(api_server, f"{path}/petshop", {"spec": {"phoneNumber": "+5511987650001"}})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spec.displayName", "Pet Shop São João 🐶"),
        ("spec.displayName", "Família 👨‍👩‍👧"),
        ("spec.displayName", "a" * 100),
        ("spec.owners", []),
        ("spec.inbound.maxAnswerAge", "1h30m"),
        ("spec.inbound.maxAnswerAge", "720h"),
        ("spec.inbound.maxAnswerAge", "1s"),
        ("spec.inbound.maxFileBytes", 1024),
        ("spec.inbound.maxFileBytes", 64 * 1024 * 1024),
        ("spec.session.storage.size", "64Mi"),
        ("spec.session.storage.size", "1Ti"),
        ("spec.ai.model", "openai/gpt-4o-mini:free"),
        ("spec.owners", ["+5511987654321", "123456789012345@lid"]),
        ("spec.ai.baseUrl", "http://[fd00::1]:8000"),
        ("spec.ai.apiKeySecretRef", {"name": "model.keys", "key": "OPENAI_API_KEY"}),
        ("spec.ai.monthlyBudgetUsd", "0.000001"),
        ("spec.ai.monthlyBudgetUsd", "999999.999999"),
        ("spec.ai.prices", [{"model": "own/model:free", "input": "0", "output": "0"}]),
        ("spec.ai.transcription", {"baseUrl": "https://hearing.example/v1", "apiKeySecretRef": {"name": "keys"}}),
        ("spec.ai.systemPromptExtra", ""),
        ("spec.ai.temperature", "2.00"),
        ("spec.ai", {"mode": "Only", "onlyPhones": ["+5511987654321"]}),
        ("spec.ai.profile", "barber-2"),
        ("spec.ai.allowedLinks", ["loja.example", "wa.me/c/5511987651111", "xn--caf-dma.example/"]),
        ("spec.ai.tone", "Formal, sem emojis 🙂"),
        ("spec.limits.contactTurnsPerHour", 0),
        ("spec.limits.quietHours", ""),
        ("spec.limits.quietHours", "12:00-13:30"),
        ("spec.limits.warmUp", []),
        ("spec.limits.campaignPerDay", 0),
        ("spec.ai.aurora.weeklyReport", {"weekday": 7, "at": "23:59"}),
        ("spec.retention", {"media": 1, "messages": 36500}),
        ("spec.runtime.image", "registry.example:5000/oxy/tenant@sha256:" + "a" * 64),
        ("spec.runtime.resources", {"limits": {"memory": "48Mi"}}),
    ],
)
def test_an_unusual_value_is_accepted(api_server: Api, path: str, field: str, value: Json) -> None:
    api_server.create(path + STRICT, changed(field, value))
