"""What the pacer counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class PacerCounters:
    """What happened to every slot since the epoch, and to every frame."""

    played: int = 0
    held: int = 0
    missed: int = 0  # slots that passed while the event loop was stuck: nothing was sent for them
    underruns: int = 0  # holds that cut into playing
    gaps: int = 0  # those that cut into a voice: somebody can hear them
    last_gap: int | None = None  # the slot that the last of them began with
    dropped_silent: int = 0
    dropped_speech: int = 0

    @property
    def dropped(self) -> int:
        """Frames that were not played."""
        return self.dropped_silent + self.dropped_speech
