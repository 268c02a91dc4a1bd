"""``python -m tests.roomy serve …``: the command line, with a server that has time for whomever it has a place for.

What the machine does beside is others' work here, and no test may depend on it. Where admission would refuse for lack
of time it lets in on its least terms; all else of it stays.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from app.cli import main
from app.rtc.picture_encoder import Effort
from app.sessions import admission
from app.sessions.admission import Machine, SessionLoad, Terms, terms

COMMAND = (sys.executable, "-m", "tests.roomy")


def terms_at_least(machine: Machine, inside: Sequence[SessionLoad], alive: SessionLoad, calm: SessionLoad) -> Terms:
    """Return the terms that there are, or the least."""
    return terms(machine, inside, alive, calm) or Terms(False, Effort.LEAST)


if __name__ == "__main__":
    admission.terms = terms_at_least
    sys.exit(main(sys.argv[1:]))
