import pytest
from typer.testing import CliRunner

from oxy_cli.__main__ import app
from oxy_cli.commands.contact import described
from oxy_core.contact_command import ContactAnswer


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (ContactAnswer(known=False), "Ana has not written to this instance, and would be answered."),
        (ContactAnswer(known=True), "The assistant answers Ana."),
        (ContactAnswer(known=True, private=True), "The assistant never answers Ana."),
        (
            ContactAnswer(known=False, private=True, listed=True),
            "The assistant never answers Ana, because the catalog lists the number.",
        ),
        (
            ContactAnswer(known=True, opt_out="all"),
            "The assistant answers Ana. The contact opted out of all messages.",
        ),
        (
            ContactAnswer(known=True, opt_out="proactive"),
            "The assistant answers Ana. The contact opted out of messages that nobody asked for.",
        ),
    ],
)
def test_what_is_known_of_a_contact_is_said_in_words(found: ContactAnswer, sentence: str) -> None:
    assert described(found, "Ana") == sentence


@pytest.mark.parametrize("verb", ["private", "show"])
def test_help_is_plain(verb: str) -> None:
    result = CliRunner().invoke(app, ["contact", verb, "--help"])
    assert result.exit_code == 0
    assert "PHONE" in result.output
