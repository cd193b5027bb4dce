"""`python -m oxy_ai.evaluate` against an OpenAI-compatible endpoint: report, comparison, exit status, and no trace."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from integration.ai.scripted_dialogues import DIALOGUES, Script, running_scripts

from oxy_ai.evaluation.command import main
from oxy_ai.evaluation.scratch import PREFIX
from oxy_ai.petshop.prompts import OWN
from oxy_dev.postgres import PostgresServer

ANSWERS = {
    "prices/bath": ("O banho custa R$ 65,00.",),
    "hours/sunday": ("Domingo, das 8h às 20h, te esperamos!", "Aos domingos estamos fechados."),
}


pytestmark = pytest.mark.usefixtures("logs_as_before")


@pytest.fixture
def endpoint() -> Iterator[str]:
    """An endpoint in a thread of its own, as the command has its own loop."""
    loop, ready, ended = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: list[str] = []

    async def serve() -> None:
        scripts = {name: Script(responses=texts) for name, texts in ANSWERS.items()}
        async with running_scripts(scripts) as model:
            found.append(model.base_url)
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.wait()
    yield found[0]
    loop.call_soon_threadsafe(ended.set)
    thread.join()
    loop.close()


def databases(server: PostgresServer) -> list[str]:
    with psycopg.connect(server.url()) as connection:
        rows = connection.execute("select datname from pg_database where datname like %s", [f"{PREFIX}%"]).fetchall()
    return [name for (name,) in rows]


def impossible(folder: Path) -> Path:
    """A dialogue that PostgreSQL cannot store: the others are played all the same."""
    business = (DIALOGUES / "businesses/default.yaml").read_text().replace("../..", str(DIALOGUES.parent))
    (folder / "businesses").mkdir()
    (folder / "businesses/default.yaml").write_text(business)
    path = folder / "impossible.yaml"
    said = (DIALOGUES / "prices/bath.yaml").read_text()
    path.write_text(said.replace("turns:", 'before: {person: {name: "A\\0na"}}\nturns:'))
    return path


def test_a_report_is_written_and_the_exit_status_tells(
    postgres_server: PostgresServer, endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "brief"
    prompts.mkdir()
    (prompts / "customer.md").write_text((OWN / "customer.md").read_text().replace("com simpatia", "sem rodeios"))
    html, report = tmp_path / "report.html", tmp_path / "report.json"
    arguments = [
        *(str(DIALOGUES), *(f"--only={name}" for name in ANSWERS)),
        *("--base-url", endpoint, "--model", "gpt-4o-mini", "--model", "local-8b"),
        *("--database-url", postgres_server.url(), "--html", str(html), "--json", str(report)),
    ]
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(f"create database {PREFIX}20200101000000_left")
        connection.execute(f"create database {PREFIX}mine")
        before = connection.execute("select rolpassword from pg_authid where rolname = 'oxy_app'").fetchone()
        assert main([str(impossible(tmp_path)), *arguments, "--only=impossible", "--threshold", "0.1"]) == 0
        after = connection.execute("select rolpassword from pg_authid where rolname = 'oxy_app'").fetchone()
        assert databases(postgres_server) == [f"{PREFIX}mine"]
        connection.execute(f"drop database {PREFIX}mine")
    assert before == after
    written = json.loads(report.read_text())
    assert [(found["variant"], found["total"]["played"]) for found in written["figures"]] == [
        ("gpt-4o-mini", 3),
        ("local-8b", 3),
    ]
    assert {found["played"]["broken"] is None for found in written["dialogues"] if "impossible" in found["name"]} == {
        False
    }
    assert written["figures"][0]["cost_microdollars"] > 0
    assert written["figures"][1]["cost_microdollars"] is None
    page = html.read_text()
    assert page.startswith("<!doctype html>")
    assert "http-equiv" not in page
    assert "<script" not in page
    assert "Aos domingos estamos fechados." in page
    shown = capsys.readouterr().out
    assert "unknown, the model has no known price" in shown
    assert "by skill" in shown
    assert "p95" in shown
    assert main([*arguments, "--prompts", str(prompts), "--threshold", "1"]) == 0
    assert "gpt-4o-mini · brief" in capsys.readouterr().out
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "customer.md").write_text("Você é {{ nobody }}.")
    assert main([*arguments, "--prompts", str(wrong)]) == 2
    assert "wrong or unused variables" in capsys.readouterr().err


def test_what_cannot_be_played_is_explained(endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(DIALOGUES), "--check"]) == 0
    assert main([str(tmp_path)]) == 2
    assert "no dialogue in" in capsys.readouterr().err
    nowhere = ["--database-url", "postgresql://nobody@127.0.0.1:1/x", "--base-url", endpoint]
    assert main([str(DIALOGUES), "--only", "prices/bath", *nowhere]) == 2
    assert "give --database-url the URL of a role that may create databases" in capsys.readouterr().err
    playing = [str(DIALOGUES), "--only", "prices/bath", "--database-url", "postgresql://nobody@127.0.0.1:1/x"]
    for url, told in (
        ("http://127.0.0.1:1/v1", "no endpoint at"),
        ("notaurl", "is no URL"),
        ("ftp://x/v1", "is no URL"),
    ):
        assert main([*playing, "--base-url", url]) == 2
        assert told in capsys.readouterr().err
    assert main([*playing, "--base-url", endpoint, "--html", str(tmp_path / "none" / "report.html")]) == 2
    assert "--html: cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--repeat", "0"),
        ("--repeat", "1.5"),
        ("--at-once", "-1"),
        ("--timeout", "-3"),
        ("--timeout", "nan"),
        ("--threshold", "7"),
        ("--threshold", "x"),
    ],
)
def test_numbers_out_of_range_are_refused(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(DIALOGUES), "--check", f"{option}={value}"])
    assert f"argument {option}: {value} is no" in capsys.readouterr().err
