"""`oxy-simulator run`, `phone` and `trust` as people use them: as commands, with real neonize."""

import asyncio
import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from oxy_simulator.clients import ClientError
from oxy_simulator.contents import Reaction
from oxy_simulator.linksource import read_source
from oxy_simulator.scenario import Source
from oxy_simulator.testing import WhatsApp

EXAMPLES = Path(__file__).parents[3] / "simulator" / "examples"
PATIENCE = 30.0
PHONES = "phones: {ana: +5511911111111, bot: +5511900000001}\n"


def environment() -> dict[str, str]:
    """The shell's environment with this virtual environment active."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def simulator(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["oxy-simulator", *arguments],
        env=environment(),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )


def run(tmp_path: Path, steps: str, *options: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "test.yaml"
    file.write_text(f"scenario: A test\n{PHONES}{steps}")
    return simulator("run", str(file), *options)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_examples_come_true(file: Path) -> None:
    done = simulator("run", str(file), "--client-output")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✔ ana got 'eco: " in done.stdout
    assert "ana → clinic: " in done.stdout


def test_a_broken_expectation_is_told_with_its_line(tmp_path: Path) -> None:
    steps = "steps:\n  - send: {from: ana, to: bot, text: oi}\n  - expect: {phone: bot, text: tchau, within: 0.1}\n"
    done = run(tmp_path, steps, "--evidence", str(tmp_path / "evidence"))
    assert done.returncode == 1
    assert "ana → bot: oi" in done.stdout
    assert f"✘ {tmp_path}/test.yaml:5:5: 5511900000001 expected 'tchau' within 0.1 s and got 5511911111111: 'oi'" in (
        done.stdout
    )
    assert ": oi" in (tmp_path / "evidence" / "test" / "transcript.txt").read_text()


def test_messages_of_any_kind_and_other_acts_of_phones(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff" + bytes(100))
    steps = """\
steps:
  - send: {from: ana, to: bot, text: "veja", save: first}
  - send: {from: bot, to: ana, message: {kind: reaction, target: "${first}", emoji: 👍}}
  - expect: {phone: ana, kind: reaction, text: 👍}
  - send: {from: ana, to: bot, message: {kind: image, caption: "foto de ${first}"}, file: photo.jpg}
  - expect: {phone: bot, kind: image, pattern: foto de 3A}
  - act: {phone: ana, action: typing, with: {to: bot}}
"""
    done = run(tmp_path, steps)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bot → ana: [reaction] 👍" in done.stdout
    assert "· ana: typing to=bot" in done.stdout


def test_a_wrong_scenario_is_refused_before_anything_happens(tmp_path: Path) -> None:
    done = run(tmp_path, "steps:\n  - send: {from: ana, to: bto, text: oi}\n")
    assert done.returncode == 2
    assert f"{tmp_path}/test.yaml:4:23: unknown phone 'bto', did you mean 'bot'?" in done.stderr
    assert done.stdout == ""


def test_a_program_that_is_not_there_is_told_before_anything_happens(tmp_path: Path) -> None:
    client = "clients:\n  c: {phone: bot, command: [no-such-bot], link: {code: {output: CODE}}}\nsteps:\n  - start: c\n"
    done = run(tmp_path, client)
    assert (done.returncode, done.stdout) == (2, "")
    complaint = "test.yaml:4:29: the program 'no-such-bot' is not on PATH; install it, or write its path"
    assert complaint in done.stderr


def test_a_client_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    client = """\
clients:
  c:
    phone: bot
    command: [sh, -c, "echo cannot go on; exit 3"]
    link: {code: {output: CODE}}
steps:
  - start: c
