"""The test pattern: a white frame exactly when the frame's own sound is loud, else black.

It makes sync measurable: whoever sees the flash and hears the beep of one frame can subtract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2

from app.avatars.avatar import Avatar
from app.i420 import BLACK_LUMA, WHITE_LUMA, plain, planes_of, size_of
from app.inference.engine import Job
from app.inference.features.window import MelSpan
from app.level import level_dbfs
from app.media import I420

LOUD_DBFS = -26.0  # root mean square over the slice
GREY_LUMA = 126
NUMBER_HEIGHT = 0.05  # of the picture's height


@dataclass(frozen=True, slots=True)
class ClapperPrepared:
    """An avatar of which only the size is shown."""

    black: I420
    moving: bool = False
    idle_motion: None = None

    def without_idle_motion(self) -> ClapperPrepared:
        """Return itself: it has no idle motion."""
        return self

    def idle_frame(self, position: int) -> I420:
        """Return the black picture."""
        return self.black


class Clapper:
    """Draws a white frame where the sound is loud, else a black one."""

    name = "clapper"
    span: MelSpan | None = None
    max_batch = 16

    def prepare(self, avatar: Avatar) -> ClapperPrepared:
        """Take the picture's size; rest is black."""
        return ClapperPrepared(plain(avatar.width, avatar.height, BLACK_LUMA))

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        """Draw black or white, with the frame's number small in the top right corner."""
        return [_clap(job) for job in jobs]


def _clap(job: Job) -> I420:
    sound = job.window.sound
    loud = level_dbfs(sound.model) >= LOUD_DBFS
    width, height = size_of(job.prepared.black)
    frame = plain(width, height, WHITE_LUMA if loud else BLACK_LUMA)
    scale = height * NUMBER_HEIGHT / 22  # Hershey's digits are 22 units high
    text = str(sound.pts)
    (text_width, text_height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    at = (width - text_width - text_height // 2, text_height + text_height // 2)
    cv2.putText(planes_of(frame).y, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, GREY_LUMA, 1, cv2.LINE_AA)
    return frame
