"""One who watches: a peer connection with two tracks out."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from app.errors import Refusal
from app.rtc.connection import Connection
from app.rtc.ice_agent import IceAgent
from app.rtc.ice_network import IceNetwork
from app.rtc.senders import Media, MediaSenders
from app.rtc.signaling import check_offer
from app.tracing import START, Step

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 20  # from the answer to media


class ViewerListener(Protocol):
    """What a viewer tells, on the event loop."""

    def viewer_connected(self, viewer: Viewer) -> None:
        """Take the news that media may flow; at most once a viewer."""
        ...

    def viewer_ended(self, viewer: Viewer) -> None:
        """Take the news that it no longer can; at most once a viewer."""
        ...


class Viewer:
    """Carries a session's packets to one browser or program: a subscriber of each broadcast.

    :meth:`answer` comes first; :meth:`aclose` ends it, as do a lost connection and one that is not made in time.
    """

    def __init__(self, media: Media, network: IceNetwork, listener: ViewerListener) -> None:
        self._connection = Connection(network)
        self._media, self._listener = media, listener
        self._senders: MediaSenders | None = None
        self._was_connected = False
        self._end: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        self._patience: asyncio.TimerHandle | None = None
        self._trace = START.get()
        self._connecting = Step()
        self._connection.peer.on("connectionstatechange", self._note_state)

    @property
    def connected(self) -> bool:
        """Whether media flow."""
        return self._was_connected and not self._end.done()

    @property
    def ice(self) -> IceAgent:
        """Takes candidates that come later, and ICE restarts."""
        return self._connection.ice

    async def answer(self, offer_sdp: str) -> str:
        """Answer an offer; all candidates of this side are inside.

        Raises:
            Refusal: ``bad_sdp``, ``no_media_port``, or ``internal_error`` where the machine has no socket for it.
        """
        codec = check_offer(offer_sdp)
        self._senders = MediaSenders(self._connection.peer, self._media, [codec])
        with self._trace.step("offer"):
            answer = await self._connection.answer(offer_sdp)
        if not self._end.done():
            self._connecting = self._trace.begin("connect")
            self._patience = asyncio.get_running_loop().call_later(CONNECT_TIMEOUT_S, self._give_up)
        return answer

    async def ended(self) -> Refusal | None:
        """Wait for the end; returns why it came: ``peer_lost`` or ``not_connected``, None where it was closed."""
        return await asyncio.shield(self._end)

    async def aclose(self) -> None:
        """Close the connection and wait until its tasks are gone; again is fine."""
        self._finish(None)
        if self._senders is not None:
            self._senders.stop()
        await self._connection.aclose()

    def _note_state(self) -> None:
        state = self._connection.peer.connectionState
        logger.info("viewer: %s", state)
        if state == "connected" and not self._was_connected and not self._end.done():
            self._was_connected = True
            self._connecting.end()
            self._stop_waiting()
            self._listener.viewer_connected(self)
        elif state in ("failed", "closed"):
            self._finish(Refusal("peer_lost", "The media connection was lost; start again."))

    def _give_up(self) -> None:
        message = f"No media connection was made within {CONNECT_TIMEOUT_S} s; a firewall may need a TURN server."
        self._finish(Refusal("not_connected", message))

    def _finish(self, why: Refusal | None) -> None:
        self._stop_waiting()
        self._connecting.end(why.code if why else "")
        if not self._end.done():
            self._end.set_result(why)
            self._listener.viewer_ended(self)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
