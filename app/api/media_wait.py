"""Whether a place that was taken is used: somebody watches, or sound comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from app.errors import Refusal


class MediaWait:
    """Has ``timeout_s`` for media to come, less the time that the server itself takes (:meth:`excused`)."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._heard = asyncio.Event()
        self._patience: asyncio.Timeout | None = None

    def heard(self) -> None:
        """Take that sound has come, or a text to be spoken."""
        self._heard.set()

    async def run(self, watched: asyncio.Event) -> None:
        """See that a place is used, then wait for ever: who waits for the first of several tasks waits for others.

        Raises:
            Refusal: ``media_timeout``.
        """
        try:
            async with asyncio.timeout(self._timeout_s) as self._patience:
                await _first_of(watched, self._heard)
        except TimeoutError:
            raise Refusal(
                "media_timeout",
                f"A session ends unless its viewer is connected, or sound has come, within {self._timeout_s:.0f} s.",
            ) from None
        finally:
            self._patience = None  # over: nothing is excused from it any more
        await asyncio.Event().wait()

    @contextlib.contextmanager
    def excused(self) -> Iterator[None]:
        """Leave time out of what media may take: that of the row, which is ours."""
        clock = asyncio.get_running_loop().time
        patience = self._patience
        until_s = patience.when() if patience is not None else None
        if patience is None or until_s is None:
            yield
            return
        begun_s = clock()
        patience.reschedule(None)
        try:
            yield
        finally:
            with contextlib.suppress(RuntimeError):  # media have come, or the conversation ends
                patience.reschedule(until_s + clock() - begun_s)


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
