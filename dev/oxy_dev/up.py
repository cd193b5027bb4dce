"""``make up``: the whole system on a real Kubernetes, from nothing to a conversation.

Every step prints its name and duration, can be repeated, and says what to do when it fails. The steps:

cluster      a Kubernetes on this machine, or the user's own (``CLUSTER=existing``)
images       built from this checkout, loaded into the cluster or pushed to ``REGISTRY``
services     what Oxy talks to: the simulated WhatsApp and, without ``OPENAI_API_KEY``, the scripted model
chart        ``helm upgrade --install --wait``
instance     the example pet shop and its catalog
pairing      the code of the pairing Secret is typed on the simulated phone
conversation a customer and the owner talk to it
"""

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from oxy_core.errors import OxyError
from oxy_core.instance.custom_resource import pairing_secret_name
from oxy_core.instance.pairing_offer import PairingOffer
from oxy_dev import external_services, images
from oxy_dev.cluster import layout
from oxy_dev.cluster.errors import ClusterError, CommandError
from oxy_dev.cluster.progress import Reporter, duration
from oxy_dev.cluster.shell import run
from oxy_dev.cluster.up import up as cluster_up
from oxy_dev.conversation import PARTS, Part
from oxy_dev.environment import (
    BUSINESS_PHONE,
    INSTANCE,
    REPOSITORY,
    SYSTEM_NAMESPACE,
    TENANT_NAMESPACE,
    BrokenClusterError,
    forwarding_simulator,
    kubeconfig,
    require_cluster,
    uses_existing_cluster,
)
from oxy_dev.example import CATALOG_FILE, example_resource, write_example
from oxy_dev.kubectl import Kubectl, wait_until
from oxy_dev.performance import play_all
from oxy_dev.servers import program
from oxy_simulator.client import SimulatorClient
from oxy_simulator.errors import SimulatorError

CHART: Final = REPOSITORY / "charts" / "oxy"
READY_SECONDS: Final = 180.0
HELM_TIMEOUT: Final = "8m"
RELEASE: Final = "oxy"
FAILURES: Final = (ClusterError, OxyError, SimulatorError, aiohttp.ClientError)
"""Expected failures, whose messages say what to do."""


@dataclass(frozen=True, slots=True)
class System:
    """The running system."""

    kubectl: Kubectl
    references: dict[str, str]
    """Image of each target."""

    def install(self, *arguments: str) -> None:
        """Install the chart, or upgrade it to this checkout; further arguments go to helm."""
        self._forget_interrupted()
        values = json.dumps(images.chart_values(self.references) | model_values() | WORKER_VALUES)
        self.kubectl.run_helm(
            "upgrade",
            RELEASE,
            str(CHART),
            "--install",
            f"--namespace={SYSTEM_NAMESPACE}",
            "--create-namespace",
            "--wait",
            f"--timeout={HELM_TIMEOUT}",
            f"--set-json={values}",
            *arguments,
        )

    def _forget_interrupted(self) -> None:
        """Remove a revision that a killed helm left pending: helm would refuse every later one as "in progress"."""
        unfinished = f"owner=helm,name={RELEASE},status in (pending-install,pending-upgrade,pending-rollback)"
        self.kubectl("delete", "--namespace", SYSTEM_NAMESPACE, "secret", "--selector", unfinished)


WORKER_VALUES: Final[dict[str, Any]] = {"ai": {"extraEnv": [{"name": "OXY_NOTICE_GROUPING_SECONDS", "value": "5"}]}}
"""The chart's values for the workers: the owner of the conversation need not wait a minute for what is to be told."""


def model_values() -> dict[str, Any]:
    """Return the chart's values for the model: the real one if there is a key, otherwise the scripted one."""
    if os.environ.get("OPENAI_API_KEY"):
        return {"openai": {"apiKeySecretRef": {"name": external_services.OPENAI_SECRET, "key": "api-key"}}}
    return {"openai": {"baseUrl": external_services.MODEL_URL}}


def conversation() -> tuple[Part, ...]:
    """Return what is said at the end; a real model does not hear the words of a sample voice note."""
    return tuple(part.typed() for part in PARTS) if os.environ.get("OPENAI_API_KEY") else PARTS


def bring_up(reporter: Reporter) -> System:
    """Bring the whole system up until the example instance is connected; raises ClusterError or OxyError."""
    if not uses_existing_cluster():
        cluster_up(layout.default(), reporter)
    with reporter.step("kubectl and helm"):
        kubectl = Kubectl.of(kubeconfig())
    with explaining_loss():
        return _install(kubectl, reporter)


def _install(kubectl: Kubectl, reporter: Reporter) -> System:
    system = System(kubectl, _images(reporter))
    with reporter.step("simulated WhatsApp and model"):
        external_services.deploy(kubectl, system.references)
    with reporter.step("helm upgrade --install --wait"):
        system.install()
    with reporter.step("example instance"):
        write_example(_example_file(), TENANT_NAMESPACE)
        apply_instance(kubectl)
    with reporter.step("example catalog"):
        apply_catalog()
    with reporter.step("pairing"):
        asyncio.run(pair(kubectl))
    return system


@contextlib.contextmanager
def explaining_loss() -> Iterator[None]:
    """Turn a failure into BrokenClusterError where its cause is that the cluster no longer works."""
    try:
        yield
    except FAILURES as error:
        try:
            require_cluster()
        except ClusterError as reason:
            message = f"the cluster was lost: {reason}"
            raise BrokenClusterError(message) from error
        raise