"""
    done = run(tmp_path, client)
    assert done.returncode == 1
    assert "test.yaml:9:5: client c ended with status 3; its last output:" in done.stdout
    assert "c | cannot go on" in done.stdout


@pytest.mark.parametrize("scenario_within", [True, False])
def test_a_client_may_take_as_long_as_the_step_or_the_scenario_says(tmp_path: Path, *, scenario_within: bool) -> None:
    command = "command: [sh, -c, 'exec sleep 600'], link: {code: {output: CODE}}"
    start = "c" if scenario_within else "{client: c, within: 0.2}"
    head = "within: 0.2\n" if scenario_within else ""
    done = run(tmp_path, f"{head}clients:\n  c: {{phone: bot, {command}}}\nsteps:\n  - start: {start}\n")
    assert done.returncode == 1
    assert "client c did not print /CODE/ within 0.2 s; it printed nothing" in done.stdout


def test_evidence_that_cannot_be_kept_is_told_before_anything_happens(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    done = run(tmp_path, "steps:\n  - wait: 0.01\n", "--evidence", str(tmp_path / "taken"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path}/taken cannot be used: it is a file, not a folder; give --evidence another folder" in done.stderr


def test_evidence_that_can_not_be_written_at_the_end_hides_no_result(tmp_path: Path) -> None:
    (tmp_path / "evidence" / "test" / "packets.txt").mkdir(parents=True)
    steps = "steps:\n  - send: {from: ana, to: bot, text: oi}\n  - expect: {phone: bot, text: tchau, within: 0.1}\n"
    done = run(tmp_path, steps, "--evidence", str(tmp_path / "evidence"))
    assert (done.returncode, done.stderr) == (1, "")
    assert "· evidence: could not be written: " in done.stdout
    assert "test.yaml:5:5: 5511900000001 expected 'tchau'" in done.stdout


def test_a_server_that_cannot_be_reached_is_no_broken_expectation(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody can connect to it
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = run(tmp_path, "steps:\n  - wait: 0.01\n", "--url", url)
    assert (done.returncode, done.stderr) == (2, "")
    assert f"✘ no simulator answers at {url} (" in done.stdout


def test_exit_codes_are_told_by_the_help() -> None:
    for command in ([], ["run"], ["phone"]):
        assert "exit codes: 0 done" in simulator(*command, "--help").stdout


TWO_CLIENTS = """\
clients:
  bot: {phone: bot, command: [python, %s, "${folder}/bot.db"], link: {qr: {output: "QR (.+)"}}}
  two: {phone: bot, command: [%s], link: {code: {output: CODE}}}
steps:
  - start: bot
  - start: two
%s"""
ECHO_BOT = EXAMPLES / "echo_bot.py"


def test_a_client_is_not_online_because_another_of_its_phone_is(tmp_path: Path) -> None:
    done = run(tmp_path, TWO_CLIENTS % (ECHO_BOT, 'sh, -c, "echo oops; exit 3"', ""))
    assert done.returncode == 1
    assert "client bot is online" in done.stdout
    assert "test.yaml:8:5: client two ended with status 3; its last output:\n  two | oops" in done.stdout


def test_a_client_that_ends_by_itself_is_told_when_it_does_and_beside_what_failed(tmp_path: Path) -> None:
    mortal = ECHO_BOT.read_text("utf-8").replace("import sys", "import os, sys")
    # It answers first: until then it may take as long as a busy machine takes.
    answered = 'client.send_message(chat, f"eco: {text}")\n'
    mortal = mortal.replace(answered, answered + "                os._exit(4)\n")
    tmp_path.joinpath("mortal.py").write_text(mortal, "utf-8")
    done = run(
        tmp_path,
        """\
clients:
  bot: {phone: bot, command: [python, mortal.py, "${folder}/bot.db"], link: {qr: {output: "QR (.+)"}}}
steps:
  - start: bot
  - send: {from: ana, to: bot, text: fim}
  - expect: {phone: ana, text: "eco: fim"}
  - expect: {phone: ana, text: "eco: nada", within: 3}
""",
    )
    assert done.returncode == 1
    assert "· client bot ended by itself with status 4\n" in done.stdout
    assert "expected 'eco: nada' within 3 s and got nothing; client bot ended by itself with status 4" in done.stdout


JOURNALLING_BOT = """\
clients:
  bot: {phone: bot, command: [python, journalling.py, "${folder}/bot.db"], link: {qr: {output: "QR (.+)"}}}
steps:
  - start: bot
  - send: {from: ana, to: bot, text: guardada}
  - expect: {phone: ana, text: "eco: guardada"}
  - journalled: {phone: bot, file: journal}
  - send: {from: ana, to: bot, text: perdida, id: 3EB0LOST}
  - expect: {phone: ana, text: "eco: perdida"}
  - settled: {within: 30}
  - journalled: {phone: bot, file: journal, within: 0.1}
