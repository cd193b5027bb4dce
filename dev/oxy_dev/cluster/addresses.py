"""Names, networks and ports of the cluster. Ports differ from Kubernetes' own, so that both may be on one machine."""

NODE = "oxy"
BRIDGE = "oxy0"
POD_NETWORK = "10.244.0.0/24"
#: The bridge's own address: the pods' gateway and the node's address, the same on every machine and in every network.
GATEWAY = "10.244.0.1"
GATEWAY_PREFIX = 24
#: A fixed hardware address keeps the pods' neighbour tables right when ports join and leave the bridge.
GATEWAY_MAC = "0a:58:0a:f4:00:01"
SERVICE_NETWORK = "10.96.0.0/16"
#: The first address of the service network is that of Service ``kubernetes``, by convention.
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
DNS_DOMAIN = "cluster.local"
LOOPBACK = "127.0.0.1"

API_PORT = 16443
ETCD_PORT = 12379
ETCD_PEER_PORT = 12380
KUBELET_PORT = 20250
KUBELET_HEALTH_PORT = 20248
PROXY_METRICS_PORT = 20249
PROXY_HEALTH_PORT = 20256
DNS_PORT = 20053
DNS_READY_PORT = 20054

#: Each port that must be free, by what uses it.
PORTS = {
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
API_URL = f"https://{LOOPBACK}:{API_PORT}"
PAUSE_IMAGE = "localhost/pause:1"
STORAGE_CLASS = "local"
PROVISIONER = "oxy.dev/local"
