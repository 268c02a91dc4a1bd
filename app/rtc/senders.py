"""What a session sends, and its way onto a peer connection: two senders of packets that were coded once for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiortc import RTCPeerConnection, RTCRtpSender
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from app.clock import Epoch
from app.media import AUDIO_TIME_BASE, VIDEO_TIME_BASE
from app.rtc.broadcast import PictureBroadcast, VoiceBroadcast
from app.rtc.feedback import PictureFeedback
from app.rtc.picture_encoder import PictureCodec
from app.rtc.sender_clock import MediaClockReports
from app.rtc.subscription import Subscription
from app.rtc.tracks import PacketTrack


@dataclass(frozen=True, slots=True)
class Media:
    """What a session sends to whoever watches."""

    voice: VoiceBroadcast
    pictures: PictureBroadcast
    epoch: Epoch


class MediaSenders:
    """A session's voice and pictures on one peer connection; each subscribes once the connection is up.

    ``codecs`` may code the pictures, the first one liked best; where they are several, :meth:`settle` says which it is
    before the connection is up. :meth:`stop` ends the subscriptions.
    """

    def __init__(self, peer: RTCPeerConnection, media: Media, codecs: Sequence[PictureCodec]) -> None:
        self._media, self._codec = media, codecs[0]
        self._voice = PacketTrack("audio", media.voice.subscribe, AUDIO_TIME_BASE)
        voice = peer.addTransceiver(self._voice, "sendonly")
        voice.setCodecPreferences(_capabilities("audio", ["OPUS"]))
        MediaClockReports(voice.sender, self._voice, AUDIO_TIME_BASE, media.epoch)
        self._pictures = PacketTrack("video", self._subscribe, VIDEO_TIME_BASE)
        self._transceiver = peer.addTransceiver(self._pictures, "sendonly")
        self._transceiver.setCodecPreferences(_capabilities("video", codecs))
        sender = self._transceiver.sender
        MediaClockReports(sender, self._pictures, VIDEO_TIME_BASE, media.epoch)
        PictureFeedback(sender, self._take_key_wish, self._take_bitrate)

    def settle(self, codec: PictureCodec) -> None:
        """Code pictures so, as an answer wants it; to be called before the peer connection takes that answer."""
        self._codec = codec
        self._transceiver.setCodecPreferences(_capabilities("video", [codec]))

    def stop(self) -> None:
        """End both tracks and their subscriptions; again is fine."""
        for track in (self._voice, self._pictures):
            track.stop()
            if track.subscription is not None:
                self._media.voice.unsubscribe(track.subscription)
                self._media.pictures.unsubscribe(track.subscription)

    def _subscribe(self) -> Subscription:
        return self._media.pictures.subscribe(self._codec)

    def _take_bitrate(self, bitrate: int) -> None:
        if self._pictures.subscription is not None:
            self._pictures.subscription.target_bitrate = bitrate

    def _take_key_wish(self) -> None:
        if self._pictures.subscription is not None:
            self._media.pictures.want_key(self._pictures.subscription)


def _capabilities(kind: str, codecs: Sequence[str]) -> list[RTCRtpCodecCapability]:
    known = RTCRtpSender.getCapabilities(kind).codecs
    wanted = [each for codec in codecs for each in known if each.name.upper() == codec]
    return wanted + [each for each in known if each.name.upper() == "RTX"]
