"""What an offer must be before it reaches the peer connection."""

from __future__ import annotations

from aiortc.sdp import SessionDescription

from app.ingest.protocol import BAD_MESSAGE, ProtocolError


def check_offer(sdp: str) -> None:
    """Refuse what cannot carry a talking face.

    Raises:
        ProtocolError: ``bad_sdp``, with what is missing.
    """
    try:
        description = SessionDescription.parse(sdp)
    except Exception as error:  # the parser asserts, indexes and converts; any of it means unreadable
        raise ProtocolError(BAD_MESSAGE, "bad_sdp", "The offer's SDP cannot be read.") from error
    kinds = sorted(media.kind for media in description.media)
    if kinds != ["audio", "video"]:
        raise ProtocolError(
            BAD_MESSAGE,
            "bad_sdp",
            f"The offer must hold one audio and one video section, not {', '.join(kinds) or 'none'}.",
        )
    for kind in ("audio", "video"):
        wanted = [m for m in description.media if m.kind == kind and m.direction in ("recvonly", "sendrecv")]
        if len(wanted) != 1:
            raise ProtocolError(
                BAD_MESSAGE,
                "bad_sdp",
                f"The offer must ask to receive exactly one {kind} stream; add a recvonly transceiver of each kind.",
            )
        if not wanted[0].rtp.codecs:
            raise ProtocolError(BAD_MESSAGE, "bad_sdp", f"The offer names no {kind} codec.")
