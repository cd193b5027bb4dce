import io
import re
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import urllib3

from oxy_cli.cluster import Completed, exit_code_of, explained, reason_of
from oxy_cli.commands.logs import readable
from oxy_cli.errors import AdminError, ClusterError
from oxy_cli.instance import InstanceView
from oxy_cli.output import age, bar, print_bars, print_rows, print_table
from oxy_cli.worker_admin import answer_of

RESOURCE = {
    "metadata": {"namespace": "n", "name": "shop", "creationTimestamp": "2026-03-04T11:00:00Z"},
    "spec": {"organizationId": "org", "phoneNumber": "+5511987654321"},
}


def test_a_phone_number_is_never_shown_in_full() -> None:
    status = {"jid": "5511987654321@s.whatsapp.net"}
    shown = str(InstanceView.of({**RESOURCE, "status": status}).detail())
    assert "4321" in shown
    assert "98765" not in shown


def test_an_instance_that_the_operator_has_not_seen_is_pending() -> None:
    assert InstanceView.of(RESOURCE).summary() | {"createdAt": ""} == {
        "namespace": "n",
        "name": "shop",
        "organization": "org",
        "phone": "…4321",
        "phase": "Pending",
        "ready": False,
        "reason": "",
        "frozen": False,
        "attempts": 0,
        "createdAt": "",
    }


@pytest.mark.parametrize("write", [print_table, print_rows])
def test_nobodys_name_steers_the_terminal(write: Callable[..., object], capsys: pytest.CaptureFixture[str]) -> None:
    write(["NAME", "PET"], [["\x1b]0;owned\x07Ana", "\x9b31mRex"]])
    shown = capsys.readouterr().out
    assert "Ana" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)


class Screen(io.StringIO):
    """A terminal, as far as the command asks."""

    def isatty(self) -> bool:
        return True


TABLE = (
    ("NAMESPACE", "NAME", "WHAT", "DELETABLE"),
    [
        ["default", "petshop", "wai-petshop-session", "no: it is the only copy of a linked session (--without-backup)"],
        ["default", "bakery-das-árvores", "session.db.set-aside-20261129T120000", "yes"],
    ],
)


@pytest.mark.parametrize("width", [1, 12, 30, 50, 70, 80, 100, 120, 200])
@pytest.mark.parametrize("columns", [TABLE[0], [""] * 4])
def test_no_terminal_is_too_narrow_for_any_cell_of_a_table(
    width: int, columns: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    rows = TABLE[1]
    print_table(columns, rows)
    shown = "".join(screen.getvalue().split())
    for part in (*columns, *(cell for row in rows for cell in row[:-1])):
        assert part in shown
    for word in " ".join(row[-1] for row in rows).split():
        assert word in shown


def test_what_fits_no_terminal_beside_each_other_stands_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def lines(width: int, *table: object) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "stdout", screen := Screen())
        print_table(*table)
        return re.sub(r"\x1b\[\d+m", "", screen.getvalue()).splitlines()

    table = (("NAME", "WHY"), [["shop", "it is the only copy"], ["bakery", "yes"]])
    assert lines(27, *table) == ["NAME    WHY", "shop    it is the only copy", "bakery  yes"]
    table = (("NAME", "WHY"), [["a-shop-with-a-long-name", "it is the only copy of a linked session"], ["b", "yes"]])
    assert lines(50, *table) == [
        "NAME                     WHY",
        "a-shop-with-a-long-name  it is the only copy of a",
        "                         linked session",
        "b                        yes",
    ]
    assert lines(40, *table) == [
        "NAME  a-shop-with-a-long-name",
        "WHY   it is the only copy of a linked",
        "      session",
        "",
        "NAME  b",
        "WHY   yes",
    ]
    assert lines(20, *table)[:2] == [
        "NAME  a-shop-with-a-long-name",  # which the terminal breaks
        "WHY   it is the only copy of a linked session",
    ]
    assert lines(5, ("NAME", "WHY"), []) == ["NAME  WHY"]
    assert lines(80, ("A", "B", "C"), [["猫\nx", "y", ""], ["a", "", "b\tc"]]) == [
        "A   B  C",
        "猫  y",
        "x",
        "a      b       c",
    ]


def test_what_is_piped_has_a_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "WHAT", "WHY"), [["shop", "x" * 2_000, "too long " * 1_000], ["bakery", "", "no"]])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", "shop", "bakery"]
    assert "x" * 2_000 in lines[1]
    assert lines[1].count("too long") == 1_000


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=-3), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(minutes=119), "119m"),
        (timedelta(hours=2), "2h"),
        (timedelta(hours=47), "47h"),
        (timedelta(days=2), "2d"),
    ],
)
def test_ages_have_one_unit(ago: timedelta, text: str) -> None:
    now = datetime(2026, 3, 4, tzinfo=UTC)
    assert age(now - ago, now) == text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            '{"component":"tenant","epoch":1,"event":"pod_started","level":"info","timestamp":"2026-01-02T03:04:05.6Z"}',
            "2026-01-02T03:04:05 info    pod_started epoch=1",
        ),
        ("panic: something from Go", "panic: something from Go"),
        ("[1, 2]", "[1, 2]"),
        ('{"event": "without a level"}', '{"event": "without a level"}'),
    ],
)
def test_events_are_made_readable_and_other_lines_left_alone(line: str, shown: str) -> None:
    assert readable(line) == shown


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ('{"metadata":{},"status":"Success"}', 0),
        ('{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}', 3),
    ],
)
def test_the_exit_code_is_read_from_the_status(status: str, code: int) -> None:
    assert exit_code_of(status) == code


