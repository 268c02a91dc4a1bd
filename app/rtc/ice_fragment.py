"""What is said of ICE after an offer and its answer: candidates that come later, and restarts (RFC 8840)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

from app.errors import Refusal
from app.rtc.sdp_bounds import check_bounds

MAX_CANDIDATES = 32  # in one fragment; a peer with more addresses than that does without the others
UFRAG = re.compile(r"[!-~]{4,256}")  # some peers use letters that ICE does not foresee
PWD = re.compile(r"[!-~]{22,256}")
LINE_END = "\r\n"


@dataclass(frozen=True, slots=True)
class IceFragment:
    """Candidates of one side, and whether they are all.

    ``ufrag`` and ``pwd`` are the names of its ICE session, None where they are not said; ``mid`` and ``kind`` those of
    the section that carries the transport.
    """

    ufrag: str | None = None
    pwd: str | None = None
    candidates: tuple[RTCIceCandidate, ...] = ()
    complete: bool = False
    mid: str = "0"
    kind: str = "audio"

    @classmethod
    def parse(cls, text: str) -> IceFragment:
        """Read one. Candidates that cannot be used here (TCP, RTCP's own, of types unknown) are left out.

        Raises:
            Refusal: ``bad_sdp``.
        """
        check_bounds(text)
        found: dict[str, str] = {}
        candidates: list[RTCIceCandidate] = []
        mid: str | None = None
        for name, value in _attributes(text):
            if name in ("ice-ufrag", "ice-pwd"):
                found.setdefault(name, value)
            elif name == "mid":
                mid = value
            elif name == "candidate" and (candidate := _usable(value)) is not None and len(candidates) < MAX_CANDIDATES:
                candidate.sdpMid = mid
                candidates.append(candidate)
            elif name == "end-of-candidates":
                found[name] = value
        ufrag, pwd = found.get("ice-ufrag"), found.get("ice-pwd")
        if (ufrag is not None and not UFRAG.fullmatch(ufrag)) or (pwd is not None and not PWD.fullmatch(pwd)):
            raise Refusal("bad_sdp", "The fragment's ice-ufrag or ice-pwd is none that ICE knows.")
        return cls(ufrag, pwd, tuple(candidates), "end-of-candidates" in found)

    def __str__(self) -> str:
        """Write it, the session's names for all sections and, for who looks there, in the section too.

        whip-whep 1.2.0 joins the candidates of a restart by commas, and then refuses them if there are several. It sees
        those alone that end with CR LF; so only the last one does, and the others with the LF that readers of SDP are
        asked to take as well (RFC 8866, 5).
        """
        names = [f"a=ice-ufrag:{self.ufrag}", f"a=ice-pwd:{self.pwd}"] if self.ufrag and self.pwd else []
        lines = [*names, f"m={self.kind} 9 UDP/TLS/RTP/SAVPF 0", f"a=mid:{self.mid}", *names]
        if self.candidates:
            lines.append("\n".join(f"a=candidate:{candidate_to_sdp(each)}" for each in self.candidates))
        if self.complete:
            lines.append("a=end-of-candidates")
        return LINE_END.join([*lines, ""])


def without_candidates(sdp: str) -> str:
    """Return an offer whose candidates are still to come."""
    kept = [line for line in sdp.splitlines() if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    return LINE_END.join([*kept, ""])


def _attributes(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.startswith("a="):
            name, _, value = line[2:].partition(":")
            yield name.strip(), value.strip()
        elif line.strip() and not (len(line) > 1 and line[1] == "="):
            raise Refusal("bad_sdp", "The fragment cannot be read: each line is a letter, an equals sign and a value.")


def _usable(text: str) -> RTCIceCandidate | None:
    try:
        candidate = candidate_from_sdp(text)
    except (AssertionError, ValueError, IndexError):
        raise Refusal("bad_sdp", "A candidate of the fragment cannot be read.") from None
    is_udp = candidate.protocol.lower() == "udp" and candidate.component == 1
    return candidate if is_udp and candidate.type in ("host", "srflx", "relay") and 0 < candidate.port < 65536 else None
