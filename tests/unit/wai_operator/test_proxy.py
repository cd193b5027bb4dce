from base64 import b64encode
from dataclasses import replace

import pytest
from unit.wai_operator.making import VOLUME, Json, deployment, instance, observed, pod, record

from oxy_operator.decide.plan import plan_for
from oxy_operator.decide.proxy import NO_PROXY, ProxyWanted, proxy_wanted
from oxy_operator.decide.workload import Workload
from oxy_operator.objects import STATEFUL_SETS

KEY = bytes(range(32))
PROXIED = instance(network={"proxySecretRef": {"name": "proxy"}})


def wanted(url: bytes, made: Json = PROXIED, key: bytes = KEY) -> ProxyWanted:
    return proxy_wanted(made, {"url": b64encode(url).decode()}, key)


def test_an_instance_without_a_secret_has_no_proxy() -> None:
    assert proxy_wanted(instance(), {"url": "eA=="}, KEY) == NO_PROXY


def test_the_digest_changes_with_the_url_alone() -> None:
    first = wanted(b"http://shop:one@proxy:3128")
    assert first.fault is None
    assert first.digest
    assert wanted(b"http://shop:one@proxy:3128/\n") == first
    assert wanted(b"http://shop:two@proxy:3128").digest != first.digest
    assert wanted(b"http://shop:one@proxy:3128", key=KEY[::-1]).digest != first.digest
    assert replace(first, secret=None, digest=None) == NO_PROXY


@pytest.mark.parametrize(
    ("data", "reason", "remedy"),
    [
        (None, "ProxySecretMissing", "kubectl create secret generic proxy -n shops --from-literal=url="),
        ({}, "ProxyUrlMissing", "no key url"),
        ({"URL": "eA=="}, "ProxyUrlMissing", "Add the proxy's URL under that key"),
        ({"url": ""}, "ProxyUrlUnusable", "is empty"),
        ({"url": "***"}, "ProxyUrlUnusable", "is empty"),
        ({"url": b64encode(b"\xff\xfe").decode()}, "ProxyUrlUnusable", "ASCII"),
        ({"url": b64encode(b"socks4://loja:hush@proxy:1").decode()}, "ProxyUrlUnusable", "http, https or socks5"),
    ],
)
def test_what_is_wrong_with_a_secret_is_said_with_the_remedy(data: Json, reason: str, remedy: str) -> None:
    found = proxy_wanted(PROXIED, data, KEY)
    assert found.digest is None
    assert found.fault is not None
    for pod_kept, meanwhile in ((False, "the instance does not connect."), (True, "The pod is left as it is")):
        problem = found.fault.problem(pod_kept=pod_kept)
        assert problem.reason == reason
        assert problem.message.startswith("spec.network.proxySecretRef: Secret proxy in namespace shops")
        assert meanwhile in problem.message
        assert remedy in problem.message
        assert "hush" not in problem.message


MADE_WITH_ONE = Workload(epoch=2, replicas=1, volume=VOLUME, proxy="of another URL")


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, None),
        ({"record": record(epoch=2, repaired="n1")}, None),
        ({"pod": pod(ready=True)}, None),
        ({"pod": None}, None),  # evicted: the next one is made likewise
        ({"workload": replace(MADE_WITH_ONE, proxy=None)}, 0),  # it connects directly
        ({"workload": replace(MADE_WITH_ONE, replicas=0)}, 0),  # it was suspended, or had no proxy before
        ({"workload": None, "pod": None}, 0),
        ({"record": record(epoch=3)}, 0),  # a person wants another
        ({"workload": replace(MADE_WITH_ONE, volume="another"), "pod": None}, 0),
        ({"instance": instance(network=PROXIED.spec.network, suspend=True)}, 0),
        ({"proxy": wanted(b"http://shop:one@proxy:3128")}, 1),
        ({"instance": instance(), "proxy": NO_PROXY}, 1),
    ],
)
@pytest.mark.parametrize("data", [None, {}, {"url": ""}, {"url": b64encode(b"ftp://proxy").decode()}])
def test_without_a_usable_proxy_no_pod_is_started_and_one_that_was_made_with_one_is_left_alone(
    changes: Json, count: int | None, data: Json
) -> None:
    seen = {"instance": PROXIED, "proxy": proxy_wanted(PROXIED, data, KEY), "workload": MADE_WITH_ONE} | changes
    plan = plan_for(observed(**seen), deployment())
    sets = [child.body["spec"] for child in plan.children(VOLUME) if child.kind == STATEFUL_SETS]
    assert [found["replicas"] for found in sets] == ([] if count is None else [count])
    problem = plan.situation.unprovisioned
    assert (problem is None) == (count == 1)
    if problem is not None:
        assert ("The pod is left as it is" in problem.message) == (count is None)
    for found in sets:
        [container] = found["template"]["spec"]["containers"]
        has_proxy = any(item["name"] == "HTTPS_PROXY" for item in container["env"])
        assert has_proxy or "network" not in seen["instance"].spec.model_fields_set, "it would connect directly"
