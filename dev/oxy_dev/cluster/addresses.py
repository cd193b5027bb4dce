"""Names, networks and ports of the cluster. Ports differ from Kubernetes' own, so that both may be on one machine."""

from typing import Final

NODE: Final = "oxy"
BRIDGE: Final = "oxy0"
POD_NETWORK: Final = "10.244.0.0/24"
GATEWAY: Final = "10.244.0.1"
"""The bridge's address: the pods' gateway and the node's address, the same on every machine and in every network."""
GATEWAY_PREFIX: Final = 24
GATEWAY_MAC: Final = "0a:58:0a:f4:00:01"
"""A fixed hardware address keeps the pods' neighbour tables right when ports join and leave the bridge."""
SERVICE_NETWORK: Final = "10.96.0.0/16"
API_SERVICE: Final = "10.96.0.1"
"""The first address of the service network is that of Service `kubernetes`, by convention."""
DNS_SERVICE: Final = "10.96.0.10"
DNS_DOMAIN: Final = "cluster.local"
LOOPBACK: Final = "127.0.0.1"

API_PORT: Final = 16443
ETCD_PORT: Final = 12379
ETCD_PEER_PORT: Final = 12380
KUBELET_PORT: Final = 20250
KUBELET_HEALTH_PORT: Final = 20248
PROXY_METRICS_PORT: Final = 20249
PROXY_HEALTH_PORT: Final = 20256
DNS_PORT: Final = 20053
DNS_READY_PORT: Final = 20054

PORTS: Final = {
    API_PORT: "kube-apiserver",
    ETCD_PORT: "etcd",
    ETCD_PEER_PORT: "etcd",
    KUBELET_PORT: "kubelet",
    KUBELET_HEALTH_PORT: "kubelet",
    PROXY_METRICS_PORT: "kube-proxy",
    PROXY_HEALTH_PORT: "kube-proxy",
    DNS_PORT: "coredns",
    DNS_READY_PORT: "coredns",
}
"""Each port that must be free, by what uses it."""
API_URL: Final = f"https://{LOOPBACK}:{API_PORT}"
PAUSE_IMAGE: Final = "localhost/pause:1"
STORAGE_CLASS: Final = "local"
PROVISIONER: Final = "oxy.dev/local"
