import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from oxy_ai.settings import WorkerSettings
from oxy_core.jetstream import STREAMS
from oxy_core.model_endpoints import AllowedEndpoints
from oxy_core.model_keys import SHARDS, key_file, shard_name, shard_of
from oxy_dev import chart, crds
from oxy_dev.chart import Object, of_kind, pod_templates, render
from oxy_dev.cluster.errors import CommandError
from oxy_operator.kube.election import LEASE_NAME
from oxy_operator.settings import OperatorSettings

EXTERNAL = (
    "nats.embedded=false",
    'nats.url="nats://bus.example.org:4222"',
    "postgres.embedded=false",
    'postgres.secretRef={"name":"database","appUrlKey":"dsn"}',
)


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return render()


def environment(template: Object) -> dict[str, Object]:
    return {item["name"]: item for item in template["spec"]["containers"][0]["env"]}


def test_helm_finds_nothing_wrong() -> None:
    assert "0 chart(s) failed" in chart.lint()


def test_the_chart_holds_the_definitions_of_the_repository() -> None:
    assert crds.outdated() == []


def test_definitions_outlive_the_release_and_are_otherwise_unchanged(objects: list[Object]) -> None:
    rendered = of_kind(objects, "CustomResourceDefinition")
    sources = [yaml.safe_load(source.read_text()) for source in crds.SOURCES.glob("*.yaml")]
    assert sources
    for source in sources:
        kept = {**source["metadata"], "annotations": {"helm.sh/resource-policy": "keep"}}
        assert rendered[source["metadata"]["name"]] == {**source, "metadata": kept}


def test_template_syntax_in_a_definition_is_left_alone() -> None:
    text = "kind: X\nmetadata:\n  name: x\nspec:\n  description: like {{ .this }}\n"
    assert '{{ "{{" }} .this }}' in crds.as_template(text)


def test_a_definition_with_annotations_of_its_own_is_refused() -> None:
    with pytest.raises(ValueError, match="annotations"):
        crds.as_template("kind: X\nmetadata:\n  name: x\n  annotations:\n    a: b\nspec: {}\n")


@pytest.mark.parametrize("settings", [(), EXTERNAL], ids=["embedded", "external"])
def test_every_pod_is_restricted(settings: tuple[str, ...]) -> None:
    for name, template in pod_templates(render(*settings)).items():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert set(container["resources"]) == {"requests", "limits"}, name


def test_no_pod_fills_its_node_with_temporary_files(objects: list[Object]) -> None:
    volumes = [volume for template in pod_templates(objects).values() for volume in template["spec"].get("volumes", ())]
    temporary = [volume["emptyDir"] for volume in volumes if "emptyDir" in volume]
    assert temporary
    assert all(found.get("sizeLimit") for found in temporary)


def test_only_what_speaks_to_the_api_server_has_a_token(objects: list[Object]) -> None:
    with_token = {
        name for name, item in pod_templates(objects).items() if item["spec"].get("automountServiceAccountToken", True)
    }
    assert {re.sub("-[0-9a-f]{10}$", "", name) for name in with_token} == {"oxy-operator", "oxy-bootstrap"}


def test_selectors_find_the_pods(objects: list[Object]) -> None:
    for kind in ("Deployment", "StatefulSet"):
        for item in of_kind(objects, kind).values():
            wanted = item["spec"]["selector"]["matchLabels"].items()
            assert wanted <= item["spec"]["template"]["metadata"]["labels"].items()
    labels = [item["metadata"]["labels"] for item in pod_templates(objects).values()]
    for service in of_kind(objects, "Service").values():
        assert sum(service["spec"]["selector"].items() <= item.items() for item in labels) == 1


