"""What was changed, by whom: a line of JSON each, in a file of its own or in the log."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from app.clock import wall_clock
from app.errors import Refusal
from app.log_context import ADDRESS, KEY
from app.threads import name_thread

logger = logging.getLogger(__name__)

MOST_WAITING = 2000  # lines
COMPLAINT_LINES = 1000  # lost ones between two complaints
MODE = 0o640

Fact = str | int | float | None
NONE: Mapping[str, Fact] = MappingProxyType({})


class Audit:
    """Writes lines from a thread of its own, from the first line on to :meth:`close`. For any thread.

    Bound: ``MOST_WAITING`` lines that the disk has not taken; full: the newest are lost, counted, and the log says so.
    The file is opened for each batch, so who rotates it renames it. A line holds ids, never a key or a token.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: deque[str] = deque()
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self.lost = 0

    @contextmanager
    def act(self, action: str, **fields: Fact) -> Iterator[dict[str, Fact]]:
        """Note an action at its end, with how it went; the caller may add fields meanwhile."""
        try:
            yield fields
        except Refusal as refusal:
            self.note(action, refusal.code, fields)
            raise
        except Exception as error:
            self.note(action, type(error).__name__, fields)
            raise
        self.note(action, fields=fields)

    def note(self, action: str, outcome: str = "ok", fields: Mapping[str, Fact] = NONE) -> None:
        """Write one line, in its turn; a ``key`` or ``address`` that is not given is that of whose work is done."""
        line = {
            "time": wall_clock().isoformat(timespec="milliseconds"),
            "action": action,
            "outcome": outcome,
            "key": KEY.get(),
            "address": ADDRESS.get(),
            **fields,
        }
        text = json.dumps(line)  # ASCII: nothing in it ends a line but its end
        if self._path is None:
            logger.info("audit: %s", text)
            return
        with self._news:
            if len(self._lines) >= MOST_WAITING:
                self._lose(1, "the disk is slow")
                return
            self._lines.append(text)
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._write, name="audit", daemon=True)
                self._thread.start()
            self._news.notify()

    def close(self) -> None:
        """Write what waits, and end; blocks. Again is fine."""
        with self._news:
            self._closing = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join()

    def _write(self) -> None:
        name_thread("audit")
        while True:
            with self._news:
                self._news.wait_for(lambda: self._lines or self._closing)
                batch = list(self._lines)
                self._lines.clear()
                if not batch:
                    return
            assert self._path is not None
            try:
                _append(self._path, "".join(f"{line}\n" for line in batch).encode())
            except OSError as error:
                self._lose(len(batch), str(error))

    def _lose(self, lines: int, why: str) -> None:
        before, self.lost = self.lost, self.lost + lines
        if before == 0 or before // COMPLAINT_LINES != self.lost // COMPLAINT_LINES:
            logger.error("audit: %d lines could not be written to %s so far: %s", self.lost, self._path, why)


def _append(path: Path, data: bytes) -> None:
    """Append all or nothing.

    Raises:
        OSError: when the disk does not take it.
    """
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        end = os.fstat(file).st_size
        written = 0
        try:
            while written < len(data):
                written += os.write(file, data[written:])
        except OSError:
            if written and os.fstat(file).st_size == end + written:
                os.ftruncate(file, end)  # no half line
            raise
    finally:
        os.close(file)