def symptoms() -> str:
    """Return a list of pods that are not ready, and how to inspect them; empty where there are none."""
    try:
        pods = Kubectl.of(kubeconfig()).unready_pods()
    except (ClusterError, KeyError):
        return ""
    if not pods:
        return ""
    closer = "Inspect them: kubectl describe pod …, kubectl logs …, with the exports that make up prints at its end"
    return "\n".join(["\nPods that are not ready:", *(f"  {pod}" for pod in pods), closer])


def _images(reporter: Reporter) -> dict[str, str]:
    builder = images.Builder(reporter=reporter)
    registry = os.environ.get("REGISTRY")
    if uses_existing_cluster() and not registry:
        message = "CLUSTER=existing needs REGISTRY=… : a registry that you can push to and the cluster can pull from"
        raise ClusterError(message)
    references = builder.build(images.IMAGES, registry or images.LOCAL_REGISTRY)
    if registry:
        builder.push(references, insecure=bool(os.environ.get("INSECURE")))
    else:
        builder.load(references, layout.default())
    return references


def _example_file() -> Path:
    """Return where `make up` leaves the example instance, as it is on this cluster."""
    return layout.default().root / "petshop.yaml"


def apply_instance(kubectl: Kubectl, **spec: object) -> None:
    """Apply the example instance; `spec` replaces fields of its spec, in the resource's camelCase."""
    kubectl.apply(example_resource(TENANT_NAMESPACE, spec))


def oxy(*arguments: str) -> str:
    """Run the ``oxy`` command against the system; raises CommandError."""
    config = kubeconfig()
    environment = [] if config is None else [f"KUBECONFIG={config}"]
    return run(["env", *environment, program("oxy"), *arguments])


def apply_catalog() -> None:
    """Apply the example catalog as soon as the workers know the organization; raises WaitError."""

    def attempt() -> str | None:
        try:
            return oxy("catalog", "apply", "--namespace", TENANT_NAMESPACE, "--filename", str(CATALOG_FILE), INSTANCE)
        except CommandError as error:
            require_cluster()
            problems.append(str(error))
            return None

    problems: list[str] = []
    try:
        wait_until("the catalog could be applied", READY_SECONDS, attempt)
    except ClusterError as error:
        message = f"{error}: {problems[-1]}"
        raise ClusterError(message) from None


async def pair(kubectl: Kubectl) -> None:
    """Type pairing codes on the simulated phone until the instance is connected; raises WaitError."""
    with forwarding_simulator(kubectl) as url:
        async with SimulatorClient(url) as simulator:
            await simulator.add_phone(BUSINESS_PHONE, "Pet Shop Aurora")
            typed: set[str] = set()
            deadline = asyncio.get_running_loop().time() + READY_SECONDS
            while not is_ready(kubectl):
                code = pairing_code(kubectl)
                if code and code not in typed:
                    typed.add(code)
                    await _type(simulator, code)
                if asyncio.get_running_loop().time() > deadline:
                    message = f"{INSTANCE} did not become Ready:\n{kubectl('describe', 'wai', INSTANCE)}"
                    raise ClusterError(message)
                await asyncio.sleep(0.3)


async def _type(simulator: SimulatorClient, code: str) -> None:
    try:
        await simulator.link(BUSINESS_PHONE, code=code)
    except SimulatorError as error:
        print(f"  the phone refused the code ({error}); waiting for the next one")  # noqa: T201 a command's output


def is_ready(kubectl: Kubectl) -> bool:
    """Return whether the example instance is connected and receives messages."""
    found = kubectl.get("--namespace", TENANT_NAMESPACE, "whatsappinstance", INSTANCE)
    conditions = {item["type"]: item["status"] for item in found.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True"


def pairing_code(kubectl: Kubectl) -> str | None:
    """Return the phone code that the pairing Secret offers; None where it offers none."""
    secret = kubectl.find("--namespace", TENANT_NAMESPACE, "secret", pairing_secret_name(INSTANCE))
    content = {key: base64.b64decode(value).decode() for key, value in (secret or {}).get("data", {}).items()}
    offer = PairingOffer.from_secret(content)
    return offer.code if offer else None


def main() -> int:
    """Run the command; return its exit code."""
    reporter = Reporter()
    try:
        system = bring_up(reporter)
        with explaining_loss(), forwarding_simulator(system.kubectl) as url:
            asyncio.run(play_all(url, BUSINESS_PHONE, sys.stdout, layout.default().root / "pictures", conversation()))
    except FAILURES as error:
        reporter.say(f"\nmake up: {error}{'' if isinstance(error, BrokenClusterError) else symptoms()}")
        return 1
    reporter.say(f"\nup in {duration(sum(reporter.seconds.values()))}")
    reporter.say(next_steps(kubeconfig(), _example_file(), layout.default().tools, Path(sys.executable).parent))
    return 0


def next_steps(config: Path | None, example: Path, tools: Path, programs: Path) -> str:
    """Return the commands for the running system; `config` is None for the user's own cluster."""
    here = "" if config else " CLUSTER=existing"
    lines = [
        f"Talk to it:       make chat{here}           (AS=owner: as the owner)",
        f"Watch it:         make status{here}, make logs{here}",
        f"Make another:     a copy of {example}, with another name, organization and number; kubectl apply -f",
    ]
    if config is None:
        return "\n".join([*lines, f"All commands:     {programs}/oxy --help"])
    exports = f"export KUBECONFIG={config} PATH={tools}:{programs}:$PATH"
    commands = "then: oxy status, oxy --help, kubectl get wai, helm list -A"
    return "\n".join(
        [*lines, f"All commands:     {exports}", f"                  {commands}", "Remove it:        make down"]
    )


if __name__ == "__main__":
    sys.exit(main())
