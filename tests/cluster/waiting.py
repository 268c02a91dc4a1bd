"""Waiting for what a front does beside its answers, in its own thread."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(true: Callable[[], bool], within_s: float = 20) -> None:
    until_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until_s
        time.sleep(0.01)
