"""Objects that every cluster needs from the start: rights of our own parts, the DNS service, the storage class."""

from typing import Final

from oxy_dev.cluster import addresses
from oxy_dev.cluster.api import Api, Object
from oxy_dev.cluster.controlplane import COREDNS, KUBELET_CLIENT, PROVISIONER

RBAC: Final = "rbac.authorization.k8s.io"
RBAC_PATH: Final = f"/apis/{RBAC}/v1"


def objects() -> dict[str, Object]:
    """Return the objects by their paths."""
    return {
        f"{RBAC_PATH}/clusterroles/{COREDNS.user}": _dns_role(),
        f"{RBAC_PATH}/clusterrolebindings/{COREDNS.user}": _binding(COREDNS.user, COREDNS.user),
        f"{RBAC_PATH}/clusterrolebindings/{KUBELET_CLIENT.user}": _binding(
            KUBELET_CLIENT.user, "system:kubelet-api-admin"
        ),
        f"{RBAC_PATH}/clusterrolebindings/{PROVISIONER.user}": _binding(
            PROVISIONER.user, "system:persistent-volume-provisioner"
        ),
        f"/apis/storage.k8s.io/v1/storageclasses/{addresses.STORAGE_CLASS}": _storage_class(),
        "/api/v1/namespaces/kube-system/services/kube-dns": _dns_service(),
        "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns": _dns_endpoints(),
    }


def apply(api: Api) -> None:
    """Apply every object."""
    for path, obj in objects().items():
        api.apply(path, obj)


def _dns_role() -> Object:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": COREDNS.user},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ],
    }


def _binding(user: str, role: str) -> Object:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
    }


def _storage_class() -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": addresses.STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": addresses.PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _dns_service() -> Object:
    ports = [{"name": f"dns-{protocol.lower()}", "port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
        "spec": {"clusterIP": addresses.DNS_SERVICE, "ports": ports},
    }


def _dns_endpoints() -> Object:
    """Return the endpoints of the DNS service, by hand: its server is a process of the host, not a pod."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {
                "kubernetes.io/service-name": "kube-dns",
                "endpointslice.kubernetes.io/managed-by": "oxy-cluster",
            },
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [addresses.GATEWAY], "conditions": {"ready": True}, "nodeName": addresses.NODE}],
        "ports": [
            {"name": f"dns-{protocol.lower()}", "port": addresses.DNS_PORT, "protocol": protocol}
            for protocol in ("UDP", "TCP")
        ],
    }
