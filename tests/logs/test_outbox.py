from __future__ import annotations

import io
import logging
import threading

import pytest

from app.logs.outbox import LINES_HIGH, Outbox, written_beside


class Stuck(io.StringIO):
    """Takes nothing until it is freed."""

    def __init__(self) -> None:
        super().__init__()
        self.tried, self.freed = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.tried.set()
        self.freed.wait(30)
        return super().write(text)


def test_nobody_waits_for_a_stream_that_takes_nothing_and_what_waits_is_bounded() -> None:
    stream = Stuck()
    outbox = Outbox(stream)
    outbox.start()
    outbox.write("line 0\n")
    assert stream.tried.wait(10)
    for number in range(1, 5 * LINES_HIGH):
        outbox.write(f"line {number}\n")  # would wait for ever
    assert outbox._texts.qsize() == LINES_HIGH
    stream.freed.set()
    outbox.close()
    lines = stream.getvalue().splitlines()
    dropped = 4 * LINES_HIGH - 1
    assert lines[0] == "line 0" and lines[1].startswith(f"({dropped} lines were left out")
    assert lines[2:] == [f"line {number}" for number in range(1, LINES_HIGH + 1)]


def test_a_stream_that_never_takes_anything_does_not_keep_the_end() -> None:
    stream = Stuck()
    outbox = Outbox(stream)
    outbox.start()
    outbox.write("line\n")
    ended = threading.Thread(target=outbox.close)
    ended.start()
    ended.join(20)
    assert not ended.is_alive()
    stream.freed.set()


def test_a_stream_that_is_gone_is_no_error() -> None:
    stream = io.StringIO()
    outbox = Outbox(stream)
    outbox.start()
    stream.close()
    outbox.write("line\n")
    outbox.close()
    assert not outbox._thread.is_alive()


def test_the_log_is_written_beside_and_whole_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    root, page = logging.getLogger(), io.StringIO()
    monkeypatch.setattr(root, "handlers", [])  # what other tests left there
    handler = logging.StreamHandler(page)
    root.addHandler(handler)
    try:
        with written_beside():
            assert isinstance(handler.stream, Outbox)
            for number in range(100):
                root.error("line %d", number)
        assert handler.stream is page
        assert page.getvalue().splitlines() == [f"line {number}" for number in range(100)]
    finally:
        root.removeHandler(handler)
