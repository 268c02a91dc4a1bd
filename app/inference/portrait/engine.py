"""The portrait engine behind the seam."""

from __future__ import annotations

from collections.abc import Sequence

from app.i420 import size_of
from app.inference.engine import Job, MelSpan, Portrait
from app.inference.eyes import EyeFinder
from app.inference.portrait.driver import load_ear, mouth_shape
from app.inference.portrait.ear import SPAN
from app.inference.portrait.emphasis import emphasis_of
from app.inference.portrait.field import still_field
from app.inference.portrait.liveliness import Liveliness, life_of
from app.inference.portrait.puppet import Puppet, make_puppet, pose
from app.inference.portrait.shape import MouthShape
from app.inference.shots import Shots
from app.media import I420

AWAKE = 250  # slots
WIDE_OPEN = MouthShape(opening=1.0, jaw=1.0)


class PortraitEngine:
    """Warps the lower face of a picture, or of a video's frames, as a small network of our own hears the voice.

    ``life``: pictures blink, breathe and sway; videos do that by themselves.
    """

    name = "portrait"
    span: MelSpan | None = SPAN
    max_batch = 1  # together they would take as long, and the first wait for the last

    def __init__(self, life: bool = True) -> None:
        """Load the ear.

        Raises:
            OSError: when its weights are not there.
        """
        load_ear()  # what is missing is missed now
        self._eyes = EyeFinder() if life else None

    def prepare(self, portrait: Portrait) -> Shots[Puppet]:
        """Compute the tables of the warp, and of what the face does by itself."""
        shots = Shots(portrait, make_puppet, life_of(portrait, self._eyes) if self._eyes else None)
        # so that all that draws is compiled, or loaded, before anybody waits for it; in slot 0 no head moves yet
        self._draw(shots, 0 if shots.moving else AWAKE, WIDE_OPEN, 1.0)
        return shots

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        """Pose each face in the shape of its sound."""
        return [
            self._draw(job.prepared, job.position, mouth_shape(job.window), emphasis_of(job.window.power))
            for job in jobs
        ]

    @staticmethod
    def _draw(shots: Shots[Puppet], position: int, shape: MouthShape, emphasis: float) -> I420:
        mouth = pose(shots.at(position), shape)
        if isinstance(shots.life, Liveliness):  # the lips go with the head
            return shots.life.draw(mouth, position, emphasis)
        rest = shots.rest(position)
        if mouth is None:
            return rest
        picture = rest.copy()
        mouth.draw(picture, still_field(*size_of(rest)))
        return picture
