"""The control plane: etcd, the API server, the controller manager and the scheduler."""

from pathlib import Path
from typing import Final

from oxy_dev.cluster import addresses, kubeconfig
from oxy_dev.cluster.addresses import LOOPBACK
from oxy_dev.cluster.api import Api
from oxy_dev.cluster.binary import KubeBinary
from oxy_dev.cluster.certificates import Authority, Identity, KeyPair, signing_key
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.network import host_address
from oxy_dev.cluster.processes import Spec

# Users of the API, by the name of their certificate. RBAC has roles for those that Kubernetes knows; the add-ons bind
# the others.
ADMIN: Final = Identity("oxy:admin", groups=("system:masters",))
KUBELET_CLIENT: Final = Identity("oxy:kube-apiserver")
COREDNS: Final = Identity("oxy:coredns")
PROVISIONER: Final = Identity("oxy:volume-provisioner")
CLIENTS: Final = {
    "admin": ADMIN,
    "apiserver-kubelet-client": KUBELET_CLIENT,
    "controller-manager": Identity("system:kube-controller-manager"),
    "scheduler": Identity("system:kube-scheduler"),
    "kube-proxy": Identity("system:kube-proxy"),
    "coredns": COREDNS,
    "provisioner": PROVISIONER,
    "kubelet": Identity(
        f"system:node:{addresses.NODE}", groups=("system:nodes",), hosts=(addresses.NODE, addresses.GATEWAY)
    ),
}
ISSUER: Final = f"https://kubernetes.default.svc.{addresses.DNS_DOMAIN}"


def api_hosts(host: str | None) -> tuple[str, ...]:
    """Return every name and address by which the API server is reached, ``host`` being the machine's own address."""
    service = "kubernetes.default.svc"
    names = ("localhost", "kubernetes", "kubernetes.default", service, f"{service}.{addresses.DNS_DOMAIN}")
    return (*names, LOOPBACK, addresses.GATEWAY, addresses.API_SERVICE, *([host] if host else []))


def make_certificates(layout: Layout) -> None:
    """Make the authorities, every certificate and every kubeconfig, unless they are there."""
    if layout.pki.exists():
        return
    partial = Layout(layout.root / "pki.partial")
    partial.root.mkdir(mode=0o700, exist_ok=True)
    cluster, etcd = Authority.create("oxy"), Authority.create("oxy-etcd")
    cluster.pair.write(partial.root, "ca")
    etcd.pair.write(partial.root, "etcd-ca")
    etcd.issue(Identity("etcd", hosts=(LOOPBACK, "localhost"))).write(partial.root, "etcd")
    etcd.issue(Identity("kube-apiserver")).write(partial.root, "apiserver-etcd-client")
    cluster.issue(Identity("kube-apiserver", hosts=api_hosts(host_address()))).write(partial.root, "apiserver")
    signing_key().write(partial.root, "service-account")
    for name, identity in CLIENTS.items():
        _write_client(partial, name, cluster, cluster.issue(identity))
    partial.root.rename(layout.pki)


def _write_client(partial: Layout, name: str, authority: Authority, pair: KeyPair) -> None:
    pair.write(partial.root, name)
    path = partial.root / f"{name}.kubeconfig"
    kubeconfig.write(path, addresses.API_URL, authority.pair.certificate, pair)


def client(layout: Layout, name: str = "admin") -> Api:
    """Return a client of the API server for one of `CLIENTS`."""
    return Api.with_certificate(
        addresses.API_URL, layout.pki / "ca.crt", layout.pki / f"{name}.crt", layout.pki / f"{name}.key"
    )


def etcd(kube: KubeBinary, layout: Layout) -> Spec:
    """Return how etcd is run: TLS for clients and itself, with an authority of its own."""
    pki = layout.pki
    url, peer = (f"https://{LOOPBACK}:{port}" for port in (addresses.ETCD_PORT, addresses.ETCD_PEER_PORT))
    flags = [
        f"--data-dir={layout.etcd}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        *_tls_flags(pki / "etcd", prefix=""),
        *_tls_flags(pki / "etcd", prefix="peer-"),
        "--log-level=warn",
    ]
    return Spec("etcd", (str(kube.tool("etcd")), *flags))


def apiserver(kube: KubeBinary, layout: Layout) -> Spec:
    """Return how the API server is run."""
    pki = layout.pki
    flags = [
        f"--etcd-servers=https://{LOOPBACK}:{addresses.ETCD_PORT}",
        f"--etcd-cafile={pki / 'etcd-ca.crt'}",
        f"--etcd-certfile={pki / 'apiserver-etcd-client.crt'}",
        f"--etcd-keyfile={pki / 'apiserver-etcd-client.key'}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={addresses.GATEWAY}",
        f"--secure-port={addresses.API_PORT}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={pki / 'service-account.crt'}",
        f"--service-account-signing-key-file={pki / 'service-account.key'}",
        f"--service-cluster-ip-range={addresses.SERVICE_NETWORK}",
        "--allow-privileged=true",
    ]
    return Spec("kube-apiserver", (str(kube.tool("kube-apiserver")), *flags))


def controller_manager(kube: KubeBinary, layout: Layout) -> Spec:
    """Return how the controller manager is run: each controller with a service account and rights of its own."""
    config = layout.pki / "controller-manager.kubeconfig"
    flags = [
        f"--kubeconfig={config}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={layout.pki / 'service-account.key'}",
        f"--root-ca-file={layout.pki / 'ca.crt'}",
        "--leader-elect=false",
        "--allocate-node-cidrs=false",
        f"--flex-volume-plugin-dir={layout.kubelet / 'volume-plugins'}",
        "--secure-port=0",
    ]
    return Spec("kube-controller-manager", (str(kube.tool("kube-controller-manager")), *flags))


def scheduler(kube: KubeBinary, layout: Layout) -> Spec:
    """Return how the scheduler is run."""
    config = layout.pki / "scheduler.kubeconfig"
    flags = [f"--kubeconfig={config}", "--leader-elect=false", "--secure-port=0"]
    return Spec("kube-scheduler", (str(kube.tool("kube-scheduler")), *flags))


def _tls_flags(pair: Path, prefix: str) -> list[str]:
    return [
        f"--{prefix}cert-file={pair}.crt",
        f"--{prefix}key-file={pair}.key",
        f"--{prefix}client-cert-auth",
        f"--{prefix}trusted-ca-file={pair}-ca.crt",
    ]
