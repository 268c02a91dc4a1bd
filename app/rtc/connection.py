"""aiortc's peer connection, with an answer or offer that may be given up and a close that leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from app.errors import Refusal
from app.rtc.ciphers import take_any_certificate
from app.rtc.ice_agent import IceAgent
from app.rtc.ice_fragment import IceFragment, without_candidates
from app.rtc.ice_network import IceNetwork
from app.rtc.signaling import check_offer

logger = logging.getLogger(__name__)

ANSWER_S = 1  # that an answer or offer which nobody waits for may still take
CLOSE_S = 3  # that aiortc may take to close
CONNECTED_LATE_S = 0.05  # after which what was connecting at the close has come as far as it does
UNANSWERABLE = "The offer cannot be answered: VP8 or H.264, and Opus, are needed, in a section each."
OUR_FAULT = "Something broke on the server; start again."


class Connection:
    """One peer connection that answers one offer, or makes one.

    aiortc leaves things behind in three cases: an answer that is cancelled keeps its UDP sockets, a close that is
    cancelled never ends, and a connection that is closed while it is being made goes on with some of its tasks. So both
    are tasks of their own here, and the last kind is cleared up afterwards. Made for the pinned aiortc and aioice;
    ``tests/e2e/test_connection.py`` fails where they move.
    """

    def __init__(self, network: IceNetwork, bundle_policy: RTCBundlePolicy = RTCBundlePolicy.BALANCED) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration([], bundlePolicy=bundle_policy))
        take_any_certificate(self.peer)
        self.ice = IceAgent(self.peer, network)
        self._describing: asyncio.Task[str] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def answer(self, offer_sdp: str) -> str:
        """Answer an offer. The answer holds all candidates of this side; the offer's are used as those that come later.

        Raises:
            Refusal: ``bad_sdp``, ``no_media_port``, or ``internal_error`` where the machine has no socket for it.
        """
        self._describing = asyncio.create_task(self._answer(offer_sdp), name="answer")
        return await asyncio.shield(self._describing)

    async def offer(self) -> str:
        """Make an offer of what the peer sends, this side's candidates inside; the peer takes the answer.

        Raises:
            OSError: where the machine has no socket for it.
            Refusal: ``no_media_port``.
        """
        self._describing = asyncio.create_task(self._offer(), name="offer")
        return await asyncio.shield(self._describing)

    async def aclose(self) -> None:
        """Close it, and wait until nothing of it is left; again is fine."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="close")
        await asyncio.shield(self._closing)

    async def _answer(self, offer_sdp: str) -> str:
        offered = IceFragment.parse(offer_sdp)
        check_offer(offer_sdp)
        try:
            await self.peer.setRemoteDescription(RTCSessionDescription(without_candidates(offer_sdp), "offer"))
            # whatever the browser offers to send is declined: nobody would read it
            for transceiver in self.peer.getTransceivers():
                transceiver.direction = "sendonly"
            self.ice.prepare()
            await self.peer.setLocalDescription(await self.peer.createAnswer())
        except Refusal:
            raise
        except OSError as error:
            logger.exception("viewer: no connection could be opened")
            raise Refusal("internal_error", OUR_FAULT) from error
        except Exception as error:  # aiortc asserts and indexes its way through descriptions
            logger.info("viewer: an offer could not be answered", exc_info=error)
            raise Refusal("bad_sdp", UNANSWERABLE) from error
        self.ice.add(offered)
        return self.peer.localDescription.sdp

    async def _offer(self) -> str:
        offer = await self.peer.createOffer()
        self.ice.prepare()
        await self.peer.setLocalDescription(offer)
        return self.peer.localDescription.sdp

    async def _close(self) -> None:
        if self._describing is not None:
            await asyncio.wait({self._describing}, timeout=ANSWER_S)
            self._describing.cancel()
            await asyncio.gather(self._describing, return_exceptions=True)
        await self.ice.aclose()
        settled = self.peer.connectionState in ("connected", "failed", "closed")
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.peer.close()
        except Exception as error:  # a half-made connection has parts that aiortc does not expect to be missing
            logger.info("viewer: its connection did not close in order", exc_info=error)
        if not settled:
            await self._clear_up()

    async def _clear_up(self) -> None:
        await asyncio.sleep(CONNECTED_LATE_S)
        for transceiver in self.peer.getTransceivers():
            await transceiver.sender.stop()
            ice = getattr(transceiver.receiver.transport, "transport", None)
            consent = getattr(getattr(ice, "_connection", None), "_query_consent_task", None)
            if consent is not None:
                consent.cancel()
