"""Lines on their way out, so that nobody waits for who takes them: a pipe that is not read, a disk that is slow."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from app.tallies import LIMITS

LINES_HIGH = 2000
GOODBYE_S = 2  # for what still waits at the end


class Outbox:
    """A stream that a thread of its own empties, from :meth:`start` to :meth:`close`.

    Bound: ``LINES_HIGH`` texts of a line each, and a traceback at most; full: what comes is dropped and counted, and
    the next that is written says how many. Written to from any thread.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._texts: queue.Queue[str | None] = queue.Queue(LINES_HIGH)
        self._thread = threading.Thread(target=self._empty, name="log", daemon=True)
        self._dropped = 0

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, text: str) -> int:
        """Take a text; never waits."""
        try:
            self._texts.put_nowait(text)
        except queue.Full:
            self._dropped += 1
            LIMITS.note("log_lines")
        return len(text)

    def flush(self) -> None:
        """Do nothing: the thread does, after each text."""

    def close(self) -> None:
        """Write what waits, as far as somebody takes it soon."""
        try:
            self._texts.put(None, timeout=GOODBYE_S)
        except queue.Full:
            return
        self._thread.join(GOODBYE_S)

    def _empty(self) -> None:
        while (text := self._texts.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            try:
                if dropped:
                    self._stream.write(f"({dropped} lines were left out here, as nobody took them)\n")
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):  # nobody is there to be told
                continue


@contextmanager
def written_beside() -> Iterator[None]:
    """Have the log written by a thread of its own meanwhile."""
    handlers = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    outboxes = []
    for handler in handlers:
        outbox = Outbox(handler.stream)
        outbox.start()
        outboxes.append((handler, outbox, handler.stream))
        handler.setStream(outbox)
    try:
        yield
    finally:
        for handler, outbox, stream in outboxes:
            handler.setStream(stream)
            outbox.close()
