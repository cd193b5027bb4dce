"""The example pet shop of ``examples/``, connected to the simulated WhatsApp."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from oxy_dev.environment import SIMULATOR

INSTANCE_FILE: Final = Path(__file__).resolve().parents[2] / "examples" / "petshop.yaml"
CATALOG_FILE: Final = INSTANCE_FILE.with_name("petshop-catalog.yaml")

PROXY_SECRET: Final = f"{SIMULATOR}-proxy"
TRUST_CONFIG_MAP: Final = f"{SIMULATOR}-trust"
NETWORK: Final = {"proxySecretRef": {"name": PROXY_SECRET}, "caBundleConfigMapRef": {"name": TRUST_CONFIG_MAP}}
"""``spec.network`` of an instance that connects to the simulated WhatsApp."""


def example_resource(namespace: str, spec: Mapping[str, object]) -> dict[str, Any]:
    """Return the custom resource in a namespace; `spec` replaces whole fields of its spec."""
    resource: dict[str, Any] = yaml.safe_load(INSTANCE_FILE.read_text())
    resource["metadata"]["namespace"] = namespace
    resource["spec"] |= {"network": NETWORK, **spec}
    return resource


def write_example(file: Path, namespace: str) -> None:
    """Write the resource to a file, for whoever wants to apply it again or to make another of it."""
    text = yaml.safe_dump(example_resource(namespace, {}), allow_unicode=True, sort_keys=False)
    file.write_text(
        f"# examples/petshop.yaml, connected to the simulated WhatsApp. Each `make up` writes it anew.\n{text}"
    )
