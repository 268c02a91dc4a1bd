"""What an offer must be before it reaches the peer connection."""

from __future__ import annotations

import re

from aiortc.codecs import CODECS
from aiortc.rtcpeerconnection import find_common_codecs
from aiortc.sdp import MediaDescription, SessionDescription

from app.errors import Refusal
from app.rtc.ice_fragment import PWD, UFRAG
from app.rtc.picture_encoder import PictureCodec
from app.rtc.sdp_bounds import check_bounds

PREFERRED: tuple[PictureCodec, ...] = ("VP8", "H264")  # by what a picture costs at the same sharpness: `bench encode`
MID = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}")  # a token of RFC 8866
FINGERPRINT_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
FINGERPRINT = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2})*")


def check_offer(sdp: str) -> PictureCodec:
    """Refuse what cannot carry a talking face, and choose how its pictures shall be coded.

    Raises:
        Refusal: ``bad_sdp``, with what is missing.
    """
    description = read_sdp(sdp, "offer")
    kinds = sorted(media.kind for media in description.media)
    if kinds != ["audio", "video"]:
        said = ", ".join(kind if kind in ("audio", "video", "application") else "others" for kind in kinds)
        raise _bad(f"The offer must hold one audio and one video section, not {said or 'none'}.")
    for media in description.media:
        _check_section(media)
    _check_names(description)
    codec = _picture_codec(next(media for media in description.media if media.kind == "video"))
    if not _shared(next(media for media in description.media if media.kind == "audio")):
        raise _bad("The offer must name Opus, at 48000 Hz, for the voice.")
    return codec


def read_sdp(sdp: str, what: str) -> SessionDescription:
    """Parse an offer or answer.

    Raises:
        Refusal: ``bad_sdp``.
    """
    check_bounds(sdp)
    try:
        return SessionDescription.parse(sdp)
    except Exception as error:  # the parser asserts, indexes and converts; any of it means unreadable
        raise _bad(f"The {what}'s SDP cannot be read.") from error


def _check_section(media: MediaDescription) -> None:
    kind = media.kind
    if media.direction not in ("recvonly", "sendrecv"):
        raise _bad(f"The offer must ask to receive exactly one {kind} stream; add a recvonly transceiver of each kind.")
    if not media.rtp.codecs:
        raise _bad(f"The offer names no {kind} codec.")
    if not media.rtcp_mux:
        raise _bad(f"The offer's {kind} section must say a=rtcp-mux.")
    ice, dtls = media.ice, media.dtls
    if ice is None or not (UFRAG.fullmatch(ice.usernameFragment or "") and PWD.fullmatch(ice.password or "")):
        raise _bad(f"The offer's {kind} section has no a=ice-ufrag and a=ice-pwd, or none that ICE knows.")
    if dtls is None or dtls.role not in ("auto", "client", "server"):
        raise _bad(f"The offer's {kind} section must say a=setup:actpass.")
    if not any(_is_fingerprint(each.algorithm, each.value) for each in dtls.fingerprints):
        raise _bad(f"The offer's {kind} section has no a=fingerprint of SHA-256, SHA-384 or SHA-512.")


def _is_fingerprint(algorithm: str, value: str) -> bool:
    size = FINGERPRINT_BYTES.get(algorithm.lower())
    return size is not None and len(value) == 3 * size - 1 and FINGERPRINT.fullmatch(value) is not None


def _check_names(description: SessionDescription) -> None:
    """Refuse sections without names of their own, and bundles of sections that are not there."""
    names = [media.rtp.muxId for media in description.media]
    if len(set(names)) < len(names) or not all(MID.fullmatch(name or "") for name in names):
        raise _bad("The offer's sections must each have a name of their own: a=mid.")
    bundles = [group.items for group in description.group if group.semantic == "BUNDLE"]
    if len(bundles) > 1 or any(len(set(items)) < len(items) or set(items) - set(names) for items in bundles):
        raise _bad("The offer's a=group:BUNDLE must list sections that are there, each once.")


def _picture_codec(video: MediaDescription) -> PictureCodec:
    shared = _shared(video)
    for codec in PREFERRED:
        if codec in shared:
            return codec
    raise _bad("The offer must name VP8 or H.264 (baseline) for the pictures.")


def _shared(media: MediaDescription) -> set[str]:
    try:
        common = find_common_codecs(CODECS[media.kind], media.rtp.codecs)
    except Exception as error:  # it takes parameters for numbers
        raise _bad(f"The offer's {media.kind} codecs cannot be read.") from error
    known = ("OPUS",) if media.kind == "audio" else PREFERRED
    return {name for codec in common if (name := codec.name.upper()) in known}


def _bad(message: str) -> Refusal:
    return Refusal("bad_sdp", message)
