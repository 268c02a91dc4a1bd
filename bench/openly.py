"""``python -m bench.openly serve …``: the command line, with a server that lets in whom it has a place for.

Admission by the machine's load is set aside, so that ``LIPWIRE_MAX_SESSIONS`` alone decides, however busy the machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from app.cli import main
from app.rtc.picture_encoder import Effort
from app.sessions import admission
from app.sessions.admission import Machine, SessionLoad, Terms
from app.sessions.capacity import Capacity, Inside


def everybody(machine: Machine, inside: Sequence[SessionLoad], alive: SessionLoad, calm: SessionLoad) -> Terms | None:
    """Let one more in, without its life."""
    return Terms(False, Effort.LEAST)


async def at_once(self: Capacity, inside: Callable[[], Sequence[Inside]]) -> None:
    """Wait for nothing to be measured."""


if __name__ == "__main__":
    admission.terms = everybody
    Capacity.until_known = at_once  # type: ignore[method-assign]
    sys.exit(main(sys.argv[1:]))
