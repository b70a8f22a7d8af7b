"""Logs: structlog as JSON lines or for a terminal. The one importer of structlog.

An event has a fixed name and fields of names and numbers that syncd knows. Nothing foreign is passed through.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol, TextIO

import structlog
from structlog.typing import EventDict

from syncd.daemon.foreign_log import silence_foreign

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "text"]

_LEVELS: Final[Mapping[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log(Protocol):
    """Where events go."""

    def debug(self, event: str, **fields: object) -> None:
        """Say what only a developer asks for."""

    def info(self, event: str, **fields: object) -> None:
        """Say what changed."""

    def warning(self, event: str, **fields: object) -> None:
        """Say what did not work and is tried again."""

    def error(self, event: str, **fields: object) -> None:
        """Say what a person has to look at."""


def open_log(level: Level, form: Format, stream: TextIO = sys.stderr) -> Log:
    """Make the process's log. `auto` is text on a terminal and JSON elsewhere."""
    silence_foreign()
    text = form == "text" or (form == "auto" and stream.isatty())
    render: Callable[..., object]
    if text:
        render = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=_no_exception, sort_keys=False
        )
    else:
        render = structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=True)
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            _drop_exceptions,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _one_line,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    return log


def _drop_exceptions(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Take tracebacks out: a foreign exception's text and locals carry values."""
    for name in ("exc_info", "exception", "stack_info"):
        event.pop(name, None)
    return event


def _one_line(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Escape control characters, so that no name can forge a line or colour a terminal."""
    return {name: _escaped(value) if isinstance(value, str) else value for name, value in event.items()}


def _escaped(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _no_exception(_stream: TextIO, _info: object) -> None:
    """Print nothing of an exception."""
