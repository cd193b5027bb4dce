"""The command ``python -m oxy_ai.evaluate``: plays golden dialogues with a model, and reports.

Exit status: 0 enough dialogues passed and all guards held; 1 not; 2 the dialogues cannot be played, and the error says
what to do instead.
"""

import argparse
import asyncio
import itertools
import math
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from oxy_ai.errors import AdministrationError
from oxy_ai.evaluation.endpoint import require_endpoint
from oxy_ai.evaluation.judging import Judged
from oxy_ai.evaluation.page import page
from oxy_ai.evaluation.report import EvaluationReport, report_of
from oxy_ai.evaluation.running import RunOptions, Variant, run_all
from oxy_ai.evaluation.scratch import scratch_database
from oxy_ai.evaluation.terminal import progress, shown
from oxy_ai.golden.library import Golden, read_library
from oxy_core.logs import configure_logging

BAD: Final = 1
REFUSED: Final = 2
API_KEY: Final = "OXY_OPENAI_API_KEY"
"""Environment variable of the endpoint's key: a command line is seen by everybody on the machine."""
OWNER_URL: Final = "OXY_DATABASE_ADMIN_URL"
_MODEL: Final = "gpt-4o-mini"
_NO_KEY: Final = "none"
"""For endpoints that ask for none."""
_MOST: Final = 1000
"""Of dialogues at once, and of times that each is played."""
_LONGEST_RESPONSE: Final = 3600
"""Seconds."""


def _count(text: str) -> int:
    value = _between(text, 1, _MOST)
    if not value.is_integer():
        message = f"{text} is no whole number"
        raise argparse.ArgumentTypeError(message)
    return int(value)


def _seconds(text: str) -> float:
    return _between(text, 1, _LONGEST_RESPONSE)


def _share(text: str) -> float:
    return _between(text, 0, 1)


def _between(text: str, least: float, most: float) -> float:
    """Return the number that an option gives; argparse tells the message, and exits with 2."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        message = f"{text} is no number from {least} to {most}"
        raise argparse.ArgumentTypeError(message)
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m oxy_ai.evaluate",
        description="Play golden dialogues with a model and report what they came to.",
        epilog=f"The endpoint's key is read from {API_KEY}.",
    )
    parser.add_argument("dialogues", nargs="+", type=Path, help="folders of dialogues, or single files")
    model = parser.add_argument_group("model")
    model.add_argument("--base-url", default="https://api.openai.com/v1", help="an OpenAI-compatible endpoint")
    model.add_argument("--model", action="append", dest="models", help=f"{_MODEL} if not given; twice: compares two")
    model.add_argument("--prompts", action="append", type=Path, help="a folder with other prompts; twice: compares two")
    model.add_argument("--timeout", type=_seconds, default=60, help="seconds for one response (%(default)s)")
    played = parser.add_argument_group("what is played")
    played.add_argument("--only", action="append", default=[], help="only dialogues whose name contains this")
    played.add_argument("--repeat", type=_count, default=1, help="play each so many times (%(default)s)")
    played.add_argument("--at-once", type=_count, default=4, help="dialogues at the same time (%(default)s)")
    played.add_argument("--check", action="store_true", help="only read the dialogues and name their mistakes")
    played.add_argument(
        "--database-url",
        default=os.environ.get(OWNER_URL),
        help=f"PostgreSQL of a role that may create databases and roles ({OWNER_URL}); nothing in it is touched",
    )
    result = parser.add_argument_group("result")
    result.add_argument("--threshold", type=_share, default=0.9, help="share that must pass, 0 to 1 (%(default)s)")
    result.add_argument("--html", type=Path, help="write the report as a page")
    result.add_argument("--json", type=Path, help="write the report as JSON")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    configure_logging("evaluate", "error")
    try:
        goldens = read_library(options.dialogues, options.only)
        if options.check:
            _say(f"{len(goldens)} dialogues, no mistakes")
            return 0
        report = _played(goldens, options)
    except AdministrationError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 a command line speaks on its standard error
        return REFUSED
    _write(report, options)
    _say(shown(report))
    return 0 if report.good else BAD


def _played(goldens: Sequence[Golden], options: argparse.Namespace) -> EvaluationReport:
    if options.database_url is None:
        message = f"give --database-url or {OWNER_URL}: dialogues are played in a database that is made and dropped"
        raise AdministrationError(message)
    variants = variants_of(options.models, options.prompts)
    key = SecretStr(os.environ.get(API_KEY) or _NO_KEY)
    run = RunOptions(
        options.base_url, key, at_once=options.at_once, timeout_seconds=options.timeout, repeat=options.repeat
    )
    require_endpoint(options.base_url)
    _require_writable(options)
    began = datetime.now(UTC)
    tell = _telling(len(goldens) * len(variants) * options.repeat)
    with scratch_database(options.database_url) as url:
        judged = asyncio.run(run_all(url, goldens, variants, run, tell))
    return report_of(judged, began, options.base_url, options.threshold)


def variants_of(models: Sequence[str] | None, prompts: Sequence[Path] | None) -> list[Variant]:
    """Return each model with each folder of prompts; raises AdministrationError for a folder that is none."""
    for folder in prompts or ():
        if not folder.is_dir():
            message = f"--prompts: {folder} is no folder: copy the vertical's own and change the copy"
            raise AdministrationError(message)
    folders: Sequence[Path | None] = prompts or [None]
    return [Variant(model, folder) for model, folder in itertools.product(models or [_MODEL], folders)]


def _telling(total: int) -> Callable[[Judged], None]:
    count = itertools.count(1)
    return lambda judged: _say(progress(judged, next(count), total))


def _require_writable(options: argparse.Namespace) -> None:
    """Find out now, not once everything is played and paid; raises AdministrationError."""
    for name, path in (("--json", options.json), ("--html", options.html)):
        try:
            if path is not None:
                path.open("a").close()
        except OSError as error:
            message = f"{name}: cannot write {path}: {error.strerror}: name a file in a folder that there is"
            raise AdministrationError(message) from error


def _write(report: EvaluationReport, options: argparse.Namespace) -> None:
    if options.json is not None:
        options.json.write_text(report.model_dump_json(indent=2), encoding="utf-8")
    if options.html is not None:
        options.html.write_text(page(report), encoding="utf-8")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 the command's result
