import os
import subprocess
import sys

import pytest

from oxy_cli.exit_codes import FAILURE


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["--help"], 0, "Usage"),
        (["status"], FAILURE, "error: no usable kubeconfig at /no/such/file"),
        (["status", "--no-such-option"], 2, "No such option"),
        (["pair", "shop", "--method=Foo"], 2, "'--method': 'Foo' is not one of 'PhoneCode', 'QRCode'"),
    ],
)
def test_the_exit_code_shows_how_the_command_ended(arguments: list[str], code: int, part: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "oxy_cli", *arguments],
        env={**os.environ, "KUBECONFIG": "/no/such/file"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, part in done.stdout + done.stderr) == (code, True)
