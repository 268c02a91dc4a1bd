"""How little memory the process keeps, what is mapped ahead, and what is given back once nobody is here.

A session leaves two things behind: cycles that Python frees some day (peer connections, and the encoders they hold),
and free pages that the C library keeps between what is in use. Both are dealt with when the last session has ended,
as it takes tens of milliseconds; free pages also where they have become many.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

PERIOD_S = 5
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
LARGEST = 32 << 20  # bytes: the most that glibc takes from a heap
KEPT = 128 << 20  # bytes of free pages, until nobody is here
BLOCK = 8 << 20
# what is said of it where no MemoryError is raised: by C++, OpenVINO (twice), OpenCV, and Python of a thread's stack
SHORTAGES = (
    "bad_alloc",
    "can't alloc",
    "Failed to allocate",
    "Insufficient memory",
    "Resource temporarily unavailable",  # a thread for which there is no stack
    "can't start new thread",
)
GROWN = (
    96 << 20
)  # bytes more than after the last time: by then giving back takes 10 ms, and who allocates may wait for it


class Reserve:
    """Memory of the heap that is given up where a connection finds none for what it has just read.

    Who wants much of it is refused anyway; a session must not end for two kilobytes. Bound: ``size`` bytes.
    """

    def __init__(self, size: int = 2 << 20) -> None:
        self._size = size
        self._block: bytearray | None = None

    def fill(self) -> None:
        """Take it, where it was given up and there is memory again."""
        if self._block is None:
            with contextlib.suppress(MemoryError):
                self._block = bytearray(self._size)

    def give_up(self) -> None:
        """Give it to whoever asks next."""
        self._block = None


RESERVE = Reserve()  # the process's own; filled by :func:`watch_memory`


def tune_heap() -> None:
    """Let glibc keep fewer heaps, and what they hold while it is in use; to be called before threads start.

    By itself it keeps eight heaps a core, and gives what is freed back at once: a picture's memory then comes from the
    system page by page, 25 times a second.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, max(2, os.cpu_count() or 1))
        mallopt(M_MMAP_THRESHOLD, LARGEST)
        mallopt(M_TRIM_THRESHOLD, KEPT)


def map_ahead(size: int) -> None:
    """Have the system map memory, bytes, that this thread is about to need, while other threads run.

    A library that is called with the interpreter's lock would make them wait: 60 ms for an encoder's 20 MB.
    """
    blocks = [np.empty(BLOCK, np.uint8) for _ in range(-(-size // BLOCK))]
    for block in blocks:
        np.copyto(block, 0)  # without the lock


def freeze_startup() -> None:
    """Take what is there out of Python's search for cycles, which would halt every thread for 80 ms now and then."""
    gc.collect()
    gc.freeze()


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that there was no memory for something: Python's own word, or that of a library."""
    return isinstance(error, MemoryError) or any(word in str(error) for word in SHORTAGES)


def trim_heap() -> None:
    """Return free pages to the system, where the C library can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def anonymous_bytes(status: Path = Path("/proc/self/status")) -> int:
    """Return how much memory this process has that is of no file; 0 where the system does not say (outside Linux)."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


async def watch_memory(
    is_idle: Callable[[], bool], period_s: float = PERIOD_S, measure: Callable[[], int] = anonymous_bytes
) -> None:
    """Give memory back each time that a busy process is found idle, or has come to hold much more; never returns.

    A service that is never without a session is never idle: what an upload or an attack has used would stay for ever.
    """
    was_busy = False
    least = measure()
    while True:
        RESERVE.fill()
        await asyncio.sleep(period_s)
        least = min(least, measure())
        if was_busy and is_idle():
            gc.collect()  # on the event loop, which the objects belong to
        if (was_busy and is_idle()) or measure() - least > GROWN:
            await asyncio.to_thread(trim_heap)
            least = measure()
        was_busy = not is_idle()
