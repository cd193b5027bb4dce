"""What a question makes of a standard input that nobody answers on."""

import io
from collections.abc import Callable

import pytest

from oxy_cli.errors import UnansweredError
from oxy_cli.questions import confirmed, typed


@pytest.mark.parametrize("ask", [confirmed, typed])
def test_a_question_that_nobody_can_answer_is_written_once(
    ask: Callable[[str, str], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(UnansweredError, match="To do it all the same: --yes") as refused:
        ask("Delete it", "--yes")
    written = capsys.readouterr().err + str(refused.value)
    assert written.count("Delete it") == 1
    assert "\nnothing was changed" in written
