"""The sessions of a front itself: none."""

from __future__ import annotations

from typing import NoReturn

from app.access.caller import Caller
from app.sessions.service import no_such_session


class NoSessions:
    """Whom the doors of a front ask for a session that no stage has."""

    def find(self, id: str) -> NoReturn:
        """See :meth:`Service.find`.

        Raises:
            Refusal: ``no_such_session``.
        """
        raise no_such_session(id)

    def find_own(self, id: str, caller: Caller) -> NoReturn:
        """See :meth:`Service.find_own`; raises as :meth:`find` does."""
        raise no_such_session(id)
