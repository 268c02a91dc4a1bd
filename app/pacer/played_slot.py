"""What the pacer gives to Buffer B."""

from __future__ import annotations

from dataclasses import dataclass

from app.media import Samples
from app.pacer.idle_renderer import Picture


@dataclass(frozen=True, slots=True)
class PlayedSlot:
    """What one slot shows and sounds: a frame, or the picture at rest with silence or what conceals its lack.

    ``slot`` is the output's position (time base 1/25). ``generation`` and ``pts``, of the slice that it plays, are None
    where nothing was played.
    ``position`` is the avatar's own time, which stands still while frames that were made for it are awaited.
    """

    slot: int
    position: int
    image: Picture
    audio: Samples
    generation: int | None
    pts: int | None = None
