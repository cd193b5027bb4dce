from pathlib import Path
from typing import Any

import pytest

from oxy_dev.plain_pod import pod_environment
from oxy_dev.stack import Stack, petshop

FOLDER = Path("/run/pod")
TEMPLATE: dict[str, Any] = {
    "metadata": {"annotations": {"oxy.dev/epoch": "3"}},
    "spec": {
        "containers": [
            {
                "terminationMessagePath": "/dev/termination-log",
                "volumeMounts": [{"name": "session", "mountPath": "/data"}],
                "env": [],
            }
        ]
    },
}


def resolved(variable: dict[str, Any]) -> str:
    (container,) = TEMPLATE["spec"]["containers"]
    template = TEMPLATE | {"spec": {"containers": [container | {"env": [{"name": "X", **variable}]}]}}
    return pod_environment(template, FOLDER, uid="the-uid", secrets={"proxy": {"url": "http://proxy"}})["X"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ({"value": "1"}, "1"),
        ({"value": "/data"}, "/run/pod/session"),
        ({"value": "/data/journal.db"}, "/run/pod/session/journal.db"),
        ({"value": "/database"}, "/database"),
        ({"value": "/dev/termination-log"}, "/run/pod/termination-log"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}, "the-uid"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['oxy.dev/epoch']"}}}, "3"),
        ({"valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}}, "http://proxy"),
    ],
)
def test_variables_have_the_values_that_the_kubelet_would_give_them(variable: dict[str, Any], value: str) -> None:
    assert resolved(variable) == value


@pytest.mark.parametrize(
    "source",
    [
        {"secretKeyRef": {"name": "unknown", "key": "url"}},
        {"fieldRef": {"fieldPath": "status.podIP"}},
        {"configMapKeyRef": {"name": "proxy", "key": "url"}},
    ],
)
def test_a_source_that_plain_processes_lack_is_an_error(source: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        resolved({"valueFrom": source})


def test_a_stack_runs_the_example_with_what_the_operator_would_give_its_pod(tmp_path: Path) -> None:
    other = petshop("other", organizationId="other-org", phoneNumber="+5511987650009")
    stack = Stack(tmp_path, tenants=(petshop(), other))
    environment = stack.runtimes["petshop"].environment
    assert environment["OXY_ORGANIZATION"] == "petshop-aurora"
    assert environment["OXY_NATS_URL"] == stack.nats.url
    assert environment["HTTPS_PROXY"].endswith(str(stack.proxy_port))
    assert {"OXY_TERMINATION_LOG", "OXY_EPOCH", "OXY_ACCOUNT", "SSL_CERT_FILE"} <= environment.keys()
    assert Path(environment["OXY_NOISE_ROOT_FILE"]).parent == Path(environment["SSL_CERT_FILE"]).parent
    assert stack.runtimes["other"].environment["OXY_ORGANIZATION"] == "other-org"


def test_the_example_answers_at_once_on_a_stack() -> None:
    spec = petshop().spec
    assert (spec.limits.pacing, spec.ai.debounce_seconds, spec.ai.debounce_max_seconds) == ("None", 0, 0)
    assert (spec.display_name, spec.owners) == ("Pet Shop Aurora", ("+5511987651111",))
