"""The pytest plugin, in projects of its own: each test runs pytest in another process."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLAIN = """
import asyncio

def test_a_talk(whatsapp, whatsapp_phone, whatsapp_environment):
    async def talk():
        ana, bot = await whatsapp_phone("Ana"), await whatsapp_phone("Bot")
        await ana.send("oi", to=bot)
        assert (await bot.expect("oi", within=20)).sender == ana.number
    asyncio.run(talk())
    assert whatsapp_environment["HTTPS_PROXY"] == whatsapp.proxy_url
    assert whatsapp_environment["PATH"]
"""
WITH_PYTEST_ASYNCIO = """
import pytest

@pytest.mark.asyncio
async def test_a_talk(whatsapp_phone):
    ana, bot = await whatsapp_phone("Ana"), await whatsapp_phone("Bot")
    await ana.send("oi", to=bot)
    await bot.expect("oi", within=20)
"""
VIOLATING = """
import asyncio
import aiohttp
import pytest

# A client that does not speak the protocol at all.
async def speak_nonsense(whatsapp):
    import ssl
    context = ssl.create_default_context(cafile=whatsapp.ca_file)
    async with aiohttp.ClientSession() as session:
        url = "https://web.whatsapp.com/ws/chat"
        async with session.ws_connect(url, proxy=whatsapp.proxy_url, ssl=context) as socket:
            await socket.send_bytes(b"nonsense")
            await socket.receive()

def test_guilty(whatsapp):
    asyncio.run(speak_nonsense(whatsapp))

@pytest.mark.whatsapp_violations("broken-stream")
def test_allowed(whatsapp):
    asyncio.run(speak_nonsense(whatsapp))

@pytest.mark.whatsapp_violations("unknown-iq")
def test_allows_something_else(whatsapp):
    asyncio.run(speak_nonsense(whatsapp))

def test_innocent(whatsapp):
    pass
"""
FAILING = """
import asyncio
from oxy_simulator.testing import WhatsApp

async def say(wa, text):
    ana, bot = await wa.phone("+5511911111111", "Ana"), await wa.phone("+5511900000001", "Bot")
    await ana.send(text, to=bot)
    await wa.fault("down")
    await bot.expect("tchau", within=0.01)

def test_with_the_fixture(whatsapp):
    asyncio.run(say(whatsapp, "pela fixture"))

def test_with_a_block():
    async def talk():
        async with WhatsApp() as wa:
            await say(wa, "no bloco")
    asyncio.run(talk())

def test_that_passes(whatsapp):
    pass
"""


def outcome(pytester: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(code)
    return pytester.runpytest_subprocess("-W", "error", "-p", "no:asyncio", *arguments, timeout=120)


@pytest.mark.parametrize("scope", ["function", "session"])
def test_plain_tests_use_it_with_any_scope(pytester: pytest.Pytester, scope: str) -> None:
    done = outcome(pytester, PLAIN, "-o", f"whatsapp_scope={scope}")
    done.assert_outcomes(passed=1)


def test_tests_of_pytest_asyncio_use_it(pytester: pytest.Pytester) -> None:
    options = "-p", "asyncio", "-o", "asyncio_default_fixture_loop_scope=function", "-o", "whatsapp_scope=module"
    outcome(pytester, WITH_PYTEST_ASYNCIO, *options).assert_outcomes(passed=1)


def test_the_test_that_saw_a_violation_fails_unless_it_allows_the_rule(pytester: pytest.Pytester) -> None:
    done = outcome(pytester, VIOLATING, "-o", "whatsapp_scope=session")
    done.assert_outcomes(passed=2, failed=2)
    done.stdout.fnmatch_lines(["*ViolationError: a client broke the protocol:*", "*broken-stream (no phone)*"])
    done.stdout.fnmatch_lines(["FAILED *test_guilty*", "FAILED *test_allows_something_else*"])


def test_a_failed_test_leaves_a_transcript_and_a_packet_log(pytester: pytest.Pytester, tmp_path: Path) -> None:
    done = outcome(pytester, FAILING, "--whatsapp-evidence", str(tmp_path))
    done.assert_outcomes(passed=1, failed=2)
    for test, said in (("with_the_fixture", "pela fixture"), ("with_a_block", "no bloco")):
        (folder,) = tmp_path.glob(f"*{test}")
        assert f"Ana (1111) → Bot (0001): {said}" in (folder / "transcript.txt").read_text()
        assert "· fault down" in (folder / "packets.txt").read_text()
        done.stdout.fnmatch_lines(["*WhatsApp evidence*", str(folder / "transcript.txt"), str(folder / "packets.txt")])
    assert len(list(tmp_path.iterdir())) == 2


def test_evidence_that_cannot_be_written_hides_no_result(pytester: pytest.Pytester, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    done = outcome(pytester, FAILING, "--whatsapp-evidence", str(tmp_path / "taken"))
    done.assert_outcomes(passed=1, failed=2)
    done.stdout.fnmatch_lines(["could not be written: *; name another folder with --whatsapp-evidence"])


def test_a_server_that_is_not_there_is_told_in_one_line(pytester: pytest.Pytester) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody can connect to it
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = outcome(pytester, PLAIN, "--whatsapp-url", url)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([f"--whatsapp-url: no simulator answers at {url} (*); start one with*"])
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*testing.py*")


def test_a_running_server_is_used_by_its_url(pytester: pytest.Pytester) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "oxy_simulator", "serve", "--proxy-port", "0", "--control-port", "0"],
        cwd=pytester.mkdir("server"),
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        port = server.stdout.readline().partition('"control": ')[2].rstrip("}\n")
        try:
            outcome(pytester, PLAIN, "--whatsapp-url", f"http://127.0.0.1:{port}").assert_outcomes(passed=1)
        finally:
            server.terminate()


def test_a_wrong_scope_is_explained(pytester: pytest.Pytester) -> None:
    done = outcome(pytester, PLAIN, "-o", "whatsapp_scope=forever")
    done.stderr.fnmatch_lines(["ERROR: whatsapp_scope is 'forever'; write one of function, class, module*"])


def test_projects_that_do_not_use_it_load_nothing_heavy(pytester: pytest.Pytester) -> None:
    code = "import sys\ndef test_it(): assert not {'aiohttp', 'oxy_simulator.testing'} & set(sys.modules)"
    outcome(pytester, code).assert_outcomes(passed=1)
