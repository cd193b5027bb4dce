"""Which endpoints of models an instance may name: public ones, and those that the platform admin lists.

The operator judges what is certain from a URL alone. The workers judge the address that they connect to, because a name
may lead anywhere, and elsewhere a moment later.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from oxy_core.errors import SettingsError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses that a gateway translates into the IPv4 address in their last 32 bits (RFC 6052)."""

_INSIDE: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments, with the metadata of Oracle's cloud (RFC 6890)
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
        "168.63.129.16/32",  # the host of a virtual machine in Azure, with its metadata
        "64:ff9b:1::/48",  # private NAT64 (RFC 8215)
        "3fff::/20",  # documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
    )
)
"""What Python takes for public, or took in some of its versions, and is not."""

_IPV4: Final = 0xFFFFFFFF

_PLACE: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")


def is_public(address: IpAddress) -> bool:
    """Whether an address is one of the Internet's: neither private, loopback, link-local, multicast nor reserved."""
    plain = _plain(address)
    unusual = plain.is_multicast or plain.is_reserved or plain.is_unspecified or getattr(plain, "is_site_local", False)
    return plain.is_global and not unusual and not any(plain in network for network in _INSIDE)


def _plain(address: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv6 address stands for, if it stands for one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _IPV4)
    return address.ipv4_mapped or address.sixtofour or address


@dataclass(frozen=True, slots=True)
class AllowedEndpoints:
    """What the platform admin allows beside public addresses."""

    hosts: frozenset[str] = frozenset()
    """Names and addresses, on any port."""
    places: frozenset[tuple[str, int]] = frozenset()
    """The same, on one port each."""
    networks: tuple[IpNetwork, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read hosts, ``host:port`` and networks (CIDR), separated by commas or spaces; raises SettingsError."""
        entries = [entry for entry in re.split(r"[\s,]+", text.lower()) if entry]
        networks = [entry for entry in entries if "/" in entry]
        named = [_place(entry) for entry in entries if "/" not in entry]
        return cls(
            frozenset(host for host, port in named if port is None),
            frozenset((host, port) for host, port in named if port is not None),
            tuple(_networks(networks)),
        )

    def names(self, host: str, port: int) -> bool:
        """Whether a host is listed by its name, or written as an address that is listed or in a listed network."""
        name = _normal(host)
        if name in self.hosts or (name, port) in self.places:
            return True
        address = address_of(name)
        return address is not None and self._covers(address)

    def permits(self, host: str, port: int, address: str) -> bool:
        """Whether a connection to `address` is allowed, which is where the name `host` leads."""
        if self.names(host, port) or self.names(address, port):
            return True
        found = address_of(address)
        return found is not None and is_public(found)

    def _covers(self, address: IpAddress) -> bool:
        plain = _plain(address)
        return any(one in network for network in self.networks for one in (address, plain))


def address_of(host: str) -> IpAddress | None:
    """Return the address that a URL's host is, with or without the brackets of IPv6; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _normal(host: str) -> str:
    """Return one form for a host, however it is written."""
    address = address_of(host)
    return host.lower().rstrip(".") if address is None else str(address)


def _place(entry: str) -> tuple[str, int | None]:
    if address_of(entry) is not None:
        return _normal(entry), None
    found = _PLACE.fullmatch(entry)
    if found is None:
        message = f"OXY_ALLOWED_ENDPOINTS: {entry} is no host, host:port or network; for example 10.0.0.0/8"
        raise SettingsError(message)
    return _normal(found["host"]), int(found["port"]) if found["port"] else None


def _networks(entries: Iterable[str]) -> Iterable[IpNetwork]:
    for entry in entries:
        try:
            yield ipaddress.ip_network(entry)
        except ValueError as error:
            message = f"OXY_ALLOWED_ENDPOINTS: {entry} is no network ({error}); for example 10.0.0.0/8"
            raise SettingsError(message) from error
