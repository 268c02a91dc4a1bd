"""The one place for a feeder, and those who have left it and are still heard."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from app.errors import Refusal
from app.ingest.pcm import PcmFormat
from app.sessions.feeder import Feeder, FeederLinks

FEEDERS_HIGH = 4  # of them, all but one have left and still have sound to hand on


class Feeders:
    """A session's feeders, one of whom holds the lease. ``run`` is given what each does, to be done beside.

    Bound: ``FEEDERS_HIGH``; full: refused.
    """

    def __init__(self, links: FeederLinks, run: Callable[[str, Coroutine[Any, Any, None]], None]) -> None:
        self._links, self._run = links, run
        self._feeders: list[Feeder] = []
        self._generation = 0

    @property
    def fed(self) -> bool:
        """Whether somebody holds the lease."""
        return bool(self._feeders) and not self._feeders[-1].left

    @property
    def was_fed(self) -> bool:
        """Whether anybody holds the lease, or has."""
        return bool(self._feeders)

    @property
    def next_pts(self) -> int:
        """Of the slice that comes next, whoever sends it."""
        return max((feeder.next_pts for feeder in self._feeders), default=0)

    def lease(self, format: PcmFormat) -> Feeder:
        """Give out the one place.

        Raises:
            Refusal: ``already_fed`` while another holds it; ``feeder_busy`` while too many who left are still heard.
        """
        latest = self._feeders[-1] if self._feeders else None
        if latest is not None and not latest.left:
            raise Refusal("already_fed", "Somebody else feeds this session; wait until they leave.")
        told_seq = None if latest is None else latest.told_seq
        if latest is not None and latest.unheard:  # a socket that comes and goes takes no place
            self._feeders.pop()
            latest = self._feeders[-1]
        # the latest stays: the next one's sound is numbered from its last
        self._feeders = [feeder for feeder in self._feeders if feeder is latest or not feeder.drained]
        if len(self._feeders) >= FEEDERS_HIGH:
            raise Refusal("feeder_busy", "What the last feeders sent is still being read; try again in a few seconds.")
        feeder = Feeder(format, self._links, self._generation, latest)
        feeder.told_seq = told_seq
        self._feeders.append(feeder)
        self._run("feeder", feeder.run())
        return feeder

    def close(self) -> None:
        """Forget all that any of them has sent; again is fine."""
        for feeder in self._feeders:
            feeder.close()

    def interrupt(self, generation: int, from_outside: bool) -> None:
        """Discard everything that has not reached the inference thread."""
        self._generation = generation
        for feeder in self._feeders:
            feeder.interrupt(generation, from_outside)
