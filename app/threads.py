"""Threads by name, and what they do: so that ``top -H``, ``bench service`` and admission can tell them apart."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

LONGEST = 15  # bytes that Linux keeps


def name_thread(name: str) -> None:
    """Give the running thread a name; outside Linux nothing happens. Threads that it starts inherit it."""
    with contextlib.suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_bytes(name.encode()[:LONGEST])


class MeasuredPool(ThreadPoolExecutor):
    """A pool of named threads that counts what it has ``done``, and the processor time of that: ``worked_ns``."""

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(threads, name, name_thread, (name,))
        self._counting = threading.Lock()
        self.worked_ns = self.done = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See ``Executor``."""
        return super().submit(self._measured, fn, *args, **kwargs)

    def _measured(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        begun_ns = time.thread_time_ns()
        try:
            return fn(*args, **kwargs)
        finally:
            with self._counting:
                self.worked_ns += time.thread_time_ns() - begun_ns
                self.done += 1