def test_the_embedded_servers_are_reached_only_where_they_serve(objects: list[Object]) -> None:
    """NATS's monitoring tells anybody who asks of all tenants' connections; nobody but workers needs the database."""
    policies, pods = of_kind(objects, "NetworkPolicy"), pod_templates(objects)
    release = {"app.kubernetes.io/name": "oxy", "app.kubernetes.io/instance": "oxy"}
    allowed = {
        "oxy-nats": [{"ports": [{"port": "client", "protocol": "TCP"}]}],
        "oxy-postgres": [
            {"from": [{"podSelector": {"matchLabels": release}}], "ports": [{"port": "postgres", "protocol": "TCP"}]}
        ],
    }
    assert {name: policy["spec"]["ingress"] for name, policy in policies.items()} == allowed
    for name, policy in policies.items():
        wanted = policy["spec"]["podSelector"]["matchLabels"].items()
        assert [pod for pod, item in pods.items() if wanted <= item["metadata"]["labels"].items()] == [name]
        ports = {port["name"] for port in pods[name]["spec"]["containers"][0]["ports"]}
        assert policy["spec"]["ingress"][0]["ports"][0]["port"] in ports
    assert of_kind(render(*EXTERNAL), "NetworkPolicy") == {}


def test_no_secret_is_part_of_the_release(objects: list[Object]) -> None:
    """Helm would show it to everyone who may read the release, and delete it with the release."""
    assert of_kind(objects, "Secret") == {}
    assert not re.search(r"(?i)(password|secret|key)\w*: *['\"]?[A-Za-z0-9+/]{16,}", yaml.safe_dump_all(objects))


def test_there_are_no_hooks(objects: list[Object]) -> None:
    """A hook would wait for a database that the release itself brings."""
    assert "helm.sh/hook" not in json.dumps(objects)


def test_the_streams_fit_the_volume_of_the_embedded_server(objects: list[Object]) -> None:
    (claim,) = of_kind(objects, "StatefulSet")["oxy-nats"]["spec"]["volumeClaimTemplates"]
    volume = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) << 30
    reserved = sum(stream.max_bytes or 0 for stream in STREAMS)
    (limit,) = re.findall(r"max_file_store: (\d+)MB", of_kind(objects, "ConfigMap")["oxy-nats"]["data"]["nats.conf"])
    assert reserved < int(limit) << 20 <= volume * 3 / 4


def test_workers_know_where_files_are_kept(objects: list[Object]) -> None:
    default = environment(pod_templates(objects)["oxy-ai"])
    assert {name: item["value"] for name, item in default.items() if "MEDIA" in name} == {
        "OXY_MEDIA_FILE_BYTES": "16777216",
        "OXY_MEDIA_ORGANIZATION_BYTES": "1073741824",
    }
    store = ('media.store.url="s3://files"', 'media.store.endpoint="https://minio.example.org"')
    with pytest.raises(CommandError, match=r"media\.store\.secretRef\.name must be set"):
        render(*store)
    found = environment(pod_templates(render(*store, 'media.store.secretRef.name="keys"'))["oxy-ai"])
    assert found["OXY_MEDIA_STORE_ENDPOINT"]["value"] == "https://minio.example.org"
    secret = found["OXY_MEDIA_STORE_SECRET_ACCESS_KEY"]["valueFrom"]["secretKeyRef"]
    assert secret == {"name": "keys", "key": "secret-access-key"}


