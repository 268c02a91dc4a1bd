"""A stage: our own server on a port of its own, in a thread of whichever process holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from app.cluster.seals import Seals
from app.config import Settings

Item = dict[str, Any]  # of JSON
# given a wish (as :meth:`StageServer.hold` takes it, with ``bare_id``), has another stage make that session, and
# returns its ``SessionMade`` as JSON; None or a Refusal where no stage has a place just now
PlaceElsewhere = Callable[[Item], Awaitable[Item | None]]


class StageServer:
    """Serves sessions that others place here. Every method may be called from any event loop.

    ``start`` and ``aclose`` belong together.
    """

    def __init__(self, settings: Settings, stage_id: str, ip: str, seals: Seals) -> None:
        """Take what is the same for all stages (``settings``, with a ``token_secret``), and what is this one's own."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """The address at which clients reach it; known once it has started."""
        raise NotImplementedError

    async def start(self) -> None:
        """Listen on the first free port, and return once sessions can be held.

        Raises:
            SettingsError: where no port is free, or something else keeps the service from running.
        """
        raise NotImplementedError

    def hold(self, wish: Item) -> AsyncIterator[Item]:
        """Make a session, or keep a place for one, and tell how it stands until it has ended.

        ``wish``: ``{"kind": "session"|"place", "request": {…}, "site", "bare_id"?, "next_utterance"?}``; ``request`` is
        a :class:`SessionRequest` as JSON (``dataclasses.asdict``). Yields one of ``{"made": {…}, "ref"}`` (with
        ``"again": True`` where the session of a ``bare_id`` was here already), ``{"place": {"url"}}`` and ``{"refused":
        {"code", "message"}}``; then ``{"alive": True}`` at least every five seconds; at last ``{"ended": True}``.

        A call that was refused while the stage has sessions without a lease goes on until one of those has ended: keep
        it open, so that they are counted.
        """
        raise NotImplementedError

    def card(self) -> Item:
        """Return what the stage is and has, at most a second old; never waits."""
        raise NotImplementedError

    async def drain(self, within_s: float, place_elsewhere: PlaceElsewhere | None = None) -> None:
        """Let nobody new in, have every session move away, and return once all have ended, within that."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End every session in order, and the thread; again is fine."""
        raise NotImplementedError
