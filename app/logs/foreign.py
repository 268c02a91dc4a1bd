"""What libraries log about clients, brought down to what an operator wants to read."""

from __future__ import annotations

import logging

# of uvicorn: a client that sends text which is none is nothing to trace
BAD_TEXT = "Invalid UTF-8 sequence received from client."
DOOR_LINE = '%s - "WebSocket %s"'
PATH = 1  # among the arguments of such a line


class Foreign(logging.Filter):
    """Takes tracebacks from what a client did wrong, and queries, where tokens may stand, from paths."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mend a record; all pass."""
        if record.name.startswith("uvicorn"):
            if record.msg == BAD_TEXT:
                record.exc_info = record.exc_text = None
                record.levelno, record.levelname = logging.INFO, "INFO"
            elif str(record.msg).startswith(DOOR_LINE) and isinstance(record.args, tuple):
                path = str(record.args[PATH]).partition("?")[0]
                record.args = (*record.args[:PATH], path, *record.args[PATH + 1 :])
        return True
