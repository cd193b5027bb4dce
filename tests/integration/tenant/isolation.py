"""A network namespace from which one cable leads out: a runtime in it reaches what the test offers, and no packet of it
is missed, unless that is said."""

import asyncio
import contextlib
import secrets
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from integration.bus_proxy import BusProxy

ETH_P_ALL = 0x0003
ETH_P_IP = b"\x08\x00"
ETH_P_IPV6 = b"\x86\xdd"
SOL_PACKET = 263
PACKET_STATISTICS = 6
SO_RCVBUFFORCE = 33
"""Source: linux/socket.h, linux/if_packet.h, asm-generic/socket.h."""
BUFFER_BYTES = 8 << 20
"""Of packets that wait to be seen."""


@dataclass
class Cable:
    """The way out of a namespace: everything that leaves it is seen here, whatever it is for."""

    namespace: str
    interface: str
    host: str
    """Address of the near end, where servers of the test may listen."""
    offered: set[int] = field(default_factory=set)
    """Ports at the near end that the runtime is meant to use."""
    elsewhere: list[str] = field(default_factory=list)
    """Where else a packet went: address and port, or the protocol's number; and how many packets were not seen."""
    counted: int = 0
    """Packets to the ports that are offered."""
    look: Callable[[], None] = lambda: None
    """See what has left the namespace up to now."""

    @property
    def inside(self) -> tuple[str, ...]:
        """Begins a command that runs in the namespace."""
        return ("ip", "netns", "exec", self.namespace)

    def see(self, frame: bytes) -> None:
        """Take note of an Ethernet frame that left the namespace."""
        kind, packet = frame[12:14], frame[14:]
        if kind == ETH_P_IPV6:
            self.elsewhere.append("IPv6")
        if kind != ETH_P_IP or len(packet) < 24:  # what else there is (ARP) stays on the cable
            return
        header = (packet[0] & 0x0F) * 4
        address, port = socket.inet_ntoa(packet[16:20]), int.from_bytes(packet[header + 2 : header + 4])
        if packet[9] == socket.IPPROTO_TCP and address == self.host and port in self.offered:
            self.counted += 1
        else:
            self.elsewhere.append(f"{address}:{port} (protocol {packet[9]})")


def ip(*arguments: str) -> None:
    """Run iproute2; fails with its words."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}(needs root and iproute2)"


@contextmanager
def cable() -> Iterator[Cable]:
    """Make a namespace whose only way out, name servers included, is a cable to this test."""
    name = f"oxy{secrets.token_hex(4)}"
    # 198.18.0.0/15 is for tests of networks (RFC 2544): no real network uses it.
    subnet = f"198.{secrets.choice((18, 19))}.{secrets.randbelow(256)}"
    base = secrets.randbelow(64) * 4
    near, far = f"{subnet}.{base + 1}", f"{subnet}.{base + 2}"
    resolver = Path("/etc/netns") / name
    ip("netns", "add", name)
    try:
        resolver.mkdir(parents=True)
        (resolver / "resolv.conf").write_text(f"nameserver {near}\noptions timeout:1 attempts:1\n")
        ip("link", "add", name, "type", "veth", "peer", "name", "out", "netns", name)
        ip("address", "add", f"{near}/30", "dev", name)
        ip("link", "set", name, "up")
        # Neither end announces itself by IPv6, so that a packet of it is one of the runtime's.
        ip("netns", "exec", name, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
        for arguments in (
            ("address", "add", f"{far}/30", "dev", "out"),
            ("link", "set", "lo", "up"),
            ("link", "set", "out", "up"),
            ("route", "add", "default", "via", near),
        ):
            ip("-netns", name, *arguments)
        yield Cable(name, name, near)
    finally:
        ip("netns", "delete", name)
        for file in (resolver / "resolv.conf", resolver):
            with contextlib.suppress(FileNotFoundError):
                file.rmdir() if file.is_dir() else file.unlink()


@asynccontextmanager
async def watched(line: Cable, nats_port: int) -> AsyncIterator[str]:
    """See every packet that leaves the namespace, and offer it a NATS server of this machine; yields its URL there."""
    loop = asyncio.get_running_loop()
    # Without a protocol it sees nothing yet; with one, until it is bound, it would see what passes at any interface.
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sniffer:
        sniffer.setblocking(False)  # noqa: FBT003 the only way to say it
        sniffer.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        sniffer.bind((line.interface, ETH_P_ALL))

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    frame, (_, _, direction, *_) = sniffer.recvfrom(65_536)
                    if direction != socket.PACKET_OUTGOING:
                        line.see(frame)

        def look() -> None:
            read()
            # Since the last look: the kernel counts anew with each.
            _, dropped = struct.unpack("II", sniffer.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
            if dropped:
                line.elsewhere.append(f"{dropped} packets that were not seen")

        line.look = look
        loop.add_reader(sniffer, read)
        proxy = BusProxy(nats_port)
        server = await asyncio.start_server(proxy.serve, line.host, 0)
        port = server.sockets[0].getsockname()[1]
        line.offered.add(port)
        try:
            yield f"nats://{line.host}:{port}"
        finally:
            loop.remove_reader(sniffer)
            server.close()
            for client in proxy.clients:
                client.close()
