"""Leaving at once: for who presses Ctrl-C while nothing has begun that must be ended, or cannot wait for it."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import NoReturn

SIGNALLED = 128  # and a signal's number: the exit status of a process that it ended, as shells say it


def leave_at_once(number: int, frame: FrameType | None = None) -> NoReturn:
    """End the process, as a signal's handler: no clean-up, no waiting for threads, no traceback."""
    os._exit(SIGNALLED + number)


def let_ctrl_c_leave() -> None:
    """Have Ctrl-C end the process at once from here on; in another thread than the first nothing happens."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, leave_at_once)
