import pytest
from unit.wai_operator.making import NOW, Json, instance, pod_object, record, resource

from oxy_operator.decide.specs.stateful_set import runtime_stateful_set
from oxy_operator.decide.workload import Workload
from oxy_operator.kube.cache import ChildCache, InstanceCache, PodCache
from oxy_operator.objects import CLAIMS, CONFIG_MAPS, SECRETS, STATEFUL_SETS, Key, Kind

KEY = Key("shops", "petshop")
CLAIM = "wai-petshop-session"


def child(version: int = 1, uid: str = "u", **metadata: Json) -> Json:
    labels = {"oxy.dev/instance": "petshop"}
    return {
        "metadata": {
            "namespace": "shops",
            "name": "wai-petshop",
            "uid": uid,
            "resourceVersion": str(version),
            "labels": labels,
            **metadata,
        }
    }


def test_a_new_child_has_its_instance_reconciled() -> None:
    children = ChildCache(CONFIG_MAPS)
    assert children.observe(child()) == KEY
    assert children.known() == {("shops", "wai-petshop")}


def test_an_irrelevant_change_is_no_news() -> None:
    children = ChildCache(CONFIG_MAPS)
    children.observe(child())
    assert children.observe(child(2)) is None
    assert children.observe(child(3, annotations={"other": "x"})) is None


def test_annotations_of_claims_count() -> None:
    claims = ChildCache(CLAIMS)
    claims.observe(child(name=CLAIM))
    assert claims.observe(child(2, name=CLAIM, annotations={"oxy.dev/epoch": "3"})) == KEY
    assert claims.observe(child(3, name=CLAIM, annotations={"oxy.dev/epoch": "3", "other": "x" * 9_999})) is None


def test_an_older_state_than_the_one_applied_is_ignored() -> None:
    claims = ChildCache(CLAIMS)
    claims.observe(child(5, name=CLAIM, annotations={"oxy.dev/epoch": "1", "oxy.dev/restore": "{}"}))
    claims.annotated("shops", CLAIM, {"oxy.dev/epoch": "2"}, child(7))
    assert claims.observe(child(6, name=CLAIM, annotations={"oxy.dev/epoch": "1"})) is None
    held = claims.get("shops", CLAIM)
    assert held is not None
    assert held.annotations == {"oxy.dev/epoch": "2"}


def test_another_object_of_the_same_name_counts_whatever_its_version() -> None:
    children = ChildCache(CONFIG_MAPS)
    children.observe(child(9))
    assert children.observe(child(3, uid="other")) == KEY


def test_a_deleted_child_has_its_instance_reconciled_once() -> None:
    children = ChildCache(CONFIG_MAPS)
    children.observe(child())
    assert children.forget("shops", "wai-petshop") == KEY
    assert children.forget("shops", "wai-petshop") is None


def test_what_a_pod_is_made_with_is_kept() -> None:
    sets = ChildCache(STATEFUL_SETS)
    annotations = {"oxy.dev/epoch": "4", "oxy.dev/proxy": "x"}
    tenant = {
        "name": "tenant",
        "env": [{"name": "OXY_VOLUME_ID", "value": "v"}, {"name": "OXY_EPOCH", "valueFrom": {}}],
    }
    spec = {"containers": [{"name": "other", "env": [{"name": "OXY_VOLUME_ID", "value": "w"}]}, tenant]}
    template = {"metadata": {"annotations": annotations}, "spec": spec}
    sets.observe({**child(), "spec": {"replicas": 0, "template": template}})
    held = sets.get("shops", "wai-petshop")
    assert held is not None
    assert held.workload == Workload(epoch=4, replicas=0, volume="v", proxy="x")
    strange = {"metadata": {"annotations": {"oxy.dev/epoch": "x"}}, "spec": {"containers": [{"name": "tenant"}]}}
    sets.observe({**child(9), "spec": {"template": strange}})
    held = sets.get("shops", "wai-petshop")
    assert held is not None
    assert held.workload == Workload(epoch=0, replicas=1)


