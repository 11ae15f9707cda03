"""Logging of the processes: one line each, for a terminal or as JSON. No attribute's value and no secret is ever logged."""

import logging
import sys
from typing import Literal

import structlog

Format = Literal["console", "json"]

QUIET = ("aiokafka", "faust", "kafka", "mode", "streams.app", "streams.transport", "uvicorn")
"""Libraries, and our classes in whose names they log, that tell more than an operator wants to read."""


def configure_logging(format: Format, level: int = logging.INFO) -> None:
    """Send all logging, ours and the libraries', to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for library in QUIET:
        logging.getLogger(library).setLevel(logging.WARNING)
