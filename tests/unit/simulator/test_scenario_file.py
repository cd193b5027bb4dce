"""Reading scenario files: what is right, and how each mistake is explained."""

import os
import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from oxy_simulator.commands import schema_text
from oxy_simulator.contents import Location, Unknown
from oxy_simulator.scenario import Step
from oxy_simulator.scenario_file import load, load_all, parse
from oxy_simulator.scenario_yaml import ScenarioError
from oxy_simulator.surrogates import ADVICE

EXAMPLES = Path(__file__).parents[3] / "simulator" / "examples"
DOCUMENTATION = EXAMPLES.parents[1] / "docs" / "simulator.md"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n" for before, name in pairwise("abcdefghijkl")
)
HEAD = """\
scenario: A test
phones:
  ana: {number: +5511911111111, name: Ana}
  clinic: +5511900000001
clients:
  bot: {phone: clinic, command: [cat, 8080], link: {code: {output: "CODE (.+)"}}}
variables: {service: banho}
steps:
"""


@pytest.fixture(autouse=True)
def _python_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The virtual environment is active, so that the examples' `python` is there."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_examples_are_valid(file: Path) -> None:
    assert load(file).scenario.steps


def test_the_example_in_the_documentation_is_valid() -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    assert parse(shown, "a.yaml").scenario.steps[0].verb == "start"


@pytest.mark.parametrize("step", Step.model_fields)
def test_every_step_is_documented(step: str) -> None:
    assert f"`{step.strip('_')}" in DOCUMENTATION.read_text()


def test_the_schema_for_editors_is_current() -> None:
    assert (EXAMPLES / "scenario.schema.json").read_text() == schema_text(), (
        "write it again: oxy-simulator schema > simulator/examples/scenario.schema.json"
    )


def test_what_looks_like_a_number_is_text_where_text_is_meant() -> None:
    document = parse(HEAD + "  - send: {from: ana, to: clinic, text: 10, quote: '${service}'}\n", "a.yaml")
    scenario = document.scenario
    assert scenario.phones["clinic"].number == "+5511900000001"
    assert scenario.clients["bot"].command == ["cat", "8080"]
    (step,) = scenario.steps
    assert step.verb == "send"
    assert step.send is not None
    assert step.send.text == "10"
    assert document.where(("steps", 0, "send", "text")) == "a.yaml:9:35"


def test_steps_side_by_side_have_their_places() -> None:
    steps = "  - parallel:\n    - - wait: 1\n    - - wait: 2\n      - kill: bot\n"
    document = parse(HEAD + steps, "a.yaml")
    assert [document.where(path) for path, _ in document.scenario.all_steps()] == [
        "a.yaml:9:5",
        "a.yaml:10:9",
        "a.yaml:11:9",
        "a.yaml:12:9",
    ]