def test_the_operator_never_runs_twice(objects: list[Object]) -> None:
    spec = of_kind(objects, "Deployment")["oxy-operator"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_operator_may_use_its_lease_and_no_other(objects: list[Object]) -> None:
    role = of_kind(objects, "Role")["oxy-operator"]
    rights = {tuple(rule.get("resourceNames") or ()): set(rule["verbs"]) for rule in role["rules"]}
    assert rights == {(): {"create"}, (LEASE_NAME,): {"get", "update"}}
    assert {tuple(rule["resources"]) for rule in role["rules"]} == {("leases",)}
    identity = environment(pod_templates(objects)["oxy-operator"])["OXY_IDENTITY"]
    assert identity["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_jobs_get_a_new_name_with_a_new_image_and_keep_it_otherwise() -> None:
    def jobs(*settings: str) -> set[str]:
        return set(of_kind(render(*settings), "Job"))

    assert jobs() == jobs("ai.replicas=3")
    new = jobs('images.tag="9.9.9"')
    assert len(new) == 2
    assert new.isdisjoint(jobs())


def test_rendering_twice_gives_the_same(objects: list[Object]) -> None:
    assert render() == objects


def test_two_releases_share_no_name() -> None:
    def names(release: str) -> set[tuple[str, str]]:
        kept = {"CustomResourceDefinition"}
        return {
            (item["kind"], item["metadata"]["name"]) for item in render(release=release) if item["kind"] not in kept
        }

    assert names("one").isdisjoint(names("two"))


def test_external_servers_replace_the_embedded_ones() -> None:
    objects = render(*EXTERNAL)
    assert of_kind(objects, "StatefulSet") == {}
    worker = environment(pod_templates(objects)["oxy-ai"])
    assert worker["OXY_NATS_URL"]["value"] == "nats://bus.example.org:4222"
    assert worker["OXY_DATABASE_URL"]["valueFrom"]["secretKeyRef"] == {"name": "database", "key": "dsn"}
    bootstrap = next(item for name, item in pod_templates(objects).items() if "bootstrap" in name)
    assert "OXY_POSTGRES_HOST" not in environment(bootstrap)


def test_the_embedded_database_ignores_the_keys_of_an_external_one() -> None:
    objects = render('postgres.secretRef={"appUrlKey":"dsn"}')
    worker = environment(pod_templates(objects)["oxy-ai"])
    assert worker["OXY_DATABASE_URL"]["valueFrom"]["secretKeyRef"] == {"name": "oxy-postgres", "key": "app-url"}


def test_streams_are_replicated_on_a_cluster_only() -> None:
    replicated = environment(pod_templates(render(*EXTERNAL, "nats.replicas=3"))["oxy-operator"])
    assert replicated["OXY_NATS_REPLICAS"]["value"] == "3"
    assert environment(pod_templates(render())["oxy-operator"])["OXY_NATS_REPLICAS"]["value"] == "1"
    with pytest.raises(CommandError, match=re.escape("nats.replicas must be 1 while nats.embedded is true")):
        render("nats.replicas=3")


def test_an_external_bus_needs_its_address() -> None:
    with pytest.raises(CommandError, match=re.escape("nats.url must be set")):
        render("nats.embedded=false")


def test_an_external_database_needs_its_secret() -> None:
    with pytest.raises(CommandError, match=re.escape("postgres.secretRef.name must be set")):
        render("postgres.embedded=false")


def test_a_full_image_reference_wins_over_registry_and_tag() -> None:
    objects = render(
        'images.registry="r.example.org/oxy"', 'images.tag="1.2.3"', 'images.ai="other/ai@sha256:' + "a" * 64 + '"'
    )
    images = {name: item["spec"]["containers"][0]["image"] for name, item in pod_templates(objects).items()}
    assert images["oxy-ai"] == f"other/ai@sha256:{'a' * 64}"
    assert images["oxy-operator"] == "r.example.org/oxy/oxy-operator:1.2.3"
    assert (
        environment(pod_templates(objects)["oxy-operator"])["OXY_TENANT_IMAGE"]["value"]
        == "r.example.org/oxy/oxy-tenant:1.2.3"
    )


def test_a_model_without_a_key_needs_no_secret() -> None:
    worker = environment(pod_templates(render('openai.baseUrl="http://model:8000/v1"'))["oxy-ai"])
    assert "valueFrom" not in worker["OXY_OPENAI_API_KEY"]
    named = environment(pod_templates(render('openai.apiKeySecretRef={"name":"openai","key":"k"}'))["oxy-ai"])
    assert named["OXY_OPENAI_API_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "openai", "key": "k"}


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("ai.replica=2", "'replica'"),
        ("unknown=1", "'unknown'"),
        ("ai.replicas=-1", "/ai/replicas"),
        ('logLevel="loud"', "/logLevel"),
        ('postgres.storage.size="5X"', "/postgres/storage/size"),
        ('nats.url="http://bus"', "/nats/url"),
        ('images.ai="a b"', "/images/ai"),
        ('openai.apiKey="sk-1"', "'apiKey'"),
    ],
)
def test_a_wrong_value_is_refused_by_name(setting: str, named: str) -> None:
    with pytest.raises(CommandError, match=re.escape(named)):
        render(setting)


def _undescribed(schema: Object, values: Object, path: str = "") -> Iterator[str]:
    for name in schema.get("properties", {}):
        if name == "global":
            continue
        if name not in values:
            yield f"{path}/{name}"
        elif isinstance(values[name], dict):
            yield from _undescribed(schema["properties"][name], values[name], f"{path}/{name}")


def test_every_value_stands_in_the_documented_defaults() -> None:
    schema = json.loads((chart.CHART / "values.schema.json").read_text())
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text())
    assert list(_undescribed(schema, values)) == []


