from pathlib import Path

import yaml

from oxy_dev.conversation import CUSTOMER, OWNER
from oxy_dev.environment import BUSINESS_PHONE, INSTANCE, ORGANIZATION
from oxy_dev.example import NETWORK, example_resource, write_example


def test_the_names_of_the_development_system_are_those_of_the_example() -> None:
    resource = example_resource("default", {})
    assert resource["metadata"] == {"name": INSTANCE, "namespace": "default"}
    assert (resource["spec"]["organizationId"], resource["spec"]["phoneNumber"]) == (ORGANIZATION, BUSINESS_PHONE)


def test_the_owner_of_the_conversation_is_an_owner_and_the_customer_is_not() -> None:
    owners = example_resource("default", {})["spec"]["owners"]
    assert (OWNER.phone in owners, CUSTOMER.phone in owners) == (True, False)


def test_fields_of_the_spec_can_be_replaced() -> None:
    spec = example_resource("default", {"suspend": True, "timezone": "America/Manaus"})["spec"]
    assert (spec["suspend"], spec["timezone"], spec["displayName"]) == (True, "America/Manaus", "Pet Shop Aurora")


def test_what_is_left_for_applying_again_connects_to_the_simulator(tmp_path: Path) -> None:
    file = tmp_path / "petshop.yaml"
    write_example(file, "default")
    written = yaml.safe_load(file.read_text())
    assert written == example_resource("default", {})
    assert written["spec"]["network"] == NETWORK