def test_what_is_applied_is_known_at_once() -> None:
    sets = ChildCache(STATEFUL_SETS)
    made = runtime_stateful_set(
        instance(), record(), account="A", image="i", nats_url="n", volume="v", proxy="x", replicas=1
    )
    sets.applied(made, {"metadata": {"uid": "u", "resourceVersion": "3"}}, b"")
    held = sets.get("shops", "wai-petshop")
    assert held is not None
    assert held.workload == Workload(epoch=2, replicas=1, volume="v", proxy="x")


@pytest.mark.parametrize(
    ("kind", "name", "belongs"),
    [
        (CONFIG_MAPS, "wai-petshop", True),
        (CONFIG_MAPS, "wai-other", False),
        (CONFIG_MAPS, CLAIM, False),
        (CLAIMS, CLAIM, True),
        (CLAIMS, "wai-petshop", False),
        (SECRETS, "wai-petshop", True),
        (SECRETS, "wai-petshop-pairing", True),
        (SECRETS, "petshop", False),
    ],
)
def test_only_an_object_with_the_name_of_an_instances_own_belongs_to_it(
    kind: Kind,
    name: str,
    belongs: bool,  # noqa: FBT001 a table's column
) -> None:
    children = ChildCache(kind)
    assert (children.observe(child(name=name)) == KEY) is belongs
    assert (children.get("shops", name) is not None) is belongs


def test_an_object_whose_label_is_changed_is_gone_for_its_instance() -> None:
    children, pods = ChildCache(CONFIG_MAPS), PodCache()
    children.observe(child())
    assert children.observe(child(2, labels={"oxy.dev/instance": "another"})) == KEY
    assert children.get("shops", "wai-petshop") is None
    pods.observe(pod_object())
    changed = pod_object()
    changed["metadata"]["labels"] = {}
    assert pods.observe(changed) == KEY
    assert pods.of(KEY) is None


def test_the_pod_of_an_instance_is_the_one_that_its_stateful_set_names() -> None:
    pods, stranger = PodCache(), pod_object()
    stranger["metadata"] |= {"name": "wai-petshop-1", "uid": "stranger"}
    assert pods.observe(stranger) is None
    assert pods.of(KEY) is None
    assert pods.observe(pod_object()) == KEY
    assert pods.observe(pod_object()) is None
    assert pods.observe(pod_object(deleted_at=NOW)) == KEY
    found = pods.of(KEY)
    assert found is not None
    assert found.deleted_at == NOW
    assert pods.forget("shops", "wai-petshop-0") == KEY
    assert pods.forget("shops", "wai-petshop-0") is None
    assert pods.of(KEY) is None


def version(number: int, *, phone: str = "+5511999990000", **metadata: Json) -> Json:
    made = resource(phoneNumber=phone)
    return {**made, "metadata": {**made["metadata"], "resourceVersion": str(number), **metadata}}


def test_an_older_state_of_a_resource_is_ignored() -> None:
    resources = InstanceCache()
    deleted = version(7, deletionTimestamp="2026-01-01T00:00:00Z")
    resources.put(deleted)
    assert resources.put(version(6, phone="+5511999990001")) == KEY
    assert resources.get(KEY) == deleted
    assert resources.of_number("+5511999990000") == [KEY]


def test_another_resource_of_the_same_name_counts_whatever_its_version() -> None:
    resources = InstanceCache()
    resources.put(version(7))
    resources.put(version(3, uid="other", phone="+5511999990001"))
    assert resources.of_number("+5511999990001") == [KEY]
    assert resources.of_number("+5511999990000") == []


def test_a_resource_of_the_same_version_replaces_the_stored_one() -> None:
    resources = InstanceCache()
    resources.put(version(7))
    resources.put({**version(7), "status": {"phase": "Connected"}})
    assert (resources.get(KEY) or {})["status"] == {"phase": "Connected"}
