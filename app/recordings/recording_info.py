"""What is known of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RecordingState = Literal["recording", "done", "failed"]


@dataclass(frozen=True, slots=True)
class RecordingFault:
    """Why a recording ended before its session: a stable code, and a sentence that says what to do."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """A recording as it stands. ``session``: the id of the session that it is of. ``created``: ISO 8601, UTC.
    ``owner``: the id of the key that made it, empty where there was none.

    ``bytes`` and ``duration_ms`` are of what can be played. One that ``failed`` can be played up to where it did.
    ``joined``: the names of the pieces that it was made of, where the session was recorded in several places.
    """

    session: str
    avatar: str
    created: str
    state: RecordingState = "recording"
    bytes: int = 0
    duration_ms: int = 0
    error: RecordingFault | None = None
    owner: str = ""
    joined: tuple[str, ...] = ()

    @property
    def pieces(self) -> frozenset[str]:
        """The names of what is in it; its own alone, where nothing was joined."""
        return frozenset(self.joined or [f"{self.created} {self.duration_ms} ms {self.bytes} B"])
