"""Logs: one JSON object a line for machines, colours for people, the request's id on every line."""

import logging
import sys
from typing import Literal

import msgspec
import structlog

from commerce.kernel.clock import Clock


class LineLog:
    """For what is logged at every request: writes its JSON line itself, at a tenth of the cost of the others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._encode = msgspec.json.Encoder().encode

    def info(self, event: str, **facts: object) -> None:
        """Write one line, with what is bound to the request."""
        bound = structlog.contextvars.get_contextvars()
        line = {**facts, **bound, "event": event, "level": "info", "timestamp": self._clock.now()}
        sys.stderr.buffer.write(self._encode(line) + b"\n")
        sys.stderr.buffer.flush()

    def debug(self, event: str, **facts: object) -> None:
        """Write nothing."""


def set_up_logs(style: Literal["json", "pretty"], level: int = logging.INFO) -> None:
    """Send every log line, ours and the libraries', to standard error in one shape."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Not cached: who is set up anew (a test, a command within another) would go on writing as before.
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for chatty in ("httpx", "stripe"):  # They have a line or two for each request that we make.
        logging.getLogger(chatty).setLevel(logging.WARNING)
