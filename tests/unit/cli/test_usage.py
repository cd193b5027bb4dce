"""What `oxy usage` prints of a report."""

from oxy_cli.commands.usage import By, remark_on_budgets, table

FIGURES = {
    "calls": 3,
    "prompt_tokens": 900,
    "cached_tokens": 100,
    "completion_tokens": 30,
    "audio_seconds": 0.0,
    "cost_microdollars": 12_345,
    "cost_cents": "1.2345",
    "unknown_calls": 0,
    "unsettled_calls": 0,
    "unsettled_microdollars": 0,
}
TENANT = {"organization": "petshop", "instance": "main", "month": "2026-11"}


def test_a_line_shows_cents_beside_micro_dollars_and_the_share_of_the_budget() -> None:
    line = TENANT | FIGURES | {"budget_microdollars": 50_000, "budget_cents": "5", "audio_seconds": 12.4}
    header, rows = table({"lines": [line], "total": FIGURES}, By.MONTH)
    assert rows[0] == ["petshop", "main", "2026-11", "3", "900", "100", "30", "12s", "12345", "1.2345", "5 (25%)", ""]
    assert rows[1] == ["total", "", "", "3", "900", "100", "30", "", "12345", "1.2345", "", ""]
    assert len(header) == len(rows[0])


def test_where_a_budget_is_shown_it_is_said_why_its_last_cent_may_stay() -> None:
    line = TENANT | FIGURES
    assert remark_on_budgets({"lines": [line]}) == ""
    assert "is reserved before it is made" in remark_on_budgets({"lines": [line, line | {"budget_microdollars": 0}]})


def test_what_nobody_knows_and_what_is_not_settled_is_said() -> None:
    unsure = {"unknown_calls": 2, "unsettled_calls": 1, "unsettled_microdollars": 1800}
    _, [row, _] = table({"lines": [TENANT | FIGURES | unsure], "total": FIGURES}, By.MONTH)
    assert row[-1] == "2 calls of unknown cost are not in it; 1 unsettled calls count 1800 in full"


def test_a_budget_of_nothing_has_no_share() -> None:
    line = TENANT | FIGURES | {"budget_microdollars": 0, "budget_cents": "0"}
    assert table({"lines": [line], "total": FIGURES}, By.MONTH)[1][0][-2] == "0"


def test_a_conversation_has_a_column_of_its_own() -> None:
    line = TENANT | FIGURES | {"subject": "petshop:7", "phone": "+55…01"}
    header, [row, total] = table({"lines": [line], "total": FIGURES}, By.CONVERSATION)
    assert (header[3], row[3], total[3]) == ("CONVERSATION", "petshop:7 +55…01", "")
