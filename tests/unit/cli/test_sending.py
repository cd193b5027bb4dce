"""What an instance's number may send without being asked, as `oxy status` shows it."""

from oxy_cli.sending import sending_rows, waiting_rows

SENDING = {
    "per_minute": 20,
    "this_minute": 3,
    "promotions_a_day": 50,
    "promotions_left": 12,
    "promotion_day": 2,
    "quiet_hours": "21:00-08:00",
    "quiet_until": "2031-03-03T11:00:00Z",
    "timezone": "America/Sao_Paulo",
    "paused": {"why": "reachout_locked", "at": "2031-03-02T15:00:00Z"},
    "waiting": [
        {
            "purpose": "promotion",
            "why": "quiet_hours",
            "texts": 34,
            "since": "2031-03-02T15:00:00Z",
            "until": "2031-03-03T11:00:00Z",
        },
        {"purpose": "booking", "why": "campaign paused", "texts": 1, "since": "2031-03-02T15:00:00Z"},
    ],
}


def test_what_is_left_and_what_stopped_it() -> None:
    rows = dict(sending_rows(SENDING, "main -n shop"))
    assert rows["promotions left today"] == "12 of 50 (day 2 on which the number sends any)"
    assert rows["sent in the last minute"] == "3 of 20"
    assert rows["quiet hours"] == "21:00-08:00 America/Sao_Paulo, until 2031-03-03 08:00 -03:00"
    assert rows["stopped"] == (
        "since 2031-03-02 12:00 -03:00: WhatsApp lets the number write to nobody first. "
        "To go on: oxy campaign resume main -n shop --instance"
    )


def test_a_number_that_nobody_stopped_says_nothing_of_it() -> None:
    unsaid = {"paused", "quiet_until", "promotions_left"}
    free = {name: value for name, value in SENDING.items() if name not in unsaid} | {"quiet_hours": ""}
    rows = dict(sending_rows(free, "main -n shop"))
    assert "stopped" not in rows
    assert (rows["quiet hours"], rows["promotions left today"][:9]) == ("none America/Sao_Paulo", "? of 50 (")


def test_why_something_waits() -> None:
    quiet, held = waiting_rows(SENDING)
    assert quiet[:3] == ["promotions", "it is quiet (spec.limits.quietHours)", "34"]
    assert quiet[4] == "2031-03-03 08:00 -03:00"
    assert held == ["bookings", "campaign paused", "1", "2031-03-02 12:00 -03:00", ""]
