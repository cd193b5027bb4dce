from copy import deepcopy

from unit.wai_operator.making import Json

from oxy_operator.decide.specs.secrets import content_digest
from oxy_operator.kube.digest import desired_digest, live_digest

DESIRED: Json = {
    "metadata": {"name": "x", "namespace": "n", "labels": {"a": "1"}},
    "spec": {
        "replicas": 1,
        "containers": [{"name": "tenant", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}],
    },
}
FIELDS: Json = {
    "f:metadata": {"f:labels": {"f:a": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:containers": {
            'k:{"name":"tenant"}': {
                ".": {},
                "f:name": {},
                "f:env": {
                    'k:{"name":"B"}': {".": {}, "f:name": {}, "f:value": {}},
                    'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}},
                },
            }
        },
    },
}


def live(fields: Json = FIELDS, **changes: Json) -> Json:
    made = deepcopy(DESIRED)
    made["metadata"] |= {"uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"}
    made["metadata"]["managedFields"] = [
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {}},
        {"manager": "oxy-operator", "operation": "Apply", "fieldsV1": fields},
        {"manager": "oxy-operator", "operation": "Apply", "subresource": "status", "fieldsV1": {}},
    ]
    made["status"] = {"ready": True}
    made["spec"] |= changes
    return made


def test_an_object_as_applied_has_the_desired_digest() -> None:
    assert live_digest(live()) == desired_digest(DESIRED)


def test_what_the_server_and_others_add_does_not_count() -> None:
    added = live(updateStrategy={"type": "RollingUpdate"})
    added["spec"]["containers"][0]["terminationMessagePath"] = "/dev/x"
    added["spec"]["containers"].append({"name": "injected"})
    added["metadata"]["labels"]["other"] = "x"
    assert live_digest(added) == desired_digest(DESIRED)


def test_the_order_of_lists_and_apiversion_and_kind_do_not_count() -> None:
    reordered = deepcopy(DESIRED) | {"apiVersion": "v1", "kind": "X"}
    reordered["spec"]["containers"][0]["env"].reverse()
    assert desired_digest(reordered) == desired_digest(DESIRED)
    assert live_digest({**live(), "apiVersion": "v1", "kind": "X"}) == desired_digest(DESIRED)


def test_a_changed_value_makes_a_difference() -> None:
    assert live_digest(live(replicas=0)) != desired_digest(DESIRED)


def test_a_field_that_another_manager_took_over_makes_a_difference() -> None:
    fields = deepcopy(FIELDS)
    del fields["f:spec"]["f:replicas"]
    assert live_digest(live(fields)) != desired_digest(DESIRED)


def test_a_field_that_is_no_longer_wanted_makes_a_difference() -> None:
    wanted = deepcopy(DESIRED)
    del wanted["metadata"]["labels"]
    assert live_digest(live()) != desired_digest(wanted)


def test_an_object_that_we_never_applied_differs() -> None:
    foreign = live()
    foreign["metadata"]["managedFields"] = []
    assert live_digest(foreign) == b""


def secret(content: str, data: dict[str, str]) -> Json:
    return {"metadata": {"name": "s", "annotations": {"oxy.dev/content": content}}, "type": "Opaque", "data": data}


def listed(content: str, *owned: str) -> Json:
    """A Secret as a metadata-only list shows it."""
    fields = {
        "f:metadata": {"f:annotations": {"f:oxy.dev/content": {}}},
        "f:type": {},
        "f:data": {f"f:{key}": {} for key in owned},
    }
    managed = [{"manager": "oxy-operator", "operation": "Apply", "fieldsV1": fields}]
    return {"metadata": {"name": "s", "annotations": {"oxy.dev/content": content}, "managedFields": managed}}


def test_a_secret_is_compared_without_its_content() -> None:
    wanted = desired_digest(secret("1", {"user.creds": "x"}), metadata_only=True)
    assert live_digest(listed("1", "user.creds"), metadata_only=True) == wanted
    assert live_digest(listed("2", "user.creds"), metadata_only=True) != wanted
    assert live_digest(listed("1"), metadata_only=True) != wanted


def test_content_digests_differ_with_content() -> None:
    assert content_digest({"a": "1"}) == content_digest({"a": "1"})
    assert content_digest({"a": "1"}) != content_digest({"a": "2"})
