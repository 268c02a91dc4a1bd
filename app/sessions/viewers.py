"""Who watches a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from app.rtc.ice_network import IceNetwork
from app.rtc.senders import Media
from app.rtc.viewer import Viewer


class Viewers:
    """A session's viewers, who come and go. ``run`` is given what must be done beside.

    ``on_change`` is told how many are connected, when it changes.
    """

    def __init__(
        self,
        media: Media,
        network: IceNetwork,
        run: Callable[[str, Coroutine[Any, Any, None]], None],
        on_change: Callable[[int], None],
    ) -> None:
        self._media, self._network, self._run, self._on_change = media, network, run, on_change
        self._viewers: set[Viewer] = set()
        self._closed = False
        self.count = 0  # connected ones

    def make(self) -> Viewer:
        """Add one, who is not connected yet."""
        viewer = Viewer(self._media, self._network, self)
        self._viewers.add(viewer)
        return viewer

    async def aclose(self) -> None:
        """Close them all; nothing is told any more."""
        self._closed = True
        await asyncio.gather(*(viewer.aclose() for viewer in list(self._viewers)), return_exceptions=True)

    def viewer_connected(self, viewer: Viewer) -> None:
        """See :class:`ViewerListener`."""
        self._tell()

    def viewer_ended(self, viewer: Viewer) -> None:
        """See :class:`ViewerListener`."""
        if not self._closed:
            self._run("viewer's end", self._see_off(viewer))
            self._tell()

    async def _see_off(self, viewer: Viewer) -> None:
        try:
            await viewer.aclose()
        finally:
            self._viewers.discard(viewer)

    def _tell(self) -> None:
        count = sum(viewer.connected for viewer in self._viewers)
        if count != self.count and not self._closed:
            self.count = count
            self._on_change(count)