@pytest.mark.parametrize(
    ("status", "why"),
    [("", "connection was lost"), ('{"status":"Failure","message":"container not found"}', "container")],
)
def test_a_command_that_did_not_run_is_an_error(status: str, why: str) -> None:
    with pytest.raises(ClusterError, match=why):
        exit_code_of(status)


@pytest.mark.parametrize(
    ("status", "body", "parts"),
    [
        (404, '{"message":"wai \\"x\\" not found"}', ['wai "x" not found', "oxy status --all-namespaces"]),
        (404, "404 page not found", ["Oxy is not installed"]),
        (403, '{"message":"secrets is forbidden"}', ["secrets is forbidden", "administrator"]),
        (401, '{"message":"Unauthorized"}', ["Unauthorized", "credentials"]),
        (500, None, ["HTTP status 500"]),
    ],
)
def test_refusals_say_why_and_what_to_do(status: int, body: str | None, parts: list[str]) -> None:
    for part in parts:
        assert part in reason_of(status, body)


def test_a_workers_error_message_is_passed_on() -> None:
    with pytest.raises(AdminError, match="no such organization"):
        answer_of(Completed("", "no such organization\n", 1), "pod")


def test_a_worker_s_command_that_was_killed_is_explained() -> None:
    with pytest.raises(AdminError, match="code 137, no message: it was killed"):
        answer_of(Completed("", "", 137), "pod")
    with pytest.raises(AdminError, match=r"code 3, no message$"):
        answer_of(Completed("", "", 3), "pod")


def test_an_answer_that_is_not_json_is_an_error() -> None:
    with pytest.raises(AdminError, match="same version"):
        answer_of(Completed("hello", "", 0), "pod")


@pytest.mark.parametrize(("listens", "reason"), [(False, "(Connection refused)"), (True, "timed out)")])
def test_an_unreachable_server_is_explained_briefly(listens: bool, reason: str) -> None:  # noqa: FBT001 a case
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(ClusterError) as caught, explained("cannot list"), urllib3.PoolManager(retries=1) as pool:
            pool.request("GET", url, timeout=0.2)
    assert reason in str(caught.value)
    assert "Pool" not in str(caught.value)
    assert "Is the cluster up" in str(caught.value)


def test_rows_are_written_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    written: list[str] = []

    def coming() -> Iterator[tuple[str, str]]:
        for number in range(150):
            written.append(capsys.readouterr().out)
            yield f"{number}", "x" * number

    assert print_rows(("A", "WHY"), coming()) == 150
    assert written[:100] == [""] * 100  # the first are waited for: they decide how wide the columns are
    lines = "".join(written).splitlines()
    assert lines[:3] == ["A   WHY", "0", "1   x"]
    assert written[120].startswith("119  x")


def test_rows_of_given_widths_are_waited_for_by_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_rows(("A", "B"), [("1", "2")], widths=(4, 1)) == 1
    assert capsys.readouterr().out == "A     B\n1     2\n"
    assert print_rows(("A", "B"), []) == 0
    assert capsys.readouterr().out == ""


def test_bars_are_drawn_where_there_is_room_for_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lines(width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "stdout", screen := Screen())
        print_bars(["WHO", "COUNT"], [["sent", "8"], ["read", "4"], ["booked", "0"]], 8)
        shown = re.sub(r"\x1b\[\d+m", "", screen.getvalue()).splitlines()
        assert max(map(len, shown)) <= width
        return shown

    assert lines(25) == ["WHO     COUNT", f"sent    8      {'█' * 10}", f"read    4      {'█' * 5}", "booked  0"]
    assert lines(200)[1] == f"sent    8      {'█' * 40}"
    assert lines(22) == ["WHO     COUNT", "sent    8", "read    4", "booked  0"]
    monkeypatch.undo()
    print_bars(["WHO", "COUNT"], [["sent", "8"]], 8)
    assert capsys.readouterr().out == f"WHO   COUNT\nsent  8      {'█' * 40}\n"


@pytest.mark.parametrize(
    ("count", "whole", "room", "encoding", "drawn"),
    [
        (5, 8, 4, "utf-8", "██▌"),
        (1, 1_000, 4, "utf-8", "▏"),
        (0, 8, 4, "utf-8", ""),
        (9, 8, 4, "utf-8", "████"),
        (5, 8, 4, "ascii", "##"),
        (1, 1_000, 4, "latin-1", "#"),
    ],
)
def test_a_bar_is_as_long_as_its_share(count: int, whole: int, room: int, encoding: str, drawn: str) -> None:
    assert bar(count, whole, room, encoding) == drawn
