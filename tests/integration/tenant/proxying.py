"""Proxies before the simulated WhatsApp that follow each other at one port, and one that speaks TLS."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from integration.bus_proxy import BusProxy

from oxy_simulator.proxies import Listener
from oxy_simulator.proxy_protocol import ProxyPolicy
from oxy_simulator.testing import WhatsApp


@dataclass
class Place:
    """A port where a proxy listens, or none."""

    simulator: WhatsApp
    host: str
    port: int
    listener: Listener | None = None

    async def put(self, policy: ProxyPolicy) -> Listener:
        """Listen with this policy instead of the one before."""
        self.clear()
        self.listener = await self.simulator.service.proxies.listen(policy, self.host, self.port)
        return self.listener

    def clear(self) -> None:
        """Stop listening."""
        if self.listener is not None:
            self.simulator.service.proxies.close(self.listener.id)
        self.listener = None


@asynccontextmanager
async def behind_tls(target: int, host: str, authorities: Path) -> AsyncIterator[int]:
    """Serve TLS at a free port of `host`, which it yields, before a port of this machine.

    Clients that trust `authorities` trust it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = authorities.with_name("proxy.pem")
    certificate, key = _certificate(host)
    pem.write_bytes(certificate + key)
    context.load_cert_chain(pem)
    with authorities.open("ab") as file:
        file.write(certificate)
    proxy = BusProxy(target)
    server = await asyncio.start_server(proxy.serve, host, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for client in proxy.clients:
            client.close()


def _certificate(address: str) -> tuple[bytes, bytes]:
    """Return a certificate that certifies itself, and its key, as PEM."""
    now, key = dt.datetime.now(dt.UTC), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "proxy")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), private