"""


def test_what_a_client_acknowledged_and_did_not_journal_is_told(tmp_path: Path) -> None:
    journalling = ECHO_BOT.read_text("utf-8").replace(
        "    if text and",
        '    if text == "guardada":\n        open("journal", "a").write(f\'"{event.Info.ID}"\\n\')\n    if text and',
    )
    tmp_path.joinpath("journalling.py").write_text(journalling, "utf-8")
    done = run(tmp_path, JOURNALLING_BOT)
    assert done.returncode == 1
    assert "✔ 1 messages are in the journal, and none is missing\n" in done.stdout
    assert "journal lacks 1 of what bot's clients acknowledged or rejected: 3EB0LOST 'perdida'" in done.stdout


def test_two_clients_of_one_phone_are_linked_and_end_each_by_itself(tmp_path: Path) -> None:
    two = f'python, {ECHO_BOT}, "${{folder}}/two.db", "${{bot}}"'
    steps = "  - kill: bot\n  - online: {phone: bot}\n  - start: bot\n  - restart: two\n"
    done = run(tmp_path, (TWO_CLIENTS % (ECHO_BOT, two, steps)).replace("output: CODE", 'output: "CODE (.+)"'))
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line.strip().split("  ", 1)[1] for line in done.stdout.splitlines()]
    assert (told.count("· client bot is online"), told.count("· client two is online")) == (2, 2)
    assert (told.count("· bot scans the QR code"), sum("types the code" in line for line in told)) == (1, 1)


def test_a_client_takes_over_the_session_of_one_that_ended(tmp_path: Path) -> None:
    two = f'python, {ECHO_BOT}, "${{folder}}/bot.db"'
    steps = TWO_CLIENTS.replace("  - start: two", "  - kill: bot\n  - start: two") % (ECHO_BOT, two, "")
    done = run(tmp_path, steps)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("scans the QR code") == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_signal_ends_the_clients_and_leaves_no_folders(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    temporary, pid = tmp_path / "temporary", tmp_path / "pid"
    temporary.mkdir()
    file = tmp_path / "test.yaml"
    client = f'{{phone: bot, command: [sh, -c, "echo $$ > {pid}; exec sleep 600"], link: {{code: {{output: CODE}}}}}}'
    file.write_text(f"scenario: A test\n{PHONES}clients:\n  c: {client}\nsteps:\n  - start: c\n")
    process = await asyncio.create_subprocess_exec(
        *("oxy-simulator", "run", str(file)),
        env={**environment(), "TMPDIR": str(temporary)},
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a background shell ignores it
    )
    async with asyncio.timeout(2 * PATIENCE):
        while not (pid.exists() and pid.read_text().strip()):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
        process.send_signal(number)
        output, _ = await process.communicate()
    assert process.returncode == status
    assert output.decode().splitlines()[-1].endswith("✘ ended by a signal; its clients were ended too")
    assert list(temporary.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


async def scenario(wa: WhatsApp, tmp_path: Path, steps: str) -> tuple[int, str]:
    """Run steps against a server in this process."""
    file = tmp_path / "test.yaml"
    file.write_text(f"scenario: A test\n{PHONES}steps:\n{steps}")
    done = await asyncio.to_thread(simulator, "run", str(file), "--url", wa.control_url)
    return done.returncode, done.stdout + done.stderr


async def test_a_running_server_is_used_by_its_url_and_its_earlier_messages_do_not_count(tmp_path: Path) -> None:
    async with WhatsApp() as wa:
        ana, bot = await wa.phone("+5511911111111"), await wa.phone("+5511900000001")
        await ana.send("antes", to=bot)
        steps = "  - send: {from: ana, to: bot, text: agora}\n  - expect: {phone: bot, from: ana}\n"
        status, told = await scenario(wa, tmp_path, steps)
        assert (status, "antes" in told) == (0, False), told
        assert [message.text for message in await bot.inbox()] == ["antes", "agora"]


async def test_a_violation_ends_a_scenario(tmp_path: Path) -> None:
    async with WhatsApp() as wa:
        wa.allow_violations("made-up")
        running = asyncio.create_task(
            scenario(
                wa, tmp_path, "  - send: {from: ana, to: bot, text: oi}\n  - expect_nothing: {phone: ana, within: 9}\n"
            )
        )
        bot = await wa.phone("+5511900000001")
        await bot.expect("oi", within=PATIENCE)
        wa.service.network.violation(None, "made-up", "for this test")
        status, told = await running
        assert status == 1
        assert "a client broke the protocol:\n  made-up (no phone): for this test" in told


@asynccontextmanager
async def serving(text: str) -> AsyncIterator[str]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text)

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_a_code_is_read_from_a_file_an_address_or_a_command(tmp_path: Path) -> None:
    file = tmp_path / "code"
    reading = asyncio.create_task(read_source(Source(file=file.name), None, str, PATIENCE, tmp_path))
    await asyncio.sleep(0)
    file.write_text("ABCD-1234\n")
    assert await reading == "ABCD-1234"
    async with serving('{"code": "EFGH-5678"}') as url:
        assert (
            await read_source(Source(url=url, pattern='"code": "(.+?)"'), None, str, PATIENCE, tmp_path) == "EFGH-5678"
        )
    printing = Source(command=["cat", file.name], pattern=r"A.+")
    assert await read_source(printing, None, str, PATIENCE, tmp_path) == "ABCD-1234"
    with pytest.raises(ClientError, match=r"nowhere had no text with /x/ within 0.1 s"):
        await read_source(Source(file="nowhere", pattern="x"), None, str, 0.1, tmp_path)


async def test_lines_from_a_pipe_are_said_each_after_the_answer_to_the_last() -> None:
    async with WhatsApp() as wa:
        bot = await wa.phone("+5511900000001")
        command = "phone", "+5511911111111", "--to", bot.number, "--url", wa.control_url
        talking = asyncio.create_task(asyncio.to_thread(simulator, *command, stdin="oi\ntchau\n"))
        for line in ("oi", "tchau"):
            await bot.expect(line, within=PATIENCE)
            await bot.expect_nothing(within=0.2)
            answer = await bot.send(f"eco: {line}", to="+5511911111111")
            # Taking back a reaction shows nothing on a phone, so it is no answer to the next line.
            await bot.send(Reaction(target=answer, emoji=""), to="+5511911111111")
        done = await talking
        assert done.returncode == 0, done.stderr
        told = [line.split("  ", 1)[1] for line in done.stdout.splitlines()]
        assert told == ["> oi", "eco: oi", "> tchau", "eco: tchau"]


async def test_a_line_without_an_answer_is_an_error() -> None:
    async with WhatsApp() as wa:
        bot = await wa.phone("+5511900000001")
        command = "phone", "+5511911111111", "--to", bot.number, "--url", wa.control_url, "--within", "0.1"
        done = await asyncio.to_thread(simulator, *command, stdin="oi\n")
        assert (done.returncode, "did not answer 'oi' within 0.1 s" in done.stderr) == (1, True)
        done = await asyncio.to_thread(simulator, "phone", "+5511911111111", "--url", wa.control_url, stdin="oi\n")
        assert (done.returncode, "say with --to whom to write to" in done.stderr) == (2, True)


async def test_in_a_terminal_answers_appear_while_one_types() -> None:
    async with WhatsApp() as wa:
        bot = await wa.phone("+5511900000001")
        terminal, theirs = pty.openpty()
        command = "oxy-simulator", "phone", "+5511911111111", "--to", bot.number, "--url", wa.control_url
        process = await asyncio.create_subprocess_exec(
            *command, env=environment(), stdin=theirs, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            assert b"writing to +5511900000001" in await process.stdout.readline()
            os.write(terminal, "olá\n".encode())
            await bot.expect("olá", within=PATIENCE)
            await bot.send("eco: olá", to="+5511911111111")
            assert "eco: olá" in (await process.stdout.readline()).decode()
            os.write(terminal, b"\x04")
            assert await process.wait() == 0
        os.close(terminal)
        os.close(theirs)


async def test_trust_starts_a_program_that_can_reach_the_server(tmp_path: Path) -> None:
    async with WhatsApp() as wa:
        folder = tmp_path / "trust"
        base = "trust", "--url", wa.control_url, "--folder", str(folder)
        done = await asyncio.to_thread(simulator, *base, "--", "printenv", "HTTPS_PROXY", "SSL_CERT_FILE")
        assert done.stdout.splitlines() == [wa.proxy_url, str(folder / "ca.crt")]
        assert (folder / "noise-root.hex").read_text() == wa.noise_root_file.read_text()
        printed = await asyncio.to_thread(simulator, *base)
        assert f"export HTTPS_PROXY='{wa.proxy_url}'" in printed.stdout.splitlines()


async def test_a_wrong_code_on_the_command_line_is_explained() -> None:
    async with WhatsApp() as wa:
        base = "link", "+5511900000001"
        done = await asyncio.to_thread(simulator, *base, "ABCD-1234", "--url", wa.control_url)
        assert (done.returncode, "ask the client for a new code" in done.stderr) == (2, True)
        done = await asyncio.to_thread(simulator, *base, "2@abc,def,ghi,jkl,1", "--url", wa.control_url)
        assert (done.returncode, "QR" in done.stderr) == (2, True)


async def test_packets_and_transcripts_are_served_and_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "packets.txt"
    command = "oxy-simulator", "serve", "--state", str(tmp_path / "state"), "--packets", str(file)
    process = await asyncio.create_subprocess_exec(
        *command, "--proxy-port", "0", "--control-port", "0", env=environment(), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        ports = json.loads(await process.stdout.readline())
        async with WhatsApp(f"http://127.0.0.1:{ports['control']}") as wa:
            ana, bot = await wa.phone("+5511911111111", "Ana"), await wa.phone("+5511900000001")
            await ana.send("oi", to=bot)
            await wa.fault("down")
            (note,) = await wa.api.packets()
            assert (note.number, note.direction, note.text) == (1, "note", "fault down")
            assert await wa.api.packets(after=1) == []
            assert "Ana (1111) → 5511900000001: oi" in await wa.api.transcript()
        assert file.read_text().endswith("· fault down\n")
    finally:
        process.terminate()
        await process.wait()


def test_a_server_that_does_not_run_is_explained() -> None:
    done = simulator("phone", "+5511911111111", "--url", "http://127.0.0.1:9")
    assert (done.returncode, "start it with: oxy-simulator serve" in done.stderr) == (2, True)
