"""The log of a replica: our lines, in our words and with whose work it is, into the files that Serve keeps."""

from __future__ import annotations

import logging

from app.logs import set_up_logging
from app.logs.formats import told

SERVE = "ray.serve"  # the logger that has Serve's handlers; its lines go no further up


class IntoServe(logging.Handler):
    """Hands each line to Serve's logger, which writes time, level and replica before it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        line = logging.makeLogRecord({**record.__dict__, "msg": told(record), "args": (), "exc_info": None})
        line.exc_text = None
        logging.getLogger(SERVE).handle(line)


def log_into_serve(level: str = "info") -> None:
    """Send every logger's lines there from here on."""
    set_up_logging(level, handler=IntoServe())
