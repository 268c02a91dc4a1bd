"""What a session sends, and its way onto a peer connection: two senders of packets that were coded once for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiortc import RTCPeerConnection, RTCRtpSender
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from app.clock import Epoch
from app.media import AUDIO_TIME_BASE, VIDEO_TIME_BASE
from app.rtc.broadcast import PictureBroadcast, VoiceBroadcast
from app.rtc.packetizer import Packetizer
from app.rtc.picture_encoder import PictureCodec
from app.rtc.rtp_sender import Feed, RtpSender
from app.rtc.subscription import Subscriber


@dataclass(frozen=True, slots=True)
class Media:
    """What a session sends to whoever watches."""

    voice: VoiceBroadcast
    pictures: PictureBroadcast
    epoch: Epoch


class MediaSenders:
    """A session's voice and pictures on one peer connection; each is subscribed to once the connection is up.

    ``codecs`` may code the pictures, the first one liked best; where they are several, :meth:`settle` says which it is
    before the connection is up. :meth:`stop` ends the subscriptions.
    """

    def __init__(self, peer: RTCPeerConnection, media: Media, codecs: Sequence[PictureCodec]) -> None:
        self._media, self._codec = media, codecs[0]
        voice = peer.addTransceiver("audio", "sendonly")
        voice.setCodecPreferences(_capabilities("audio", ["OPUS"]))
        self._pictures = peer.addTransceiver("video", "sendonly")
        self._pictures.setCodecPreferences(_capabilities("video", codecs))
        speech, pictures = media.voice, media.pictures
        hear = Feed(speech.add, speech.unsubscribe, lambda sender: None, AUDIO_TIME_BASE, media.epoch)
        see = Feed(self._see, pictures.unsubscribe, pictures.want_key, VIDEO_TIME_BASE, media.epoch)
        self._senders = (RtpSender.put_into(voice, hear), RtpSender.put_into(self._pictures, see))

    def settle(self, codec: PictureCodec) -> None:
        """Code pictures so, as an answer wants it; to be called before the peer connection takes that answer."""
        self._codec = codec
        self._pictures.setCodecPreferences(_capabilities("video", [codec]))

    def stop(self) -> None:
        """End both subscriptions; again is fine."""
        for sender in self._senders:
            sender.end()

    def _see(self, sender: Subscriber) -> Packetizer:
        return self._media.pictures.add(self._codec, sender)


def _capabilities(kind: str, codecs: Sequence[str]) -> list[RTCRtpCodecCapability]:
    known = RTCRtpSender.getCapabilities(kind).codecs
    wanted = [each for codec in codecs for each in known if each.name.upper() == codec]
    return wanted + [each for each in known if each.name.upper() == "RTX"]
