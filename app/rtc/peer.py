"""One peer connection: two tracks out, and news of its life."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import h264, vpx

from app.config import IceServer
from app.ingest.protocol import BAD_MESSAGE, ProtocolError
from app.media import AUDIO_TIME_BASE, PACKET_NS, VIDEO_TIME_BASE
from app.pacer.clock import Clock, SlotClock
from app.rtc.playout_feed import PlayoutFeed
from app.rtc.sender_clock import MediaClockReports
from app.rtc.signaling import check_offer
from app.rtc.tracks import PictureTrack, VoiceTrack

logger = logging.getLogger(__name__)

START_BITRATE_SHARE = 0.6  # of the most; browsers' estimates move it from there


def limit_video_bitrate(bits_per_second: int) -> None:
    """Set what one video stream may take, for all peers of the process.

    aiortc's own caps (1.5 Mbit/s for VP8) blur a face at full resolution; they are module constants.
    """
    for codec in (vpx, h264):
        for name, value in (("MAX", bits_per_second), ("DEFAULT", int(bits_per_second * START_BITRATE_SHARE))):
            assert hasattr(codec, f"{name}_BITRATE"), "the pinned aiortc has these"
            setattr(codec, f"{name}_BITRATE", value)


class Peer:
    """Carries a session's slots to one browser.

    ``on_connected`` is called once, when media may flow; ``on_lost`` once, when it no longer can, unless
    ``aclose`` was called first.
    """

    def __init__(
        self,
        feed: PlayoutFeed,
        slots: Callable[[], SlotClock],
        epoch_ntp: Callable[[], int],
        clock: Clock,
        lead_packets: int,
        ice_servers: Sequence[IceServer],
        on_connected: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        servers = [RTCIceServer(server.urls, server.username, server.credential) for server in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(servers))
        self._epoch_ntp = epoch_ntp
        self.voice = VoiceTrack(feed, slots, clock)
        self.pictures = PictureTrack(feed, slots, clock, lead_packets * PACKET_NS)
        self.reports: list[MediaClockReports] = []
        self._on_connected, self._on_lost = on_connected, on_lost
        self._connected = self._closed = False
        self._connection.on("connectionstatechange", self._note_state)

    async def answer(self, offer_sdp: str) -> str:
        """Answer an offer; both sides' candidates are inside the descriptions.

        Raises:
            ProtocolError: ``bad_sdp``.
        """
        check_offer(offer_sdp)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
            voice = self._connection.addTrack(self.voice)
            pictures = self._connection.addTrack(self.pictures)
            # whatever the browser offers to send is refused: nobody would read it
            for transceiver in self._connection.getTransceivers():
                transceiver.direction = "sendonly"
            self.reports = [
                MediaClockReports(voice, self.voice, AUDIO_TIME_BASE, self._epoch_ntp),
                MediaClockReports(pictures, self.pictures, VIDEO_TIME_BASE, self._epoch_ntp),
            ]
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except Exception as error:  # aiortc asserts and indexes its way through descriptions
            logger.info("peer: an offer could not be answered", exc_info=error)
            message = (
                f"The offer cannot be answered ({error or type(error).__name__}): VP8 or H.264, and Opus, are needed."
            )
            raise ProtocolError(BAD_MESSAGE, "bad_sdp", message) from error
        return self._connection.localDescription.sdp

    async def aclose(self) -> None:
        """Close the connection and wait until its tasks are gone."""
        if not self._closed:
            self._closed = True
            self.voice.stop()
            self.pictures.stop()
            await self._connection.close()

    def _note_state(self) -> None:
        state = self._connection.connectionState
        logger.info("peer: %s", state)
        if state == "connected" and not self._connected:
            self._connected = True
            self._on_connected()
        elif state in ("failed", "closed") and not self._closed:
            self._on_lost()
