"""Structured logs: one JSON object a line on standard error. Ids only, never a number, a name or a text."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from pydantic_core import to_json


def configure(level: str) -> None:
    """Send our own and the libraries' log lines the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    as_json = structlog.processors.JSONRenderer(serializer=_as_json)
    structlog.configure(
        processors=[*shared, as_json],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line for each request: the straight way
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                as_json,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "twilio.http_client", "procrastinate", "apscheduler", "alembic", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)  # the Twilio client logs bodies: numbers and texts
    logging.getLogger("uvicorn.error").addFilter(_is_no_address)


def _as_json(line: Any, **_: Any) -> str:
    return to_json(line, fallback=repr).decode()


def _is_no_address(record: logging.LogRecord) -> bool:
    """Sockets' addresses carry tokens: uvicorn's line about a socket's opening is left out."""
    return "WebSocket" not in str(record.msg)
