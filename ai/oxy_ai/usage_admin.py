"""``python -m oxy_ai.admin usage``: what models were asked, and what that cost."""

import argparse
from datetime import date
from typing import Final, get_args

from oxy_ai.engine.store import Engine
from oxy_ai.engine.usage_report import By, UsageQuestion, UsageReport, read_usage

_LINES: Final = 200
"""Lines that are shown; the total counts all."""


def add_usage_parser(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``usage``."""
    parser.add_argument("organization", nargs="?", help="spec.organizationId; without it, all organizations")
    parser.add_argument("--instance", help="only this instance")
    parser.add_argument("--month", type=month, help="only this month (YYYY-MM)")
    parser.add_argument("--conversation", help="only this conversation: an id from `conversations list`")
    parser.add_argument("--by", choices=get_args(By), default="month", help="what each line is about (%(default)s)")
    parser.add_argument("--most", type=int, default=_LINES, help="how many lines (%(default)s)")


def month(text: str) -> date:
    """Return the first day of a month, YYYY-MM."""
    return date.fromisoformat(f"{text}-01")


async def carry_out_usage(engine: Engine, options: argparse.Namespace) -> UsageReport:
    """Report what was asked for; raises AdministrationError."""
    names = UsageQuestion.model_fields
    return await read_usage(engine, UsageQuestion(**{name: getattr(options, name) for name in names}))
