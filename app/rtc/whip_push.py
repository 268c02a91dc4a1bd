"""WHIP push (RFC 9725): a session's coded pictures and voice over WebRTC to a server that carries the crowd."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiortc import RTCBundlePolicy, RTCSessionDescription

from app.errors import Refusal
from app.rtc.checked_connect import output_reach
from app.rtc.connection import Connection
from app.rtc.ice_network import IceNetwork
from app.rtc.picture_encoder import PictureCodec
from app.rtc.push import PushFailed
from app.rtc.senders import Media, MediaSenders
from app.rtc.signaling import read_sdp
from app.rtc.whip_client import WhipClient, WhipTarget

logger = logging.getLogger(__name__)

CODECS: tuple[PictureCodec, ...] = ("H264", "VP8")  # what servers make of a push (HLS, RTMP) wants H.264 more often
CONNECT_S = 20  # from the answer to media


class WhipPush:
    """Pushes to one endpoint, as the side that offers: voice and pictures out, nothing in."""

    def __init__(self, media: Media, network: IceNetwork, target: WhipTarget) -> None:
        self._media, self._network, self._target = media, network, target

    async def run(self, on_live: Callable[[], None]) -> None:
        """See :class:`Push`."""
        connection = Connection(self._network, RTCBundlePolicy.MAX_BUNDLE)
        states = _States(connection)
        senders = MediaSenders(connection.peer, self._media, CODECS)
        try:
            offer = await _offer(connection)
            async with WhipClient(self._target, output_reach(self._network.private)) as client:
                answer = await client.offer(offer)
                senders.settle(picture_codec(answer))
                await _accept(connection, answer)
                await states.until_connected()
                on_live()
                await states.until_lost()
        finally:
            senders.stop()
            await connection.aclose()
        raise PushFailed("connection_lost", "The media connection was lost.")


class _States:
    """What a peer connection becomes."""

    def __init__(self, connection: Connection) -> None:
        self._peer = connection.peer
        self._changed = asyncio.Event()
        self._peer.on("connectionstatechange", self._changed.set)

    async def until_connected(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._until("connected", "failed", "closed")
        except TimeoutError:
            pass
        if self._peer.connectionState != "connected":
            raise PushFailed("not_connected", f"No media connection was made within {CONNECT_S} s.")

    async def until_lost(self) -> None:
        await self._until("failed", "closed")

    async def _until(self, *states: str) -> None:
        while self._peer.connectionState not in states:
            self._changed.clear()
            await self._changed.wait()


def picture_codec(answer: str) -> PictureCodec:
    """Return how an answer wants the pictures coded: the first of its codecs that we have.

    Raises:
        PushFailed: ``bad_answer``.
    """
    try:
        media = read_sdp(answer, "answer").media
    except Refusal as error:
        raise PushFailed("bad_answer", "The server's answer cannot be read.", refused=True) from error
    wants = [each for each in media if each.direction in ("recvonly", "sendrecv") and each.port]
    if sorted(each.kind for each in wants) != ["audio", "video"]:
        raise PushFailed("bad_answer", "The server's answer does not take both voice and pictures.", refused=True)
    for codec in next(each for each in wants if each.kind == "video").rtp.codecs:
        for known in CODECS:
            if codec.name.upper() == known:
                return known
    raise PushFailed("bad_answer", "The server's answer takes neither H.264 nor VP8.", refused=True)


async def _offer(connection: Connection) -> str:
    try:
        return await connection.offer()
    except Refusal as error:  # no_media_port
        raise PushFailed(error.code, error.message) from error
    except OSError as error:
        raise PushFailed("internal_error", "This machine has no socket for a media connection.") from error


async def _accept(connection: Connection, answer: str) -> None:
    try:
        await connection.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    except Exception as error:  # aiortc asserts and indexes its way through descriptions
        logger.info("whip: an answer could not be used", exc_info=error)
        raise PushFailed("bad_answer", "The server's answer cannot be used.", refused=True) from error
