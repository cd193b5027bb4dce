from pathlib import Path

import pytest

from oxy_core.instance.connection_causes import CONNECTION_CAUSES, ConnectionCause, Effect, connection_cause
from oxy_core.instance.terminal_causes import TERMINAL_CAUSES, ExitCode


@pytest.mark.parametrize("cause", CONNECTION_CAUSES.values(), ids=CONNECTION_CAUSES.keys())
def test_each_cause_says_once_what_happened_and_what_to_do(cause: ConnectionCause) -> None:
    text = cause.explain("petshop", "read: connection reset by peer.")
    advice = cause.advice.replace("{instance}", "petshop")
    assert cause.reason.isalnum()
    assert cause.reason[0].isupper()
    assert text.startswith(f"{cause.happened}: read: connection reset by peer. {advice.removesuffix(' oxy pair')}")
    assert text.count(cause.happened) == 1
    assert ".." not in text
    assert not cause.happened.endswith(".")
    assert not cause.advice.endswith(".")
    assert cause.explain("petshop").startswith(f"{cause.happened}. {advice}"[:-1])


def test_a_cause_that_ends_the_connection_names_the_command_and_its_exit_code() -> None:
    ending = [cause for cause in CONNECTION_CAUSES.values() if cause.effect is Effect.ENDS]
    assert {cause.reason for cause in ending} == set(TERMINAL_CAUSES)
    for cause in ending:
        assert (cause.reconnects, cause.warns) == (False, True)
        assert cause.exit_code is not None
        assert cause.exit_code.ends_epoch
        assert cause.explain("petshop").endswith("oxy pair petshop")


@pytest.mark.parametrize("reason", ["BadSession", "SessionMissing"])
def test_each_command_for_a_lost_session_names_the_instance_and_other_braces_stay(reason: str) -> None:
    text = CONNECTION_CAUSES[reason].explain("petshop -n shop", "it is {odd} {instance}")
    assert ": it is {odd} {instance}. " in text
    assert (
        "for which no phone is needed: oxy sessions restore petshop -n shop, or spec.session.restoreFrom with a new "
        "request. Without a backup of it, remove the old device on the phone, then run: oxy pair petshop -n shop"
    ) in text


def test_a_cause_that_passes_has_no_exit_code_but_that_of_the_last_attempt() -> None:
    codes = {cause.exit_code for cause in CONNECTION_CAUSES.values() if cause.effect is not Effect.ENDS}
    assert codes == {None, ExitCode.ATTEMPTS_EXHAUSTED}


def test_a_reason_of_another_version_has_no_row() -> None:
    assert [connection_cause(reason) for reason in ("Tomorrow", "", None)] == [None] * 3


def test_the_documentation_has_every_cause() -> None:
    text = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text()
    section = text.partition("## Connection life cycle")[2].partition("\n## ")[0]
    assert not {reason for reason in CONNECTION_CAUSES if reason not in section}
