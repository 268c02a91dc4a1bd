"""How much of an SDP is read at all: the parser behind it counts nothing, and some of it takes the square of it."""

from __future__ import annotations

import re
from collections import Counter

from app.errors import Refusal

MOST_BYTES = 64 * 1024  # a browser's offer takes 7
MOST_LINES = 1024  # … and 200
LONGEST_LINE = 2048
MOST_SECTIONS = 8
MOST_ALIKE = {  # lines of one attribute; a browser sends a third of these at most
    "candidate": 256,
    "extmap": 64,
    "fingerprint": 16,
    "fmtp": 128,
    "group": 8,
    "rtcp-fb": 384,
    "rtpmap": 128,
    "ssrc": 64,
    "ssrc-group": 16,
}
# C0 and C1 controls, lone surrogates, and what Python's splitlines takes for a line's end and nobody else does
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def check_bounds(sdp: str) -> None:
    """Refuse what is longer or stranger than any client's.

    Raises:
        Refusal: ``bad_sdp``.
    """
    if len(sdp) > MOST_BYTES:
        raise _bad(f"The SDP is too long: up to {MOST_BYTES // 1024} KB are read.")
    if _UNREADABLE.search(sdp):
        raise _bad("The SDP holds characters that no SDP has; send it as it was made.")
    lines = sdp.splitlines()
    if len(lines) > MOST_LINES or max(map(len, lines), default=0) > LONGEST_LINE:
        raise _bad(f"The SDP has too many lines, or one that is too long: {MOST_LINES}, of {LONGEST_LINE} characters.")
    sections = sum(line.startswith("m=") for line in lines)
    if sections > MOST_SECTIONS:
        raise _bad(f"The SDP has too many sections: {sections}.")
    alike = Counter(line[2:].partition(":")[0] for line in lines if line.startswith("a="))
    for name, most in MOST_ALIKE.items():
        if alike[name] > most:
            raise _bad(f"The SDP has too many lines of a={name}: {alike[name]}, where {most} would be many.")


def _bad(message: str) -> Refusal:
    return Refusal("bad_sdp", message)
