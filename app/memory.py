"""How little memory the process keeps, and what it gives back once nobody is here.

A session leaves two things behind: cycles that Python frees some day (peer connections, and the encoders they hold),
and free pages that the C library keeps between what is in use. Both are dealt with when the last session has ended,
as it takes tens of milliseconds.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

PERIOD_S = 5
M_ARENA_MAX = -8  # of glibc's malloc.h


def limit_arenas() -> None:
    """Let glibc keep as many heaps as there are cores, not eight times as many; to be called before threads start."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, max(2, os.cpu_count() or 1))


def freeze_startup() -> None:
    """Take what is there out of Python's search for cycles, which would halt every thread for 80 ms now and then."""
    gc.collect()
    gc.freeze()


def trim_heap() -> None:
    """Return free pages to the system, where the C library can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


async def watch_idle_memory(is_idle: Callable[[], bool], period_s: float = PERIOD_S) -> None:
    """Give memory back each time that a busy process is found idle; never returns."""
    was_busy = False
    while True:
        await asyncio.sleep(period_s)
        if was_busy and is_idle():
            gc.collect()  # on the event loop, which the objects belong to
            await run_in_threadpool(trim_heap)
        was_busy = not is_idle()
