import base64
import ipaddress
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from oxy_dev.cluster import kubeconfig
from oxy_dev.cluster.certificates import LIFETIME, Authority, Identity

SERVER = Identity("kube-apiserver", hosts=("kubernetes.default.svc", "10.96.0.1"))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("test")


def load(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


@pytest.mark.parametrize(
    "subject", [x509.DNSName("kubernetes.default.svc"), x509.IPAddress(ipaddress.ip_address("10.96.0.1"))]
)
def test_a_servers_certificate_is_good_for_each_of_its_hosts(
    authority: Authority, subject: x509.DNSName | x509.IPAddress
) -> None:
    leaf = load(authority.issue(SERVER).certificate)
    store = Store([load(authority.pair.certificate)])
    PolicyBuilder().store(store).build_server_verifier(subject).verify(leaf, [])


def test_it_is_good_for_no_other(authority: Authority) -> None:
    leaf = load(authority.issue(SERVER).certificate)
    verifier = (
        PolicyBuilder().store(Store([load(authority.pair.certificate)])).build_server_verifier(x509.DNSName("evil"))
    )
    with pytest.raises(VerificationError):
        verifier.verify(leaf, [])


def test_a_clients_certificate_says_user_and_groups(authority: Authority) -> None:
    subject = load(authority.issue(Identity("oxy:admin", groups=("system:masters",))).certificate).subject
    assert subject.rfc4514_string() == "CN=oxy:admin,O=system:masters"


def test_a_client_cannot_pose_as_a_server(authority: Authority) -> None:
    leaf = load(authority.issue(Identity("oxy:admin")).certificate)
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert x509.oid.ExtendedKeyUsageOID.SERVER_AUTH not in usage


def test_a_clock_that_is_a_little_behind_is_tolerated(authority: Authority) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    leaf = load(authority.issue(SERVER, now).certificate)
    assert leaf.not_valid_before_utc < now - timedelta(minutes=30)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == LIFETIME


def test_written_keys_are_private_and_fit_their_certificates(authority: Authority, tmp_path: Path) -> None:
    authority.issue(SERVER).write(tmp_path, "server")
    assert (tmp_path / "server.key").stat().st_mode & 0o777 == 0o600
    ssl.create_default_context().load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")


def test_a_kubeconfig_carries_everything_in_itself(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue(Identity("oxy:admin"))
    path = tmp_path / "kubeconfig"
    kubeconfig.write(path, "https://127.0.0.1:16443", authority.pair.certificate, pair)
    document = json.loads(path.read_text())
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:16443"
    assert base64.b64decode(document["users"][0]["user"]["client-key-data"]) == pair.key
    assert path.stat().st_mode & 0o777 == 0o600
