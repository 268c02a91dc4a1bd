"""The portrait engine behind the seam."""

from __future__ import annotations

from collections.abc import Sequence

from app.inference.engine import Job, MelSpan, Portrait
from app.inference.portrait.driver import SPAN, mouth_shape
from app.inference.portrait.puppet import Puppet, make_puppet, pose
from app.inference.shots import Shots
from app.media import Image


class PortraitEngine:
    """Warps the lower face of a picture, or of a video's frames; needs no weights."""

    name = "portrait"
    span: MelSpan | None = SPAN
    max_batch = 4

    def prepare(self, portrait: Portrait) -> Shots[Puppet]:
        """Compute the warp's tables."""
        return Shots(portrait, make_puppet)

    def render(self, jobs: Sequence[Job]) -> list[Image]:
        """Pose each face in the shape of its sound."""
        return [pose(job.prepared.at(job.position), mouth_shape(job.window.mel)) for job in jobs]
