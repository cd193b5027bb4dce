import re
import tomllib
from pathlib import Path

import pytest

from oxy_ai.migrate import MigrationSettings
from oxy_ai.settings import WorkerSettings
from oxy_core.settings import ProcessSettings
from oxy_operator.bootstrap import BootstrapSettings
from oxy_operator.settings import OperatorSettings
from oxy_tenant.settings import RuntimeSettings

ROOT = Path(__file__).parents[3]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PACKAGES = {
    container: contract
    for contract in CONTRACTS
    if contract["type"] == "layers"
    for container in contract["containers"]
    if "." not in container
}


@pytest.mark.parametrize("package", ["oxy_core", "oxy_operator", "oxy_tenant", "oxy_ai", "oxy_cli", "oxy_dev"])
def test_the_drawing_of_a_package_is_its_import_contract(package: str) -> None:
    contract = [set(re.split(r" [|:] ", layer)) for layer in PACKAGES[package]["layers"]]
    assert drawing(package) == contract


@pytest.mark.parametrize("package", PACKAGES)
def test_a_contract_covers_every_module_of_its_package(package: str) -> None:
    assert PACKAGES[package].get("exhaustive") is True


@pytest.mark.parametrize(
    ("process", "settings"),
    [
        ("operator", OperatorSettings),
        ("bootstrap", BootstrapSettings),
        ("tenant runtime", RuntimeSettings),
        ("migrations", MigrationSettings),
    ],
)
def test_the_environment_of_a_process_is_what_it_reads(process: str, settings: type[ProcessSettings]) -> None:
    assert environment(process) == set(settings.model_fields) - set(ProcessSettings.model_fields)


def test_the_environment_of_a_worker_has_at_least_what_it_requires() -> None:
    fields = WorkerSettings.model_fields
    required = {name for name, field in fields.items() if field.is_required()}
    assert required <= environment("AI worker") <= set(fields)


def test_each_file_that_the_documents_link_exists() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]
    broken = [
        (document.name, target)
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []


def environment(process: str) -> set[str]:
    row = re.search(rf"^\| {process} \|.*$", ARCHITECTURE, re.MULTILINE)
    assert row is not None, f"docs/architecture.md has no row for {process}"
    return {name.lower() for name in re.findall(r"`OXY_([A-Z_]+)`", row[0])}


def drawing(package: str) -> list[set[str]]:
    found = re.search(rf"^```\n{package}\n(.*?)^```", ARCHITECTURE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/architecture.md draws no layers of {package}"
    return [set(line.split(" · ")) for line in found[1].splitlines()]
