"""The portrait engine behind the seam."""

from __future__ import annotations

from collections.abc import Sequence

from app.i420 import from_bgr
from app.inference.engine import Job, MelSpan, Portrait
from app.inference.eyes import EyeFinder
from app.inference.portrait.driver import load_ear, mouth_shape
from app.inference.portrait.ear import SPAN
from app.inference.portrait.emphasis import emphasis_of
from app.inference.portrait.liveliness import life_of
from app.inference.portrait.puppet import Puppet, make_puppet, pose
from app.inference.shots import Shots
from app.media import I420


class PortraitEngine:
    """Warps the lower face of a picture, or of a video's frames, as a small network of our own hears the voice.

    ``life``: pictures blink, breathe and sway; videos do that by themselves.
    """

    name = "portrait"
    span: MelSpan | None = SPAN
    max_batch = 4

    def __init__(self, life: bool = True) -> None:
        """Load the ear.

        Raises:
            OSError: when its weights are not there.
        """
        load_ear()  # what is missing is missed now
        self._eyes = EyeFinder() if life else None

    def prepare(self, portrait: Portrait) -> Shots[Puppet]:
        """Compute the tables of the warp, and of what the face does by itself."""
        return Shots(portrait, make_puppet, life_of(portrait, self._eyes) if self._eyes else None)

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        """Pose each face in the shape of its sound."""
        return [self._draw(job) for job in jobs]

    @staticmethod
    def _draw(job: Job) -> I420:
        mel, life = job.window.mel, job.prepared.life
        puppet = job.prepared.at(job.position)
        posed = pose(puppet, mouth_shape(mel))
        if life is not None:  # the lips go with the head
            posed = life.apply(posed, job.position, emphasis_of(mel))
        return job.prepared.rest(job.position) if posed is puppet.image else from_bgr(posed)
