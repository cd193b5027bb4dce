"""The node: containerd, the kubelet, kube-proxy and the cluster's DNS server, with their configuration files."""

import json
import re
from pathlib import Path
from typing import Any, Final

from oxy_dev.cluster import addresses
from oxy_dev.cluster.api import Api
from oxy_dev.cluster.binary import KubeBinary
from oxy_dev.cluster.files import write_if_changed
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.network import CNI_PLUGINS
from oxy_dev.cluster.processes import Spec

RESOLV_CONF: Final = Path("/etc/resolv.conf")
"""What a DNS client on the machine itself reads; systemd-resolved keeps the real servers in the second."""
RESOLVED_CONF: Final = Path("/run/systemd/resolve/resolv.conf")


def containerd_config(layout: Layout, snapshotter: str) -> str:
    """Return containerd's configuration: everything under the cluster's folder, so that no other one is touched.

    Lowering an OOM score and loading an AppArmor profile need rights that not every machine gives.
    """
    return f"""version = 2
root = "{layout.containerd}"
state = "{layout.run}/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "{layout.containerd_socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{layout.containerd}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{addresses.PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{layout.config}/cni"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{layout.runc}"
        SystemdCgroup = false
"""


def kubelet_config(layout: Layout, resolv_conf: str) -> dict[str, Any]:
    """Return the kubelet's configuration.

    It manages no control groups above those of the containers and expects no right to change the host, so that it also
    runs where CAP_SYS_RESOURCE is missing, with control groups of version 1 and 2. Images are loaded by hand and must
    never be collected.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": addresses.GATEWAY,
        "port": addresses.KUBELET_PORT,
        "healthzBindAddress": addresses.LOOPBACK,
        "healthzPort": addresses.KUBELET_HEALTH_PORT,
        "tlsCertFile": str(layout.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(layout.pki / "kubelet.key"),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "clusterDNS": [addresses.DNS_SERVICE],
        "clusterDomain": addresses.DNS_DOMAIN,
        "resolvConf": resolv_conf,
        "podLogsDir": str(layout.pod_logs),
        "volumePluginDir": str(layout.kubelet / "volume-plugins"),
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "oomScoreAdj": 0,
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        # An image that was loaded by one name and pulled by another would be pulled again by the first, which no
        # registry has.
        "imagePullCredentialsVerificationPolicy": "NeverVerify",
        "featureGates": {"KubeletInUserNamespace": True},
    }


def proxy_config(layout: Layout) -> dict[str, Any]:
    """Return kube-proxy's configuration: nftables, and no change of connection-tracking settings."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": addresses.NODE,
        "clientConnection": {"kubeconfig": str(layout.pki / "kube-proxy.kubeconfig")},
        "clusterCIDR": addresses.POD_NETWORK,
        "metricsBindAddress": f"{addresses.LOOPBACK}:{addresses.PROXY_METRICS_PORT}",
        "healthzBindAddress": f"{addresses.LOOPBACK}:{addresses.PROXY_HEALTH_PORT}",
        "oomScoreAdj": 0,
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }


def corefile(layout: Layout, resolv_conf: Path) -> str:
    """Return the DNS server's configuration.

    Names of the cluster are never cached, so that a new service is found at once; others are asked of the machine's
    own servers, if it has any.
    """
    servers = has_nameserver(resolv_conf.read_text()) if resolv_conf.exists() else False
    forward = f"forward . {resolv_conf}" if servers else ""
    return f""".:{addresses.DNS_PORT} {{
    bind {addresses.GATEWAY}
    errors
    ready {addresses.GATEWAY}:{addresses.DNS_READY_PORT}
    kubernetes {addresses.DNS_DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {layout.pki / "coredns.kubeconfig"}
        ttl 5
        fallthrough in-addr.arpa ip6.arpa
    }}
    cache 30 {{
        disable success {addresses.DNS_DOMAIN}
        disable denial {addresses.DNS_DOMAIN}
    }}
    {forward}
}}
"""


def has_nameserver(text: str) -> bool:
    """Tell whether the text of a ``resolv.conf`` names a server."""
    return re.search(r"^\s*nameserver\s+\S", text, flags=re.MULTILINE) is not None


def write_configs(layout: Layout, snapshotter: str) -> None:
    """Write every configuration file of the node."""
    layout.config.mkdir(exist_ok=True)
    resolv_conf = next((path for path in (RESOLVED_CONF, RESOLV_CONF) if path.exists()), None)
    kubelet = kubelet_config(layout, str(resolv_conf or ""))
    write_if_changed(layout.config / "containerd.toml", containerd_config(layout, snapshotter))
    write_if_changed(layout.config / "kubelet.json", json.dumps(kubelet, indent=2))
    write_if_changed(layout.config / "kube-proxy.json", json.dumps(proxy_config(layout), indent=2))
    write_if_changed(layout.config / "Corefile", corefile(layout, RESOLV_CONF))


def containerd(layout: Layout, environment: dict[str, str]) -> Spec:
    """Return how containerd is run; ``environment`` holds the proxy by which it pulls images, if there is one."""
    config = layout.config / "containerd.toml"
    return Spec("containerd", ("containerd", f"--config={config}"), (config,), environment)


def kubelet(kube: KubeBinary, layout: Layout) -> Spec:
    """Return how the kubelet is run."""
    config = layout.config / "kubelet.json"
    flags = [
        f"--config={config}",
        f"--kubeconfig={layout.pki / 'kubelet.kubeconfig'}",
        f"--root-dir={layout.kubelet}",
        f"--cert-dir={layout.kubelet / 'pki'}",
        f"--hostname-override={addresses.NODE}",
        f"--node-ip={addresses.GATEWAY}",
    ]
    return Spec("kubelet", (str(kube.tool("kubelet")), *flags), (config,))


def kube_proxy(kube: KubeBinary, layout: Layout) -> Spec:
    """Return how kube-proxy is run."""
    config = layout.config / "kube-proxy.json"
    return Spec("kube-proxy", (str(kube.tool("kube-proxy")), f"--config={config}"), (config,))


def coredns(kube: KubeBinary, layout: Layout) -> Spec:
    """Return how the DNS server is run: a process of the host, so that it needs no image and no pod."""
    config = layout.config / "Corefile"
    return Spec("coredns", (str(kube.tool("coredns")), "-conf", str(config)), (config,))


def proxy_environment(environment: dict[str, str]) -> dict[str, str]:
    """Return the machine's proxy variables for containerd alone, with the cluster's own networks excepted."""
    chosen = {name: value for name, value in environment.items() if name.upper() in ("HTTP_PROXY", "HTTPS_PROXY")}
    if not chosen:
        return {}
    given = environment.get("NO_PROXY") or environment.get("no_proxy")
    inside = (addresses.POD_NETWORK, addresses.SERVICE_NETWORK, addresses.LOOPBACK, f".{addresses.DNS_DOMAIN}", ".svc")
    return {**chosen, "NO_PROXY": ",".join([*([given] if given else []), *inside])}


def is_ready(api: Api) -> bool:
    """Tell whether the node is Ready."""
    nodes = api.get("/api/v1/nodes")["items"]
    conditions = [condition for node in nodes for condition in node["status"].get("conditions", [])]
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
