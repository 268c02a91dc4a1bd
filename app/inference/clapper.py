"""The test pattern: a white frame exactly when the frame's own sound is loud, else black.

It makes sync measurable: whoever sees the flash and hears the beep of one frame can subtract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from app.inference.engine import Job, MelSpan, Portrait
from app.ingest.activity import level_dbfs
from app.media import Image

LOUD_DBFS = -26.0  # root mean square over the slice
WHITE, BLACK = 255, 0
NUMBER_HEIGHT = 0.05  # of the picture's height


@dataclass(frozen=True, slots=True)
class ClapperAvatar:
    """All that matters of an avatar here: its size."""

    black: Image
    moving: bool = False
    life: None = None

    def calmed(self) -> ClapperAvatar:
        """Return it: it is."""
        return self

    def rest(self, position: int) -> Image:
        """Black."""
        return self.black


class Clapper:
    """An engine that claps."""

    name = "clapper"
    span: MelSpan | None = None
    max_batch = 16

    def prepare(self, portrait: Portrait) -> ClapperAvatar:
        """Take the picture's size; rest is black."""
        return ClapperAvatar(np.full_like(portrait.image, BLACK))

    def render(self, jobs: Sequence[Job]) -> list[Image]:
        """Draw black or white, with the frame's number small in the top right corner."""
        return [_clap(job) for job in jobs]


def _clap(job: Job) -> Image:
    sound = job.window.sound
    loud = level_dbfs(sound.model) >= LOUD_DBFS
    frame: Image = np.full_like(job.prepared.black, WHITE if loud else BLACK)
    height, width = frame.shape[:2]
    scale = height * NUMBER_HEIGHT / 22  # Hershey's digits are 22 units high
    text = str(sound.pts)
    (text_width, text_height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    at = (width - text_width - text_height // 2, text_height + text_height // 2)
    cv2.putText(frame, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (128, 128, 128), 1, cv2.LINE_AA)
    return frame
