"""Measures the operator with many instances and prints its table of docs/benchmarks.md.

A real API server and a real NATS, no node: the operator makes everything up to the StatefulSets. Cold: the instances
are there and nothing else when it starts. Warm: it starts again and finds all as it should be.
"""

import argparse
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from oxy_dev import crds
from oxy_dev.cluster import apiserver
from oxy_dev.cluster.api import Api
from oxy_dev.cluster.errors import ApiError
from oxy_dev.process_memory import MIB, measure
from oxy_dev.servers import free_port, running_nats
from oxy_operator.bus.accounts import nats_configuration, platform_credentials, system_credentials
from oxy_operator.bus.nkeys import PlatformKeys

HOME: Final = "oxy"
SHOPS: Final = "shops"
INSTANCES: Final = f"/apis/oxy.dev/v1alpha1/namespaces/{SHOPS}/whatsappinstances"
PATIENCE: Final = 300.0
QUIET_SECONDS: Final = 2.0
"""The operator has converged after so long without a reconcile; this time is not counted."""

COUNTED: Final = frozenset(
    {"whatsappinstances", "configmaps", "secrets", "statefulsets", "persistentvolumeclaims", "networkpolicies"}
)
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one start of the operator took."""

    seconds: float
    """From the process's start to its last reconcile."""
    cpu_seconds: float
    pss: int
    """Bytes, after it had converged."""
    writes: int
    reads: int


@dataclass
class Bench:
    """The servers, and the environment of operators before them."""

    server: apiserver.ApiServer
    environment: dict[str, str]
    port: int

    def start(self, count: int) -> Figures:
        """Start an operator, wait until it has converged, and stop it."""
        before = calls(self.server)
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "oxy_operator"], env=self.environment, stderr=subprocess.DEVNULL
        )
        try:
            finished = self._converged(count)
            memory = measure(process.pid)
            cpu = cpu_seconds(process.pid)
            after = calls(self.server)
        finally:
            process.terminate()
            process.wait(30)
        writes, reads = (after[kind] - before[kind] for kind in ("write", "read"))
        return Figures(finished - started, cpu, memory.pss if memory else 0, writes, reads)

    def _converged(self, count: int) -> float:
        """Return when the operator last reconciled an instance."""
        deadline = time.monotonic() + PATIENCE
        reconciles, changed = 0.0, time.monotonic()
        while time.monotonic() < deadline:
            metrics = self._metrics()
            now = time.monotonic()
            if metrics.get("oxy_operator_reconciles_total", 0.0) != reconciles:
                reconciles, changed = metrics["oxy_operator_reconciles_total"], now
            settled = reconciles >= count and metrics.get("oxy_operator_queue_depth") == 0
            if settled and now - changed > QUIET_SECONDS and metrics.get("oxy_operator_bus_connected") == 1:
                return changed
            time.sleep(0.02)
        message = "the operator does not come to rest"
        raise TimeoutError(message)

    def _metrics(self) -> dict[str, float]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                return parsed(answer.read().decode())
        except OSError:
            return {}


def parsed(page: str) -> dict[str, float]:
    """Read a page of metrics in Prometheus' text form."""
    lines = (line.rpartition(" ") for line in page.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def calls(server: apiserver.ApiServer) -> dict[str, int]:
    """Return how many requests for instances and their children the API server has answered, without watches."""
    found = {"write": 0, "read": 0}
    authorization = {"Authorization": f"Bearer {server.token}"}
    request = urllib.request.Request(f"{server.url}/metrics", headers=authorization)  # noqa: S310 our own server
    context = ssl.create_default_context(cafile=server.ca)
    with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 our own server
        page = answer.read().decode()
    for name, value in parsed(page).items():
        if not name.startswith("apiserver_request_total{"):
            continue
        labels = dict(part.split("=", 1) for part in name.partition("{")[2].rstrip("}").split(","))
        verb, resource = labels["verb"].strip('"'), labels["resource"].strip('"')
        if resource in COUNTED and verb in {"APPLY", "PATCH", "POST", "PUT", "DELETE"}:
            found["write"] += int(value)
        elif resource in COUNTED and verb in {"GET", "LIST"}:
            found["read"] += int(value)
    return found


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Run the servers."""
    keys = PlatformKeys.generate()
    files = {
        "OXY_NATS_CREDENTIALS": platform_credentials(keys),
        "OXY_NATS_SYSTEM_CREDENTIALS": system_credentials(keys),
        "OXY_NATS_OPERATOR_SEED": keys.operator_seed,
        "OXY_ROOT_SEED": keys.root_seed,
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    with (
        apiserver.running(folder / "kubernetes") as server,
        running_nats(folder / "nats", nats_configuration(keys, folder / "accounts")) as nats,
    ):
        prepare(server.api)
        port = free_port()
        settings = {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "KUBECONFIG": str(server.kubeconfig),
            "OXY_NAMESPACE": HOME,
            "OXY_NATS_URL": nats.url,
            "OXY_TENANT_NATS_URL": nats.url,
            "OXY_TENANT_IMAGE": "registry.example/tenant:1",
            "OXY_PROBE_HOST": "127.0.0.1",
            "OXY_PROBE_PORT": str(port),
        }
        yield Bench(server, {**os.environ, **settings, **{name: str(folder / name) for name in files}}, port)


def prepare(api: Api) -> None:
    """Make the namespaces and the custom resource's definition, and wait until it is served."""
    for name in (HOME, SHOPS):
        api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for source in crds.SOURCES.glob("*.yaml"):
        definition = yaml.safe_load(source.read_text())
        api.apply(
            f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}", definition
        )
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            api.get(INSTANCES)
        except ApiError:
            time.sleep(0.1)
        else:
            return


def create(api: Api, count: int) -> None:
    """Create instances, each of an organization and with a number of its own."""
    for number in range(count):
        spec = {
            "organizationId": f"org-{number}",
            "displayName": f"Shop {number}",
            "phoneNumber": f"+5511{900000000 + number}",
        }
        metadata = {"name": f"shop-{number}", "namespace": SHOPS}
        api.create(
            INSTANCES,
            {"apiVersion": "oxy.dev/v1alpha1", "kind": "WhatsAppInstance", "metadata": metadata, "spec": spec},
        )


def settled(api: Api) -> int:
    """Return how many instances have everything that the operator makes."""
    statuses = (item.get("status", {}) for item in api.get(INSTANCES)["items"])
    wanted = {"Accepted", "Provisioned", "CredentialsReady"}
    return sum(
        wanted <= {item["type"] for item in status.get("conditions", ()) if item["status"] == "True"}
        for status in statuses
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=200)
    count = parser.parse_args().instances
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as stage:
        create(stage.server.api, count)
        print(
            f"| {count} instances | seconds | operator CPU, s | PSS, MiB | writes | reads |\n|---|---|---|---|---|---|"
        )
        for name in ("cold", "warm"):
            figures = stage.start(count)
            cells = f"{figures.seconds:.1f} | {figures.cpu_seconds:.1f} | {figures.pss / MIB:.0f}"
            print(f"| {name} | {cells} | {figures.writes} | {figures.reads} |", flush=True)
        ready = settled(stage.server.api)
        print(f"\n{ready} of {count} instances have everything.")
    return 0 if ready == count else 1


if __name__ == "__main__":
    sys.exit(main())