MISTAKES = {
    "send: {from: ana, to: clinc, text: oi}": "9:23: unknown phone 'clinc', did you mean 'clinic'?",
    "start: bto": "9:5: unknown client 'bto', did you mean 'bot'?; add it under 'clients' (declared: bot)",
    "unlink: bot": "9:5: unknown phone 'bot'; add it under 'phones' (declared: ana, clinic)",
    "parallel: [[kill: bo]]": "9:17: unknown client 'bo', did you mean 'bot'?",
    "fault: {kind: abort, phone: anna}": "9:26: unknown phone 'anna', did you mean 'ana'?",
    "fault: {kind: abrot, phone: ana}": "9:13: steps[1].fault.kind: 'abrot' is not known, did you mean 'abort'?",
    "fault: {kind: drop, phone: ana, rate: 1}": "9:5: steps[1].fault: drop takes count, duration",
    "fault: {kind: abort, phone: ana, cuont: 1}": "9:38: unknown field 'cuont' in steps[1].fault, did you mean 'count'",
    "expect: {phone: ana, txt: oi}": "9:26: unknown field 'txt' in steps[1].expect, did you mean 'text'?",
    "expcet: {phone: ana}": "9:5: unknown field 'expcet' in steps[1], did you mean 'expect'",
    "expect: {text: oi}": "9:5: steps[1].expect lacks 'phone'; add it",
    "expect: {phone: ana, text: oi, pattern: oi}": "9:5: steps[1].expect: give one of 'text' and 'pattern', not both",
    "expect: {phone: ana, pattern: '('}": "9:26: steps[1].expect.pattern: not a regular expression: missing )",
    "expect: {phone: ana, within: 0}": "9:26: steps[1].expect.within: must be greater than 0",
    "send: {from: ana, to: clinic, text: true}": "9:35: steps[1].send.text must be text, not True; write it in quotes",
    "send: {from: ana, to: clinic, text: '${servce}'}": "9:35: unknown variable ${servce}, did you mean 'service'?",
    "{wait: 1, kill: bot}": "9:5: steps[1]: give exactly one of start, terminate, kill",
    "{}": "9:5: steps[1]: give exactly one of start, terminate, kill",
    "link: {phone: ana, code: {file: a, url: b}}": "9:24: steps[1].link.code: give exactly one of output, file, url",
    "send: {from: ana, to: clinic, message: {kind: reaction, targt: x, emoji: 👍}}": (
        "9:35: steps[1].send.message.reaction lacks 'target'; add it\na.yaml:9:35: unknown field 'targt' in "
        "steps[1].send.message.reaction, did you mean 'target'?"
    ),
    "send: {from: ana, to: clinic, text: oi, file: a}": "9:5: steps[1].send: 'file' belongs to a 'message' of a kind",
    "act: {phone: ana, action: typing, with: {too: clinic}}": "9:5: steps[1].act: to: missing; add it; too: unknown",
    "act: {phone: ana, action: typing, with: {to: clinc}}": "9:46: unknown phone 'clinc', did you mean 'clinic'?",
    "fault: {kind: abort}": "9:5: fault 'abort' lacks 'phone'; say whose clients it is for",
    "start: {client: bto, within: 9}": "9:13: unknown client 'bto', did you mean 'bot'?",
    "start: 5": "9:5: steps[1].start.client must be text, not 5; write it in quotes",
    "kill: my bot": "9:5: steps[1].kill: 'my bot' is no name; names have Latin letters, digits and _, and",
    "link: {phone: ana, code: {output: x}}": "9:5: steps[1].link: 'output' is that of a client that the scenario start",
    "send: {from: ana, to: clinic, message: {kind: image}, file: no.jpg}": "9:59: there is no file '",
    "send: {from: ana, to: clinic, message: {kind: imaeg}}": (
        "9:35: steps[1].send.message.kind: 'imaeg' is not known, did you mean 'image'?; text, "
    ),
    "send: {from: ana, to: clinic, message: {caption: x}}": "9:35: steps[1].send.message lacks 'kind'; add it, like {k",
    "fault: {kind: login-failure, phone: ana}": "9:5: steps[1].fault: login-failure needs 'code': with which error",
    "expect: {phone: ana, pattern: 'a{99999999999999999999}'}": "9:26: steps[1].expect.pattern: not a regular expres",
    "expect: {phone: ana, kind: imaeg}": "9:26: steps[1].expect.kind: 'imaeg' is not known, did you mean 'image'?",
    "act: {phone: ana, action: trust, with: {contact: clinc}}": "9:45: unknown phone 'clinc', did you mean 'clinic'?",
    "journalled: {phone: clinc, file: a}": "9:18: unknown phone 'clinc', did you mean 'clinic'?",
    "wait: 99999999999": "9:5: steps[1].wait: must be less than or equal to 31536000",
    "wait: .inf": "9:5: steps[1].wait: must be a finite number",
    "wait: -.INF": "9:5: steps[1].wait: must be a finite number",
    "wait: .nan": "9:5: steps[1].wait: must be a finite number",
    "wait: 1e999": "9:5: steps[1].wait: must be a finite number",
    "fault: {kind: delay, phone: ana, delay: .inf}": "9:38: steps[1].fault.delay: must be a finite number",
    "fault: {kind: delay, phone: ana, delay: 1e300}": "9:38: steps[1].fault.delay: must be less than or equal to 315",
    "wait: true": "9:5: steps[1].wait: must be a number, not true",
    "wait: '5'": "9:5: steps[1].wait: must be a number; write it without quotes",
    "restart_server: {memory: 'no'}": "9:22: steps[1].restart_server.memory: must be true or false, not 'no'",
    "restart_server: {memory: no}": "9:22: steps[1].restart_server.memory: must be true or false, not 'no'",
    "restart_server: {memory: 0}": "9:22: steps[1].restart_server.memory: must be true or false, not 0",
    "fault: {kind: drop, phone: ana, count: '1'}": "9:37: steps[1].fault.count: must be a whole number; write it wi",
    "fault: {kind: drop, phone: ana, count: 1.0}": "9:37: steps[1].fault.count: must be a whole number",
    "fault: {kind: refuse, phone: ana, code: 0}": "9:5: steps[1].fault: code: must be from 1 to 9999 for refuse; 0",
    "act: {phone: ana, action: reinstall, with: {announce: 'no'}}": (
        "9:5: steps[1].act: announce: must be true or false, not 'no'"
    ),
    "act: {phone: ana, action: block, with: {contact: ana}}": "9:45: 'ana' cannot do that to itself; name another",
    "act: {phone: ana, action: trust, with: {contact: ana}}": "9:45: 'ana' cannot do that to itself; name another",
    "act: {phone: ana, action: mark, with: {chat: ana}}": "9:44: 'ana' cannot do that to itself; name another phone",
    "act: {phone: ana, action: typing, with: {to: ana}}": "9:46: 'ana' cannot do that to itself; name another",
    "send: {from: ana, to: clinic, text: oi, id: a b}": "9:45: steps[1].send.id: must be 1 to 1,024 printable ASCII",
    'send: {from: ana, to: clinic, text: "\\ud800"}': "9:35: steps[1].send.text: holds a half of a character",
    "send: {from: ana, to: clinic, message: {kind: unknown, field: 9, data: é}}": (
        "9:35: steps[1].send.message.unknown.data: must be base64, like aGk="
    ),
    "wait: !!float 1": "9:11: not YAML: the tag tag:yaml.org,2002:float means nothing here",
    "? [a]\n    : 1\n    wait: 1": "9:7: a field's name must be text, not a list or fields; write it in quotes",
    "wait: " + 50 * "[" + 50 * "]": "9:48: not YAML: nested deeper than 40",
    "&a parallel: [[*a]]": "9:",
    "parallel: []": "9:5: steps[1].parallel: must not be empty",
    "wait: soon": "9:5: steps[1].wait: must be a number",
    "{wait: 1, wait: 2}": "9:15: 'wait' is given twice, first in line 9; remove one or rename it",
    "wait: [1": "10:1: not YAML: expected ',' or ']', but got '<stream end>'; look at indentation",
}


