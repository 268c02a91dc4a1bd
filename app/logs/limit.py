"""Lines that repeat: a few at once, then one a second with a count."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass

from app.log_context import SESSION
from app.tallies import LIMITS

BURST = 10  # lines of one kind at once
KINDS_KEPT = 1000
COMPLETE = "app.access.audit"  # of which no line may be missing
COUNT = "repeated"  # of a record: how many of its kind were left out before it

_Kind = tuple[str, str, int, str]


@dataclass(slots=True)
class _Allowance:
    left: float
    at_s: float
    held_back: int = 0


class RepeatLimit(logging.Filter):
    """Keeps a client from filling the log. A line's kind is where it is written, and the session it names.

    So a session's own line each second passes, however many sessions there are. Time is the records' own.

    Bound: ``KINDS_KEPT`` kinds; full: the one that was silent longest is forgotten, with its count.
    """

    def __init__(self) -> None:
        super().__init__()
        self._allowances: OrderedDict[_Kind, _Allowance] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record pass or not; one that passes is told how many did not."""
        if record.name == COMPLETE:
            return True
        kind = (record.name, record.pathname, record.lineno, SESSION.get())
        allowance = self._allowances.get(kind)
        if allowance is None:
            allowance = self._allowances[kind] = _Allowance(BURST, record.created)
            if len(self._allowances) > KINDS_KEPT:
                self._allowances.popitem(last=False)
        self._allowances.move_to_end(kind)
        passed_s = record.created - allowance.at_s
        # a clock that was set back gives nothing, and takes nothing
        allowance.left = min(BURST, allowance.left + max(0.0, passed_s))
        allowance.at_s = record.created
        if allowance.left < 1:
            allowance.held_back += 1
            LIMITS.note("log_lines")
            return False
        allowance.left -= 1
        setattr(record, COUNT, allowance.held_back)
        allowance.held_back = 0
        return True