def test_workers_find_the_keys_where_the_operator_puts_them(objects: list[Object]) -> None:
    worker, operator = (pod_templates(objects)[name] for name in ("oxy-ai", "oxy-operator"))
    folder = Path(environment(worker)["OXY_MODEL_KEYS"]["value"])
    prefix = environment(operator)["OXY_SECRET_PREFIX"]["value"]
    mounts = {item["mountPath"]: item for item in worker["spec"]["containers"][0]["volumeMounts"]}
    volumes = {item["name"]: item for item in worker["spec"]["volumes"]}
    for organization in (f"org-{number}" for number in range(200)):
        mount = mounts[str(key_file(folder, organization, "petshop").parent)]
        name = shard_name(prefix, shard_of(organization, "petshop"))
        assert volumes[mount["name"]]["secret"] == {"secretName": name, "optional": True}
        assert mount["readOnly"] is True
    assert sum("model-keys" in path for path in mounts) == SHARDS


def test_another_release_has_keys_of_its_own() -> None:
    rendered = pod_templates(render(release="blue"))
    assert environment(rendered["blue-oxy-operator"])["OXY_SECRET_PREFIX"]["value"] == "blue-oxy"
    names = {item["secret"]["secretName"] for item in rendered["blue-oxy-ai"]["spec"]["volumes"] if "secret" in item}
    assert {shard_name("blue-oxy", number) for number in range(SHARDS)} <= names


def test_operator_and_workers_allow_the_same_endpoints() -> None:
    rendered = pod_templates(render('ai.allowedEndpoints=["vllm.models.svc:8000","10.96.0.0/12"]'))
    told = [environment(rendered[name]) for name in ("oxy-ai", "oxy-operator")]
    assert {found["OXY_ALLOWED_ENDPOINTS"]["value"] for found in told} == {"vllm.models.svc:8000,10.96.0.0/12"}
    assert len({found["OXY_OPENAI_BASE_URL"]["value"] for found in told}) == 1
    assert AllowedEndpoints.parse(told[0]["OXY_ALLOWED_ENDPOINTS"]["value"]).names("10.96.0.1", 80)
    with pytest.raises(CommandError, match="allowedEndpoints"):
        render('ai.allowedEndpoints=["http://vllm"]')


def test_the_operator_reads_what_the_chart_sets(objects: list[Object]) -> None:
    names = {name.removeprefix("OXY_").lower() for name in environment(pod_templates(objects)["oxy-operator"])}
    assert names <= set(OperatorSettings.model_fields)


def test_the_workers_read_what_the_chart_sets(objects: list[Object]) -> None:
    names = {name.removeprefix("OXY_").lower() for name in environment(pod_templates(objects)["oxy-ai"])}
    assert names - {"database_url"} <= set(WorkerSettings.model_fields)
