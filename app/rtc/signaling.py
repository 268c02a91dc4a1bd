"""What an offer must be before it reaches the peer connection."""

from __future__ import annotations

from aiortc.codecs import CODECS
from aiortc.rtcpeerconnection import find_common_codecs
from aiortc.sdp import MediaDescription, SessionDescription

from app.errors import Refusal
from app.rtc.picture_encoder import PictureCodec

PREFERRED: tuple[PictureCodec, ...] = ("VP8", "H264")  # by what a picture costs at the same sharpness: `bench encode`


def check_offer(sdp: str) -> PictureCodec:
    """Refuse what cannot carry a talking face, and choose how its pictures shall be coded.

    Raises:
        Refusal: ``bad_sdp``, with what is missing.
    """
    try:
        description = SessionDescription.parse(sdp)
    except Exception as error:  # the parser asserts, indexes and converts; any of it means unreadable
        raise Refusal("bad_sdp", "The offer's SDP cannot be read.") from error
    kinds = sorted(media.kind for media in description.media)
    if kinds != ["audio", "video"]:
        raise Refusal(
            "bad_sdp",
            f"The offer must hold one audio and one video section, not {', '.join(kinds) or 'none'}.",
        )
    for kind in ("audio", "video"):
        wanted = [m for m in description.media if m.kind == kind and m.direction in ("recvonly", "sendrecv")]
        if len(wanted) != 1:
            raise Refusal(
                "bad_sdp",
                f"The offer must ask to receive exactly one {kind} stream; add a recvonly transceiver of each kind.",
            )
        if not wanted[0].rtp.codecs:
            raise Refusal("bad_sdp", f"The offer names no {kind} codec.")
    return _picture_codec(next(media for media in description.media if media.kind == "video"))


def _picture_codec(video: MediaDescription) -> PictureCodec:
    shared = {codec.name.upper() for codec in find_common_codecs(CODECS["video"], video.rtp.codecs)}
    for codec in PREFERRED:
        if codec in shared:
            return codec
    raise Refusal("bad_sdp", "The offer must name VP8 or H.264 (baseline) for the pictures.")
