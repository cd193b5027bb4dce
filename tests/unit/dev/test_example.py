from oxy_dev.conversation import CUSTOMER, OWNER
from oxy_dev.environment import BUSINESS_PHONE, INSTANCE, ORGANIZATION
from oxy_dev.example import example_resource


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
