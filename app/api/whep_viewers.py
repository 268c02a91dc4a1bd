"""Those who watch over WHEP, each behind a path that only they know."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from app.errors import Refusal
from app.rtc.viewer import Viewer
from app.session_ref import bare

SECRET_BYTES = 24
SILENT_S = 8.0  # without a connection, until a viewer's place is somebody else's who needs it


@dataclass(slots=True)
class WhepViewer:
    """One of them. ``etag`` names the ICE session, and changes with each restart."""

    session_id: str
    viewer: Viewer
    etag: str = field(default_factory=lambda: f'"{secrets.token_hex(8)}"')
    since_s: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def renew(self) -> None:
        """Take another name, for a new ICE session."""
        self.etag = f'"{secrets.token_hex(8)}"'


class WhepViewers:
    """Secret → viewer; an entry goes with its viewer, whatever ends that.

    Bound: ``most`` viewers, those who are still connecting included. Full: the one who has been connecting for longest
    goes, once that has taken ``SILENT_S``; else :meth:`enter` refuses.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._viewers: dict[str, WhepViewer] = {}
        self._coming = 0
        self._watches: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._viewers)

    def enter(self) -> None:
        """Take a place for who is about to be answered; :meth:`add` or :meth:`leave` gives it back.

        Raises:
            Refusal: ``too_many_viewers``.
        """
        if len(self._viewers) + self._coming >= self._most and not self._make_room():
            raise Refusal("too_many_viewers", f"All {self._most} places for viewers are taken; try again in a minute.")
        self._coming += 1

    def leave(self) -> None:
        """Give back a place."""
        self._coming -= 1

    def add(self, session_id: str, viewer: Viewer) -> tuple[str, WhepViewer]:
        """Keep a viewer until it ends; returns its secret."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        self._viewers[secret] = added = WhepViewer(session_id, viewer)
        self._beside(self._forget_at_its_end(secret, viewer))
        return secret, added

    def find(self, session_id: str, secret: str) -> WhepViewer:
        """Return the viewer behind a path.

        Raises:
            Refusal: ``no_such_viewer``.
        """
        found = self._viewers.get(secret)
        if found is None or bare(found.session_id) != bare(session_id):
            raise Refusal("no_such_viewer", "This viewer has left or was never here; POST an offer to watch again.")
        return found

    def remove(self, secret: str) -> None:
        """Forget one; again is fine."""
        self._viewers.pop(secret, None)

    def _make_room(self) -> bool:
        """Send away one who does not connect; tells whether there was one."""
        silent_s = asyncio.get_running_loop().time() - SILENT_S
        for secret, each in self._viewers.items():  # the oldest first
            if each.since_s <= silent_s and not each.viewer.connected:
                self.remove(secret)
                self._beside(each.viewer.aclose())
                return True
        return False

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="WHEP viewer")
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def _forget_at_its_end(self, secret: str, viewer: Viewer) -> None:
        await viewer.ended()
        self.remove(secret)
