"""The model agrees with the custom resource definition."""

import re
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from enum import EnumType, StrEnum
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from unit.wai_operator.making import Json, instance, record, resource

from oxy_core.envelopes import Envelope, InstanceSettings
from oxy_core.instance.custom_resource import API_VERSION, KIND, PLURAL, Phase
from oxy_core.instance.settings import (
    MICRODOLLARS,
    AiSettings,
    InboundSettings,
    LimitsSettings,
    QueuesSettings,
    ReconnectSettings,
    RetentionSettings,
)
from oxy_core.tenant import TenantSettings
from oxy_operator.decide.instance import InboundSpec, Instance, InstanceSpec
from oxy_operator.decide.specs.config_map import tenant_settings
from oxy_operator.decide.specs.instance_settings import instance_settings
from oxy_operator.errors import ResourceError
from oxy_operator.objects import INSTANCES

ROOT = Path(__file__).parents[3]
CRD = yaml.safe_load((ROOT / "crds" / "oxy.dev_whatsappinstances.yaml").read_text())
VERSION = CRD["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]["properties"]
STRING, INTEGER, NUMBER, BOOLEAN, ARRAY, OBJECT = "string", "integer", "number", "boolean", "array", "object"
INBOUND_ELSEWHERE = {
    name: below
    for name, below in SCHEMA["spec"]["properties"]["inbound"]["properties"].items()
    if name != "maxAnswerAge"
}
"""maxAnswerAge is text in the resource and seconds elsewhere; it has a test of its own."""
LIMITS_OF_THE_RUNTIME = {"pacing", "inboundPerSecond"}
NUMBERS = {STRING, INTEGER}  # a fraction is text in the definition, which has a pattern for it
AMOUNT = "monthlyBudgetUsd"
"""Text in the resource, in US dollars, and a number of micro-dollars elsewhere."""
TIMES = ("09:30", "22:15-06:45")
KEYS = "apiKeySecretRef"
"""What names a key is read by the operator alone, and never travels."""


def model_of(annotation: Json) -> type[BaseModel] | None:
    """The model inside an annotation like `Model`, `Model | None` or `tuple[Model, ...]`."""
    options = (annotation, *typing.get_args(annotation))
    return next((item for item in options if isinstance(item, type) and issubclass(item, BaseModel)), None)


def kind_of(annotation: Json) -> str:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return kind_of(next(item for item in typing.get_args(annotation) if item is not type(None)))
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return kind_of(typing.get_args(annotation)[0])
    if origin is typing.Literal or issubclass(origin or annotation, StrEnum):
        return STRING
    if model_of(annotation) is annotation:
        return OBJECT
    return {str: STRING, int: INTEGER, float: NUMBER, Decimal: NUMBER, bool: BOOLEAN, tuple: ARRAY, dict: OBJECT}[
        origin or annotation
    ]


def choices_of(annotation: Json) -> set[str]:
    if typing.get_origin(annotation) is typing.Union or isinstance(annotation, types.UnionType):
        return set().union(*(choices_of(item) for item in typing.get_args(annotation)))
    if typing.get_origin(annotation) is typing.Literal:
        return set(typing.get_args(annotation))
    return {item.value for item in annotation} if isinstance(annotation, EnumType) else set()


def compare(model: type[BaseModel], schema: Json, path: str) -> None:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert set(fields) == set(schema["properties"]), path
    for name, field in fields.items():
        below, here = schema["properties"][name], f"{path}.{name}"
        kind = STRING if name == AMOUNT else kind_of(field.annotation)
        assert below["type"] in (NUMBERS if kind == NUMBER else {kind}), here
        assert field.is_required() == (name in schema.get("required", ())), here
        compare_default(field.get_default(call_default_factory=True), below, here)
        assert choices_of(field.annotation) == set(below.get("enum", ())), here
        inner = model_of(field.annotation)
        if inner is not None:
            compare(inner, below.get("items", below), here)


def compare_default(default: Json, schema: Json, path: str) -> None:
    if isinstance(default, BaseModel):
        assert schema["default"] == {}, path
    elif isinstance(default, float):
        assert float(schema["default"]) == default, path
    elif isinstance(default, bool | int | str | tuple | dict):
        plain = list(default) if isinstance(default, tuple) else default
        assert schema["default"] == plain, path
    else:
        assert "default" not in schema, path


def test_the_model_and_the_definition_have_the_same_fields_types_and_defaults() -> None:
    compare(InstanceSpec, SCHEMA["spec"], "spec")


def test_the_phases_equal_those_of_the_definition() -> None:
    assert {phase.value for phase in Phase} == set(SCHEMA["status"]["properties"]["phase"]["enum"])


def test_the_resource_is_named_as_in_the_definition() -> None:
    assert (CRD["spec"]["names"]["kind"], CRD["spec"]["names"]["plural"]) == (KIND, PLURAL)
    assert f"{CRD['spec']['group']}/{VERSION['name']}" == API_VERSION
    assert (INSTANCES.group_version, INSTANCES.name, INSTANCES.plural) == (API_VERSION, KIND, PLURAL)


def test_no_part_of_the_schema_accepts_unknown_fields() -> None:
    text = (ROOT / "crds" / "oxy.dev_whatsappinstances.yaml").read_text()
    assert "preserve-unknown-fields" not in text
    assert VERSION["subresources"] == {"status": {}}
    assert CRD["spec"]["names"]["shortNames"] == ["wai"]


def test_the_printed_columns_are_in_order() -> None:
    names = [column["name"] for column in VERSION["additionalPrinterColumns"]]
    assert names == ["Org", "Phone", "Phase", "Ready", "Reason", "Attempts", "Last-Activity", "Age"]


def patterns_of(schema: Json) -> list[str]:
    """The patterns of a text, as Python writes them."""
    rules = [rule["rule"] for rule in schema.get("x-kubernetes-validations", ())]
    matched = (re.match(r"self\.matches\('([^']*)'\)", rule) for rule in rules)
    plain = (match[1].replace("\\\\", "\\") for match in matched if match)
    return [re.sub(r"\\p\{\w+\}", r"\\s", text) for text in plain]  # Go's classes, here all of what cannot be seen


def parts_of(schema: Json, path: str = "spec") -> Iterator[tuple[str, Json]]:
    """Yield each part of a schema with its path."""
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from parts_of(below, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from parts_of(schema[name], f"{path}[]")


def test_no_text_is_refused_by_a_bare_pattern() -> None:
    for path, part in parts_of(SCHEMA["spec"]):
        assert not {"pattern", "minLength"} & set(part), f"{path}: write a rule, whose message says what to write"
        assert all("message" in rule for rule in part.get("x-kubernetes-validations", ())), path


def other_value(schema: Json) -> Json:
    """A value that the schema allows and that is not the default; an object gets one for every field."""
    if schema["type"] == OBJECT:
        return {name: other_value(below) for name, below in schema["properties"].items()}
    if schema["type"] == ARRAY:
        return [other_value(schema["items"])]
    if schema["type"] == BOOLEAN:
        return not schema["default"]
    if schema["type"] == INTEGER:
        numbers = (schema["minimum"] + 1, schema["maximum"] - 1)
        return next(value for value in numbers if value != schema.get("default"))
    texts = ("1.25", "+5511987654321", "http://model.example/v1", "shop.example", *TIMES, "another", "another text")
    candidates = (*schema.get("enum", ()), *texts)
    allowed = (value for value in candidates if all(re.search(pattern, value) for pattern in patterns_of(schema)))
    return next(value for value in allowed if value != schema.get("default"))


def same(asked: Json, got: Json, path: str) -> None:
    """Compare what the resource asks for with what a process reads, by the resource's own names."""
    if isinstance(asked, dict):
        assert set(asked) <= set(got), path
        for name, value in asked.items():
            same(value, got[name], f"{path}.{name}")
    elif path.endswith(AMOUNT):
        assert Decimal(asked) * MICRODOLLARS == got, path
    elif isinstance(got, float | Decimal):
        assert Decimal(asked) == Decimal(str(got)), path
    elif isinstance(asked, list):
        for number, (one, other) in enumerate(zip(asked, got, strict=True)):
            same(one, other, f"{path}[{number}]")
    else:
        assert asked == got, path


def without_keys(schema: Json) -> Json:
    """A schema without the fields that name keys."""
    if schema["type"] != OBJECT:
        return schema
    kept = {name: without_keys(below) for name, below in schema["properties"].items() if name != KEYS}
    return schema | {"properties": kept}


def reread(settings: Envelope) -> Envelope:
    """What another process reads from settings that were sent."""
    return type(settings).decode(settings.encode())


def test_every_ai_field_of_the_definition_reaches_the_workers_unchanged() -> None:
    asked = other_value(without_keys(SCHEMA["spec"]["properties"]["ai"]))
    settings = reread(instance_settings(instance(ai=asked), "A" * 56))
    same(asked, settings.model_dump(by_alias=True)["ai"], "spec.ai")
    assert settings.ai != AiSettings()


@pytest.mark.parametrize("section", ["limits", "queues", "retention"])
def test_every_field_of_these_sections_reaches_the_workers_unchanged(section: str) -> None:
    asked = other_value(SCHEMA["spec"]["properties"][section])
    told = reread(instance_settings(instance(**{section: asked}), "A" * 56)).model_dump(by_alias=True)[section]
    of_workers = {name: value for name, value in asked.items() if name not in LIMITS_OF_THE_RUNTIME}
    same(of_workers, told, f"spec.{section}")


def test_every_reconnect_field_of_the_definition_reaches_the_runtime_unchanged() -> None:
    asked = other_value(SCHEMA["spec"]["properties"]["reconnect"])
    settings = reread(tenant_settings(instance(reconnect=asked), record()))
    same(asked, settings.model_dump(by_alias=True)["reconnect"], "spec.reconnect")


def test_every_inbound_field_of_the_definition_reaches_the_runtime_or_the_workers() -> None:
    asked = other_value(SCHEMA["spec"]["properties"]["inbound"] | {"properties": INBOUND_ELSEWHERE})
    runtime = reread(tenant_settings(instance(inbound=asked), record())).model_dump(by_alias=True)["inbound"]
    workers = reread(instance_settings(instance(inbound=asked), "A" * 56))
    same(asked, runtime | {"askToRepeat": workers.ask_to_repeat}, "spec.inbound")
    assert InboundSettings.model_validate(runtime) != InboundSettings()


def test_what_names_a_key_never_travels() -> None:
    asked = other_value(SCHEMA["spec"]["properties"]["ai"])
    assert all(KEYS in part for part in (asked, asked["transcription"], asked["vision"]))
    told = instance_settings(instance(ai=asked), "A" * 56).encode().decode()
    assert "secret" not in told.lower()
    assert "api_key" not in told


def test_owners_are_told_apart_by_how_they_are_named() -> None:
    settings = instance_settings(instance(owners=["1234567890@lid", "+5511987651111", "77777@lid"]), "A" * 56)
    assert settings.owners == ("+5511987651111",)
    assert settings.owner_lids == ("1234567890@lid", "77777@lid")


@pytest.mark.parametrize(
    ("section", "model"),
    [
        ("ai", AiSettings),
        ("reconnect", ReconnectSettings),
        ("queues", QueuesSettings),
        ("retention", RetentionSettings),
    ],
)
def test_the_definition_and_the_shared_model_have_the_same_fields(section: str, model: type[BaseModel]) -> None:
    compare(model, without_keys(SCHEMA["spec"]["properties"][section]), f"spec.{section}")


def test_defaults_are_those_that_runtime_and_workers_assume() -> None:
    spec = instance().spec
    assert (AiSettings.model_validate(spec.ai.model_dump()), spec.reconnect) == (AiSettings(), ReconnectSettings())
    assert spec.client.browser == TenantSettings.model_fields["browser"].default
    assert spec.client.mark_online_on_connect == TenantSettings.model_fields["mark_online"].default
    assert InboundSettings.model_validate(spec.inbound.model_dump()) == TenantSettings.model_fields["inbound"].default
    assert LimitsSettings.model_validate(spec.limits.model_dump()) == InstanceSettings.model_fields["limits"].default
    assert (spec.queues, spec.retention) == (QueuesSettings(), RetentionSettings())
    assert spec.limits.pacing == TenantSettings.model_fields["pacing"].default


@pytest.mark.parametrize(
    ("text", "seconds"), [("6h", 21_600), ("90m", 5_400), ("30s", 30), ("1h30m", 5_400), ("1h1m1s", 3_661)]
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert InboundSpec(max_answer_age=text).max_answer_age_seconds == seconds


def test_a_resource_that_this_version_cannot_use_names_its_fields() -> None:
    with pytest.raises(ResourceError, match=r"check spec\.ai\.maxTokens, spec\.phoneNumber|check ai\.maxTokens, phone"):
        Instance.of(resource(phoneNumber="1", ai={"maxTokens": "many"}))


def test_what_cannot_be_used_has_its_default_and_is_named() -> None:
    made = instance(runtime={"image": "x", "resources": {"limits": {"cpu": -1}}}, network="?", suspend=True)
    assert made.unread == ("spec.network", "spec.runtime.resources.limits.cpu")
    assert made.spec == instance(suspend=True).spec
    assert [made.is_unread(part) for part in ("runtime", "network", "run", "suspend")] == [True, True, False, False]


def test_fields_of_a_newer_definition_are_ignored() -> None:
    assert instance(tomorrow={"x": 1}).spec == instance().spec


@pytest.mark.parametrize(("name", "organization"), [("petshop", "petshop-aurora"), ("own-model", "petshop-own")])
def test_an_example_is_an_instance(name: str, organization: str) -> None:
    example = yaml.safe_load((ROOT / "examples" / f"{name}.yaml").read_text())
    example["metadata"] |= {"namespace": "default", "uid": "u"}
    assert Instance.of(example).spec.organization_id == organization


def test_an_example_with_an_endpoint_of_its_own_names_each_model() -> None:
    ai = yaml.safe_load((ROOT / "examples" / "own-model.yaml").read_text())["spec"]["ai"]
    assert all("model" in ai.get(part, {}) for part in ("aurora", "vision", "transcription"))
