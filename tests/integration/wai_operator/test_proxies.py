"""The Secret with an instance's proxy: no pod without a usable one, and a new pod for a new one."""

from base64 import b64encode

from integration.wai_operator.model_keys import until_condition
from integration.wai_operator.scene import Object, Scene, condition, eventually, merge_patch

PROXIED = {"proxySecretRef": {"name": "proxy"}}


def secret(scene: Scene, called: str = "proxy", **values: str) -> None:
    data = {name: b64encode(value.encode()).decode() for name, value in values.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": called}, "data": data}
    scene.api.create(scene.path("secret"), body)


def change(scene: Scene, called: str = "proxy", **patch: Object) -> None:
    merge_patch(scene.api, scene.path("secret", called), patch)


def in_use(found: Object) -> str | None:
    """The digest of the proxy that the pod is made with."""
    annotations: Object = found["spec"]["template"]["metadata"]["annotations"]
    return annotations.get("oxy.dev/proxy")


def replicas(found: Object) -> int:
    return int(found["spec"]["replicas"])


def environment(found: Object) -> Object:
    """Where the pod gets each variable from."""
    [container] = found["spec"]["template"]["spec"]["containers"]
    return {item["name"]: item.get("valueFrom") for item in container["env"]}


async def until_message(scene: Scene, part: str) -> str:
    """Wait until Provisioned says something, and return all that it says."""
    found = await scene.until_status(lambda found: part in condition(found, "Provisioned").get("message", ""))
    return str(condition(found, "Provisioned")["message"])


async def test_no_pod_is_started_without_a_usable_proxy(scene: Scene) -> None:
    scene.create(network=PROXIED)
    shown = condition(await scene.until_phase("Failed", "ProxySecretMissing"), "Ready")["message"]
    assert f"Secret proxy in namespace {scene.namespace} does not exist" in shown
    await scene.until_child("statefulset", lambda found: replicas(found) == 0)
    secret(scene, other="x")
    await scene.until_phase("Failed", "ProxyUrlMissing")
    change(scene, stringData={"url": "shop:hush@:1"})
    await scene.until_phase("Failed", "ProxyUrlUnusable")
    assert replicas(scene.child("statefulset") or {}) == 0
    change(scene, stringData={"url": "socks5://shop:hush@proxy"})
    found = await scene.until_child("statefulset", lambda found: replicas(found) == 1 and in_use(found))
    assert "hush" not in str(found) + str(scene.status()) + scene.operator.log()
    await until_condition(scene, "Provisioned", "True", "Applied")


async def test_a_new_proxy_replaces_the_pod_and_a_lost_one_does_not(scene: Scene) -> None:
    secret(scene, url="http://shop:one@proxy:3128")
    scene.create(network=PROXIED)
    first = in_use(await scene.until_child("statefulset", in_use))
    scene.start_pod(ready=True)
    await scene.until_phase("Connected", "Connected")
    change(scene, metadata={"labels": {"team": "network"}})
    change(scene, stringData={"url": "http://shop:two@proxy:3128"})
    second = in_use(await scene.until_child("statefulset", lambda found: in_use(found) != first))
    generation = (scene.child("statefulset") or {})["metadata"]["generation"]
    assert generation == 2  # the label replaced nothing
    scene.api.delete(scene.path("secret", "proxy"))
    await until_condition(scene, "Provisioned", "False", "ProxySecretMissing")
    assert condition(scene.status(), "Ready")["status"] == "True"
    found = scene.child("statefulset") or {}
    assert (replicas(found), in_use(found)) == (1, second)
    # Nor does whatever else changes meanwhile, of the pod too, nor another Secret that is no better.
    scene.edit({"spec": {"displayName": "Outro nome", "runtime": {"image": "registry.example/tenant:2"}}})
    await eventually(lambda: scene.status()["observedGeneration"] == 2, "the change is reconciled")
    scene.edit({"spec": {"network": {"proxySecretRef": {"name": "new"}}}})
    shown = await until_message(scene, f"Secret new in namespace {scene.namespace} does not exist")
    assert "The pod is left as it is, with the proxy that it was made with" in shown
    secret(scene, "new", url="ftp://shop:two@proxy:3128")
    await until_condition(scene, "Provisioned", "False", "ProxyUrlUnusable")
    kept = scene.child("statefulset") or {}
    assert kept["metadata"]["generation"] == generation
    assert (replicas(kept), in_use(kept)) == (1, second)
    assert condition(scene.status(), "Ready")["status"] == "True"
    # The pod is a new one as soon as there is a proxy that it can use, and also if there is to be none.
    change(scene, "new", stringData={"url": "http://shop:two@proxy:3128"})
    found = await scene.until_child("statefulset", lambda found: found["metadata"]["generation"] > generation)
    assert (in_use(found), environment(found)["HTTPS_PROXY"]["secretKeyRef"]["name"]) == (second, "new")
    await until_condition(scene, "Provisioned", "True", "Applied")
    scene.edit({"spec": {"network": {"proxySecretRef": None}}})
    found = await scene.until_child("statefulset", lambda found: in_use(found) is None and replicas(found) == 1)
    assert "HTTPS_PROXY" not in environment(found)


async def test_an_instance_that_gets_a_proxy_it_cannot_use_no_longer_connects_directly(scene: Scene) -> None:
    scene.create()
    await scene.until_child("statefulset", lambda found: replicas(found) == 1)
    scene.edit({"spec": {"network": PROXIED}})
    await scene.until_child("statefulset", lambda found: replicas(found) == 0)
    await scene.until_phase("Failed", "ProxySecretMissing")
