"""Structured logs: one JSON object a line on standard error, or coloured text on a terminal.

Events are named ``noun_verbed``. Message text, phone numbers and credentials never appear at info level; use
`oxy_core.identity.mask` where a hint of an address helps.
"""

import logging
import sys
from typing import Literal

import structlog

LogLevel = Literal["debug", "info", "warning", "error"]


def configure_logging(component: str, level: LogLevel = "info", *, pretty: bool | None = None) -> None:
    """Send structlog and the standard library's logging to standard error in one format.

    `component` is bound to every event. `pretty` selects coloured text; None: only if standard error is a terminal.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    pretty = sys.stderr.isatty() if pretty is None else pretty
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
    structlog.contextvars.bind_contextvars(component=component)
