"""Interrupts that come together are one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TOGETHER_S = 0.05


class Interrupts:
    """Has ``cut`` called for interrupts: at once for the first, and once for all that follow within ``TOGETHER_S``.

    ``cut`` is told how many it answers. Whatever else is sent comes behind them: :meth:`settle` goes before it.
    """

    def __init__(self, cut: Callable[[int], object]) -> None:
        self._cut = cut
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Take one."""
        self._waiting += 1
        if self._timer is None:
            self._cut_now()
            self._timer = asyncio.get_running_loop().call_later(TOGETHER_S, self._time_is_up)

    def settle(self) -> None:
        """Do at once what is still to be done."""
        if self._waiting:
            self._cut_now()

    def close(self) -> None:
        """Forget those that wait; again is fine."""
        self._waiting = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut_now(self) -> None:
        answers, self._waiting = self._waiting, 0
        self._cut(answers)

    def _time_is_up(self) -> None:
        self._timer = None
        if self._waiting:
            self._cut_now()
            self._timer = asyncio.get_running_loop().call_later(TOGETHER_S, self._time_is_up)
