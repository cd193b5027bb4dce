"""The pods' network on the host: a bridge, one nftables table, a route to the services, the CNI configuration."""

import ipaddress
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from oxy_dev.cluster import addresses
from oxy_dev.cluster.files import write_if_changed
from oxy_dev.cluster.host import CNI_RESULTS
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.shell import run, succeeds

TABLE: Final = ("ip", "oxy")
"""Our own nftables table."""
PROXY_TABLES: Final = (("ip", "kube-proxy"), ("ip6", "kube-proxy"))
"""kube-proxy makes one in each address family."""
CNI_PLUGINS: Final = Path("/usr/lib/cni")
CNI_VERSION: Final = "0.4.0"
INTERFACES: Final = Path("/sys/class/net")
"""Where the kernel has a folder for each network interface."""
FORWARD_RULES: Final = (
    ("-i", addresses.BRIDGE, "-m", "comment", "--comment", "oxy", "-j", "ACCEPT"),
    ("-o", addresses.BRIDGE, "-m", "comment", "--comment", "oxy", "-j", "ACCEPT"),
)


def ruleset() -> str:
    """Return our nftables table, in a form that replaces an earlier one in one transaction.

    * Pods reach the world with the host's address.
    * A connection to a service whose pod is on the same bridge gets the host's address too: otherwise the answer would
      cross the bridge without passing the host, which alone can translate it back.
    * Only the machine itself and its pods reach the API server and the kubelet, whatever addresses these listen on.
    """
    pods, bridge = addresses.POD_NETWORK, addresses.BRIDGE
    name = " ".join(TABLE)
    return f"""
add table {name}
delete table {name}
table {name} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat - 5; policy accept;
    ip saddr {pods} ip daddr != {pods} oifname != "{bridge}" masquerade
    ip saddr {pods} ip daddr {pods} ct status dnat masquerade
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname != {{ "lo", "{bridge}" }} tcp dport {{ {addresses.API_PORT}, {addresses.KUBELET_PORT} }} drop
  }}
}}
"""


def cni_config(layout: Layout, mtu: int) -> str:
    """Return the CNI configuration: a bridge whose addresses are given out from files in the cluster's folder."""
    bridge = {
        "type": "bridge",
        "bridge": addresses.BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "mtu": mtu,
        "ipam": {
            "type": "host-local",
            "dataDir": str(layout.addresses),
            "ranges": [[{"subnet": addresses.POD_NETWORK, "gateway": addresses.GATEWAY}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return json.dumps({"cniVersion": CNI_VERSION, "name": "oxy", "plugins": [bridge, portmap]}, indent=2)


def set_up(layout: Layout) -> None:
    """Make the bridge, the table, the route and the CNI configuration; what is there is left or replaced."""
    mtu = uplink_mtu(Path("/proc/net/route").read_text())
    _make_bridge(mtu)
    _attach_pods()
    run(["nft", "-f", "-"], stdin=ruleset())
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    if _forwarding_is_refused():
        _set_forward_rules()
    folder = layout.config / "cni"
    folder.mkdir(parents=True, exist_ok=True)
    write_if_changed(folder / "10-oxy.conflist", cni_config(layout, mtu))


def services_are_translated() -> bool:
    """Tell whether kube-proxy's table is there; it makes it when it starts, and never looks again."""
    return succeeds(["nft", "list", "table", *PROXY_TABLES[0]])


def tear_down() -> None:
    """Remove all of it, and what kube-proxy and the CNI plugins made."""
    for family, name in (TABLE, *PROXY_TABLES):
        succeeds(["nft", "delete", "table", family, name])
    for port in _bridge_ports():
        succeeds(["ip", "link", "delete", port])
    succeeds(["ip", "link", "delete", addresses.BRIDGE])
    _remove_iptables_rules()


def host_address() -> str | None:
    """Return the address by which the machine reaches the world; ``None`` when it reaches no other machine."""
    with suppress(Exception):
        found = re.search(r"\bsrc (\S+)", run(["ip", "-4", "route", "get", "192.0.2.1"]))
        return found[1] if found else None
    return None


def uplink_mtu(routes: str, default: int = 1500) -> int:
    """Return the largest packet, in bytes, that the interface of the default route takes."""
    for line in routes.splitlines()[1:]:
        interface, destination, *_ = line.split()
        if destination == "00000000":
            with suppress(OSError):
                return int((INTERFACES / interface / "mtu").read_text())
    return default


def overlapping_routes(routes: str, networks: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return ``(network, interface)`` of the routes in ``/proc/net/route`` that overlap one of ``networks``.

    The default route and those of our own bridge do not count.
    """
    wanted = [ipaddress.IPv4Network(network) for network in networks]
    found = []
    for line in routes.splitlines()[1:]:
        fields = line.split()
        network = ipaddress.IPv4Network((_address(fields[1]), str(_address(fields[7]))))
        if network.prefixlen and fields[0] != addresses.BRIDGE and any(map(network.overlaps, wanted)):
            found.append((str(network), fields[0]))
    return found


def _address(field: str) -> str:
    """Read an address as the kernel writes it: hexadecimal, in the byte order of the machine (little-endian)."""
    return str(ipaddress.IPv4Address(bytes.fromhex(field)[::-1]))


def _make_bridge(mtu: int) -> None:
    bridge = addresses.BRIDGE
    if not succeeds(["ip", "link", "show", bridge]):
        run(["ip", "link", "add", bridge, "address", addresses.GATEWAY_MAC, "mtu", str(mtu), "type", "bridge"])
    run(["ip", "address", "replace", f"{addresses.GATEWAY}/{addresses.GATEWAY_PREFIX}", "dev", bridge])
    run(["ip", "link", "set", bridge, "up"])
    # The machine itself reaches services also where it has no default route.
    run(["ip", "route", "replace", addresses.SERVICE_NETWORK, "dev", bridge])


def host_interfaces(remembered: str) -> list[str]:
    """Return the host's ends of a pod's attachment, from what libcni remembers of it as JSON."""
    interfaces = json.loads(remembered).get("result", {}).get("interfaces", [])
    return [item["name"] for item in interfaces if not item.get("sandbox") and item["name"] != addresses.BRIDGE]


def _attach_pods() -> None:
    """Put running pods back on the bridge: somebody may have removed it under them, and this one is new."""
    attached = _bridge_ports()
    for path in CNI_RESULTS.glob("oxy-*"):
        # A result that was being written when the machine lost its power is of no pod that runs.
        with suppress(OSError, ValueError, KeyError):
            for name in host_interfaces(path.read_text()):
                if name not in attached and (INTERFACES / name).exists():
                    run(["ip", "link", "set", name, "master", addresses.BRIDGE])
                    run(["ip", "link", "set", name, "type", "bridge_slave", "hairpin", "on"])


def _bridge_ports() -> list[str]:
    return [path.name for path in (INTERFACES / addresses.BRIDGE / "brif").glob("*")]


def _forwarding_is_refused() -> bool:
    """Tell whether another program (Docker does it) made the host refuse to forward what no rule of its own allows."""
    with suppress(Exception):
        return "-P FORWARD DROP" in run(["iptables", "-S", "FORWARD"])
    return False


def _set_forward_rules() -> None:
    for rule in FORWARD_RULES:
        if not succeeds(["iptables", "-C", "FORWARD", *rule]):
            run(["iptables", "-I", "FORWARD", *rule])


def _remove_iptables_rules() -> None:
    for rule in FORWARD_RULES:
        while succeeds(["iptables", "-D", "FORWARD", *rule]):
            pass
