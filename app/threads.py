"""Names that the kernel knows threads by, so that ``top -H`` and ``bench service`` can tell them apart."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

LONGEST = 15  # bytes that Linux keeps


def name_thread(name: str) -> None:
    """Give the running thread a name; outside Linux nothing happens. Threads that it starts inherit it."""
    with contextlib.suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_bytes(name.encode()[:LONGEST])
