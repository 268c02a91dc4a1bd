"""The two forms of a log line. Both keep to one line, but for a text's traceback, which stands indented below it."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from app.log_context import ADDRESS, KEY, SESSION
from app.logs.limit import COUNT
from app.logs.text import clean

MARGIN = "    | "  # before a line of a traceback, so that none can pass for a line of the log


def message_of(record: logging.LogRecord) -> str:
    """Return what a record says; one whose arguments do not fit is written as it is."""
    try:
        said = clean(record.getMessage())
    except (TypeError, ValueError):
        said = clean(f"{record.msg} {record.args!r}")
    more = getattr(record, COUNT, 0)
    return f"{said} ({more} more like it)" if more else said


def context() -> dict[str, str]:
    """Return whose work is being done, as far as is known."""
    known = {"session": SESSION.get(), "key": KEY.get(), "address": ADDRESS.get()}
    return {name: clean(value) for name, value in known.items() if value}


def told(record: logging.LogRecord) -> str:
    """Return whose work it was and what happened, with the traceback below it where there is one."""
    whose = " ".join(f"{name}={value}" for name, value in context().items())
    line = f"[{whose}] {message_of(record)}" if whose else message_of(record)
    traceback = logging.Formatter().formatException(record.exc_info).split("\n") if record.exc_info else []
    return line + "".join(f"\n{MARGIN}{clean(each)}" for each in traceback)


class TextLines(logging.Formatter):
    """``2026-11-22 10:00:00,000 INFO [session=1a2b3c4d address=192.0.2.1] what happened``."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        return f"{self.formatTime(record)} {record.levelname} {told(record)}"


class JsonLines(logging.Formatter):
    """An object a line: ``time`` (UTC), ``level``, ``logger``, ``message``; ``session``, ``key``, ``address`` and
    ``traceback`` where there are any; ``repeated``, where lines like it were left out."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **context(),
            "message": message_of(record),
        }
        if more := getattr(record, COUNT, 0):
            line["repeated"] = more
        if record.exc_info:
            traceback = self.formatException(record.exc_info).split("\n")
            line["traceback"] = "\n".join(clean(each) for each in traceback)
        return json.dumps(line)
