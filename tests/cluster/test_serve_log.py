"""Our lines in Serve's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from app.cluster.serve_log import SERVE, log_into_serve
from app.log_context import for_session
from app.logs import set_up_logging


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.getMessage()}")


@pytest.fixture
def kept() -> Iterator[Kept]:
    serve, handler = logging.getLogger(SERVE), Kept()
    before = (serve.propagate, serve.level)
    serve.addHandler(handler)
    serve.propagate = False
    serve.setLevel(logging.INFO)
    log_into_serve()
    yield handler
    serve.removeHandler(handler)
    serve.propagate, level = before
    serve.setLevel(level)
    set_up_logging()


def test_a_line_says_whose_work_it_is_and_stays_one_line(kept: Kept) -> None:
    with for_session("1a2b"):
        logging.getLogger("app.anything").warning("heard: %s", "one\ntwo 100%")
    assert kept.lines == [r"WARNING [session=1a2b] heard: one\ntwo 100%"]


def test_a_traceback_stands_below_its_line(kept: Kept) -> None:
    try:
        raise ValueError("no\nway")
    except ValueError:
        logging.getLogger("app.anything").exception("broke")
    assert kept.lines[0].startswith("ERROR broke\n    | Traceback") and "\nway" not in kept.lines[0]
