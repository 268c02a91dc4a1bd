"""One peer connection: two tracks out, and news of its life."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from app.api.messages import BAD_MESSAGE, ProtocolError
from app.config import IceServer
from app.media import AUDIO_TIME_BASE, VIDEO_TIME_BASE
from app.rtc.broadcast import PictureBroadcast, VoiceBroadcast
from app.rtc.feedback import PictureFeedback
from app.rtc.picture_encoder import PictureCodec
from app.rtc.sender_clock import MediaClockReports
from app.rtc.signaling import check_offer
from app.rtc.tracks import PacketTrack

logger = logging.getLogger(__name__)


class Peer:
    """Carries a session's packets to one browser: a subscriber of each broadcast.

    ``on_connected`` is called once, when media may flow; ``on_lost`` once, when it no longer can, unless
    ``aclose`` was called first.
    """

    def __init__(
        self,
        voice: VoiceBroadcast,
        pictures: PictureBroadcast,
        epoch_ntp: Callable[[], int],
        ice_servers: Sequence[IceServer],
        on_connected: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        servers = [RTCIceServer(server.urls, server.username, server.credential) for server in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(servers))
        self._voice, self._pictures, self._epoch_ntp = voice, pictures, epoch_ntp
        self._tracks: list[PacketTrack] = []
        self._on_connected, self._on_lost = on_connected, on_lost
        self._connected = self._closed = False
        self._connection.on("connectionstatechange", self._note_state)

    async def answer(self, offer_sdp: str) -> str:
        """Answer an offer; both sides' candidates are inside the descriptions.

        Raises:
            ProtocolError: ``bad_sdp``.
        """
        codec = check_offer(offer_sdp)
        try:
            self._add_voice()
            self._add_pictures(codec)
            await self._connection.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
            # whatever the browser offers to send is refused: nobody would read it
            for transceiver in self._connection.getTransceivers():
                transceiver.direction = "sendonly"
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
            for track in self._tracks:
                track.stop()
                self._voice.unsubscribe(track.subscription)
                self._pictures.unsubscribe(track.subscription)
            await self._connection.close()

    def _add_voice(self) -> None:
        track = PacketTrack("audio", self._voice.subscribe(), AUDIO_TIME_BASE)
        self._tracks.append(track)
        sender = self._connection.addTransceiver(track, "sendonly").sender
        MediaClockReports(sender, track, AUDIO_TIME_BASE, self._epoch_ntp)

    def _add_pictures(self, codec: PictureCodec) -> None:
        subscription = self._pictures.subscribe(codec)
        track = PacketTrack("video", subscription, VIDEO_TIME_BASE)
        self._tracks.append(track)
        transceiver = self._connection.addTransceiver(track, "sendonly")
        known = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([each for each in known if each.name.upper() in (codec, "RTX")])
        MediaClockReports(transceiver.sender, track, VIDEO_TIME_BASE, self._epoch_ntp)

        def take_bitrate(bitrate: int) -> None:
            subscription.target_bitrate = bitrate

        PictureFeedback(transceiver.sender, lambda: self._pictures.want_key(subscription), take_bitrate)

    def _note_state(self) -> None:
        state = self._connection.connectionState
        logger.info("peer: %s", state)
        if state == "connected" and not self._connected:
            self._connected = True
            self._on_connected()
        elif state in ("failed", "closed") and not self._closed:
            self._on_lost()
