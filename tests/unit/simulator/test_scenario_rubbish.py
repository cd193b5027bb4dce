"""Scenario files that somebody spoiled: read, or refused with the place of every mistake."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.scenario_file import load, parse
from oxy_simulator.scenario_yaml import ScenarioError

EXAMPLES: Final = Path(__file__).parents[3] / "simulator" / "examples"
VALID: Final = [
    *(file.read_text() for file in sorted(EXAMPLES.glob("*.yaml"))),
    """\
scenario: Everything
phones: {ana: {number: +5511911111111, name: Ana}, clinic: +5511900000001}
clients:
  bot: {phone: clinic, command: [cat, 1], environment: {A: b}, link: {code: {file: "${folder}/x", pattern: "(.)"}}}
variables: {a: 1, b: "${a} ${ana}"}
within: 5
allow_violations: [unknown-iq]
steps:
  - start: {client: bot, within: 3}
  - send: {from: ana, to: clinic, message: {kind: poll, name: x, options: [a, b]}, save: x}
  - act: {phone: ana, action: mark, with: {chat: clinic, ids: ["${x}"]}}
  - fault: {kind: drop, phone: clinic, peer: ana, count: 2, direction: inbound}
  - fault: {kind: tls, tls: expired}
  - parallel: [[{wait: 1}], [{expect: {phone: ana, pattern: "(?P<y>.)"}}, {online: {phone: clinic}}]]
  - expect_nothing: {phone: ana, within: 2}
  - link: {phone: clinic, qr: {command: [echo, "${y}"]}}
  - restart_server: {memory: false}
  - settled: {}
  - continue: bot
  - unlink: clinic
""",
]
PLACED: Final = re.compile(r"a\.yaml:[1-9]\d*:[1-9]\d*: .{8}")
SCALARS: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["${", "${x}", "${folder}", "a\0b", "9" * 5000, "(" * 500, "~", "<<", "bot", "clínica", "👍"]),
)
VALUES: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def refused_with_places(text: str) -> None:
    """Read a scenario that may be wrong: then every line of the complaint must say where, and what."""
    try:
        parse(text, "a.yaml")
    except ScenarioError as error:
        for line in str(error).splitlines():
            assert PLACED.match(line), line


def places(content: object) -> list[tuple[Any, Any]]:
    """Return every list and mapping of a document with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(content, dict | list):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            found += [(content, key), *places(value)]
    return found


@given(st.data())
def test_any_value_in_any_place_is_read_or_explained(data: st.DataObject) -> None:
    content = yaml.load(data.draw(st.sampled_from(VALID)), Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but text
    for _ in range(data.draw(st.integers(1, 3))):
        around, key = data.draw(st.sampled_from(places(content)))
        match data.draw(st.sampled_from(["replace", "remove", "rename"])):
            case "replace":
                around[key] = data.draw(VALUES)
            case "remove":
                del around[key]
            case _ if isinstance(around, dict):
                around[data.draw(st.text(max_size=8))] = around.pop(key)
        if not places(content):
            break
    refused_with_places(yaml.safe_dump(content, allow_unicode=True, default_flow_style=data.draw(st.booleans())))


@given(st.data())
def test_any_characters_anywhere_are_read_or_explained(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(VALID))
    start = data.draw(st.integers(0, len(text)))
    end = start + data.draw(st.integers(0, 30))
    put = data.draw(
        st.text(max_size=10) | st.sampled_from(["\t", "\0", "&a ", "*a", "!!int ", "%YAML", "---\n", "? ", "|", "{"])
    )
    refused_with_places(text[:start] + put + text[end:])


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_explained(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "rubbish.yaml"
    file.write_bytes(content)
    with pytest.raises(ScenarioError, match=r"rubbish\.yaml:[1-9]\d*:[1-9]\d*: "):
        load(file)
