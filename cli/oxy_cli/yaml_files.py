"""Files in YAML that a worker is to read."""

import sys
from pathlib import Path

import yaml

from oxy_cli.errors import CliError


def read_yaml(filename: str) -> str:
    """Return the text of a YAML file, ``-`` for standard input; raises CliError for anything else.

    So that never reaches a worker. What the values mean, the worker knows.
    """
    try:
        text = sys.stdin.read() if filename == "-" else Path(filename).read_text(encoding="utf-8")
        yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        message = f"cannot read {filename}: {error.strerror}; name a file, or - for standard input"
        raise CliError(message) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        message = f"{filename} is not YAML: {error}"
        raise CliError(message) from error
    return text