@pytest.mark.parametrize(("step", "complaint"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_place_and_remedy(step: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        parse(f"{HEAD}  - {step}\n", "a.yaml")
    assert str(refused.value).startswith(f"a.yaml:{complaint}")


def test_a_number_that_two_phones_have_is_told() -> None:
    with pytest.raises(ScenarioError, match=r"a.yaml:4:3: 'ana' has this number too; give each phone its own"):
        parse(HEAD.replace("5511900000001", "5511911111111") + "  - wait: 1\n", "a.yaml")


def test_every_mistake_is_named_at_once() -> None:
    steps = "  - wiat: 1\n  - expect: {phone: ana, within: -1}\n  - send: {from: ana}\n"
    with pytest.raises(ScenarioError) as refused:
        parse(HEAD + steps, "a.yaml")
    assert [line.split(": ")[0] for line in str(refused.value).splitlines()] == [
        "a.yaml:9:5",
        "a.yaml:10:26",
        "a.yaml:11:5",
    ]


def test_mistakes_of_form_and_of_reference_are_told_together_in_the_order_of_the_file() -> None:
    head = HEAD.replace("[cat, 8080]", "[cat], folder: nowhere, direktory: x").replace("phone: clinic", "phone: clinik")
    steps = "  - send: {from: anna, to: clinic, text: '${wat}', file: a}\n  - wiat: 1\n    wiat: 2\n  - kill: bo\n"
    with pytest.raises(ScenarioError) as refused:
        parse(head + steps, "a.yaml")
    assert [line.split("; ")[0].split(", did")[0] for line in str(refused.value).splitlines()] == [
        "a.yaml:6:9: unknown phone 'clinik'",
        f"a.yaml:6:40: there is no folder {str(Path('nowhere').resolve())!r}",
        "a.yaml:6:57: unknown field 'direktory' in clients.bot",
        "a.yaml:9:5: steps[1].send: 'file' belongs to a 'message' of a kind that has one, like {kind: image}",
        "a.yaml:9:12: unknown phone 'anna'",
        "a.yaml:9:36: unknown variable ${wat}",
        f"a.yaml:9:52: there is no file {str(Path('a').resolve())!r}",
        "a.yaml:10:5: unknown field 'wiat' in steps[2]",
        "a.yaml:11:5: 'wiat' is given twice, first in line 10",
        "a.yaml:12:5: unknown client 'bo'",
    ]


LATE = {
    "  - send: {from: ana, to: clinic, text: '${x}'}\n  - send: {from: ana, to: clinic, text: a, save: x}\n": (
        "9:35: variable ${x} is used before steps[2] has saved it; put that step before this place"
    ),
    "  - parallel:\n    - - expect: {phone: ana, save: x}\n    - - send: {from: ana, to: clinic, text: '${x}'}\n": (
        "11:39: variable ${x} is used before steps[1].parallel[1][1] has saved it; put that step"
    ),
    "  - expect: {phone: ana, pattern: '(?P<x>.) ${x}'}\n": "9:26: variable ${x} is used before steps[1] has saved it",
}


@pytest.mark.parametrize(("steps", "complaint"), LATE.items(), ids=["later", "beside", "itself"])
def test_a_variable_that_is_used_before_it_is_saved_is_told(steps: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        parse(HEAD + steps, "a.yaml")
    assert str(refused.value).startswith(f"a.yaml:{complaint}")


def test_what_clients_and_variables_use_must_be_there_before_the_first_step() -> None:
    head = HEAD.replace("[cat, 8080]", "[cat, '${x}']").replace("service: banho", "late: '${early}', early: a")
    with pytest.raises(ScenarioError) as refused:
        parse(head + "  - send: {from: ana, to: clinic, text: a, save: x}\n", "a.yaml")
    assert [line.split(";")[0].split(", did")[0] for line in str(refused.value).splitlines()] == [
        "a.yaml:6:39: variable ${x} is used before steps[1] has saved it",
        "a.yaml:7:13: unknown variable ${early}",
    ]


def test_what_is_saved_side_by_side_is_known_afterwards_and_a_code_may_be_named_by_it() -> None:
    steps = """\
  - parallel:
    - - expect: {phone: ana, save: x}
    - - expect: {phone: clinic, pattern: "(?P<y>.)"}
  - start: bot
  - send: {from: ana, to: clinic, text: "${x} ${y}"}
"""
    assert parse(HEAD.replace('output: "CODE (.+)"', 'file: "${x}"') + steps, "a.yaml").scenario.steps


def test_numbers_are_read_as_yaml_writes_them() -> None:
    steps = (
        "  - fault: {kind: delay, phone: ana, delay: 1.50}\n"
        "  - fault: {kind: delay, phone: ana, delay: 1e3}\n"
        "  - wait: .5\n"
        "  - {wait: 5}\n"
        "  - send: {from: ana, to: clinic, text: 1e3, id: 3E10}\n"
        "  - send: {from: ana, to: clinic, message: {kind: location, latitude: -23.550, longitude: 4}}\n"
        "  - send: {from: ana, to: clinic, message: {kind: unknown, field: 900, data: //79}}\n"
    )
    delays, numbers = parse(HEAD + steps, "a.yaml").scenario.steps, []
    for step in delays[:2]:
        assert step.fault is not None
        numbers.append(step.fault.delay)
    assert [*numbers, *(step.wait for step in delays[2:4])] == [1.5, 1000, 0.5, 5]
    text, place, unknown = (step.send for step in delays[4:])
    assert text is not None
    assert (text.text, text.id) == ("1e3", "3E10")
    assert place is not None
    assert isinstance(place.message, Location)
    assert place.message.latitude == -23.55
    assert unknown is not None
    assert isinstance(unknown.message, Unknown)
    assert unknown.message.data == b"\xff\xfe\xfd"


def test_half_a_character_is_told_once() -> None:
    with pytest.raises(ScenarioError) as refused:
        parse(HEAD + '  - send: {from: ana, to: clinic, text: "\\ud800"}\n', "a.yaml")
    assert str(refused.value).splitlines() == [f"a.yaml:9:35: steps[1].send.text: {ADVICE}"]


def test_names_may_have_accents() -> None:
    text = "scenario: x\nphones: {clínica: +5511900000001}\nsteps:\n  - unlink: clínica\n"
    assert parse(text, "a.yaml").scenario.phones["clínica"].number == "+5511900000001"


def test_what_looks_like_a_number_is_text_as_it_was_written() -> None:
    (step,) = parse(HEAD + "  - send: {from: ana, to: clinic, text: 1.10}\n", "a.yaml").scenario.steps
    assert step.send is not None
    assert step.send.text == "1.10"


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("[no-such-bot]", "a.yaml:6:34: the program 'no-such-bot' is not on PATH; install it, or write its path"),
        ("[./bot.py]", f"a.yaml:6:34: the program '{Path('bot.py').resolve()}' cannot be run; install it, or write"),
        ("[cat], environment: {PATH: /nowhere}", "a.yaml:6:34: the program 'cat' is not on PATH; install it"),
    ],
)
def test_a_program_that_is_not_there_is_told(command: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        parse(HEAD.replace("[cat, 8080]", command) + "  - wait: 1\n", "a.yaml")
    assert str(refused.value).startswith(complaint)


def test_a_program_is_looked_for_from_the_clients_folder(tmp_path: Path) -> None:
    program = tmp_path / "inner" / "bot"
    program.parent.mkdir()
    program.touch(mode=0o755)
    head = HEAD.replace("[cat, 8080]", "[./bot], folder: inner")
    assert parse(head + "  - wait: 1\n", str(tmp_path / "a.yaml")).scenario.steps


def test_files_that_variables_name_are_not_looked_for() -> None:
    step = "  - send: {from: ana, to: clinic, message: {kind: image}, file: '${folder}/made-later.jpg'}\n"
    assert parse(HEAD + step, "a.yaml").scenario.steps


@pytest.mark.parametrize("content", ["steps: 5", "phones: [1]\nsteps: [1, [2]]", "clients: {a: 1}\nsteps: {a: 1}"])
def test_whatever_a_file_holds_is_explained(content: str) -> None:
    with pytest.raises(ScenarioError, match=r"a.yaml:1:1: the scenario lacks 'scenario'; add it"):
        parse(content, "a.yaml")


def test_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(HEAD + "  - start: bto\n")
    with pytest.raises(ScenarioError, match=r"(?s)one\.yaml:9:5: unknown client.*\n.*two\.yaml:9:5: unknown client"):
        load_all([tmp_path / "one.yaml", tmp_path / "two.yaml"])


def test_saved_ids_and_named_groups_are_variables() -> None:
    steps = """\
  - expect: {phone: ana, pattern: "às (?P<hour>\\\\d+)", save: answer}
  - send: {from: ana, to: clinic, text: "${hour} ${folder} ${ana}", quote: "${answer}"}
"""
    assert len(parse(HEAD + steps, "a.yaml").scenario.steps) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "a.yaml:1:1: the file is empty; a scenario has 'scenario', 'phones' and 'steps'"),
        ("- 1\n", "a.yaml:1:1: the scenario: must be fields with values, like {name: value}"),
        ("scenario: x\n", "a.yaml:1:1: the scenario lacks 'phones'; add it"),
        (
            HEAD.replace("+5511900000001", "12") + "  - wait: 1\n",
            "a.yaml:4:3: phones.clinic.number: '12' is no phone number",
        ),
        (HEAD.replace("phone: clinic", "phone: clinik") + "  - wait: 1\n", "a.yaml:6:9: unknown phone 'clinik'"),
        ("a: \x00\n", "a.yaml:1:4: not YAML: the character #x0000 is not allowed; remove it"),
    ],
)
def test_a_wrong_file_is_explained(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        parse(text, "a.yaml")
    assert str(refused.value).startswith(complaint)


def test_a_file_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"no.yaml: cannot be read: .*No such file"):
        load(tmp_path / "no.yaml")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"scenario: x\nphones: \xe9\n", ":2:9: not UTF-8 (byte 0xe9); save the file as UTF-8"),
        (b"# " + bytes(50 << 20), ": larger than 1 MiB, so it is no scenario; name another file"),
        (bytes(range(1, 256)), ":2:118: not UTF-8 (byte 0x80)"),
        (b"%YAML 9.9\n---\na: 1\n", ":1:1: not YAML: found incompatible YAML document"),
        (b"a: " + b"[" * 100_000, ":1:43: not YAML: nested deeper than 40"),
        (b"a: &a [*a]\n", ":1:4: an alias that repeats itself, or more than 100,000 parts by aliases"),
        (
            LAUGHS.encode(),
            "an alias that repeats itself, or more than 100,000 parts by aliases; write out what is meant",
        ),
        (b"scenario: t\n\tphones: {}\n", ":2:1: not YAML: found character '\\t' that cannot start any token"),
        (b"a: 1\n---\nb: 2\n", ":2:1: not YAML: but found another document"),
    ],
    ids=["latin-1", "large", "binary", "directive", "deep", "itself", "laughs", "tab", "documents"],
)
def test_whatever_bytes_a_file_has_are_explained(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(ScenarioError) as refused:
        load(tmp_path / "a.yaml")
    assert complaint in str(refused.value)
