"""The one place that decides who may write into the log, and how."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TextIO

from app.logs.foreign import Foreign
from app.logs.formats import JsonLines, TextLines
from app.logs.limit import RepeatLimit
from app.tallies import LOG_LINES

OWN = ("app", "bench", "lipwire", "__main__")
SERVER = "uvicorn"


class Counting(logging.Filter):
    """Counts the lines that are written, for ``/metrics``."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Count; all pass."""
        LOG_LINES.note(record.levelname.lower())
        return True


def set_up_logging(
    level: str = "info", as_json: bool = False, stream: TextIO | None = None, handler: logging.Handler | None = None
) -> None:
    """Send every logger's lines to ``stream`` (stderr), one line each, or to ``handler``; again replaces what was.

    ``level`` is ours. Libraries warn and no more, and the web server informs at most: in their details are headers and
    messages, and so keys and tokens.
    """
    own = getattr(logging, level.upper())
    if handler is None:
        handler = logging.StreamHandler(stream or sys.stderr)
        handler.setFormatter(JsonLines() if as_json else TextLines())
    for each in (Foreign(), RepeatLimit(), Counting()):
        handler.addFilter(each)
    logging.basicConfig(level=max(own, logging.WARNING), handlers=[handler], force=True)
    for name in OWN:
        logging.getLogger(name).setLevel(own)
    logging.getLogger(SERVER).setLevel(max(own, logging.INFO))
    for name in (SERVER, f"{SERVER}.error", f"{SERVER}.access"):  # which come with handlers of their own elsewhere
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True
    for name in (f"{SERVER}.error", f"{SERVER}.access"):  # and with levels, as soon as somebody configures a server
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(True)
    threading.excepthook = _log_lost_thread


def _log_lost_thread(lost: threading.ExceptHookArgs) -> None:
    """Write down why a thread ended: Python's own way would break into lines."""
    if lost.exc_value is not None and not issubclass(lost.exc_type, SystemExit):
        name = lost.thread.name if lost.thread else "?"
        error = (lost.exc_type, lost.exc_value, lost.exc_traceback)
        logging.getLogger(__name__).error("thread %s: died", name, exc_info=error)
