"""The portrait engine behind the seam."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.avatars.avatar import Avatar
from app.emphasis import CALM, Emphasis
from app.faces.depth import DepthFinder
from app.faces.eyes import EyeFinder
from app.i420 import size_of
from app.inference.engine import Job
from app.inference.engines.frame_cache import FrameCache
from app.inference.engines.portrait.face_rig import FaceRig, make_rig, pose
from app.inference.engines.portrait.field import still_field
from app.inference.engines.portrait.idle_motion import PortraitMotion, idle_motion_of
from app.inference.engines.portrait.shape import MouthShape
from app.inference.engines.portrait.viseme_driver import load_net, mouth_shape
from app.inference.engines.portrait.viseme_net import NET_WEIGHTS, SPAN
from app.inference.engines.portrait.voice import make_hearing_ready, voice_of
from app.inference.expression import NEUTRAL, Expression
from app.inference.features.window import MelSpan
from app.media import I420

AWAKE = 250  # a slot in which the head moves
WIDE_OPEN = MouthShape(opening=1.0, jaw=1.0)


class PortraitEngine:
    """Warps the lower face of a picture, or of a video's frames, to the mouth that :class:`VisemeNet` hears.

    ``idle_motion``: pictures also blink, breathe, sway and nod; videos do that by themselves.
    """

    name = "portrait"
    span: MelSpan | None = SPAN
    max_batch = 1  # together they would take as long, and the first wait for the last

    def __init__(self, idle_motion: bool = True, weights: Path = NET_WEIGHTS) -> None:
        """Load the network.

        Raises:
            WeightsError: when the file is not there, or is something else.
        """
        load_net(weights)  # so that missing weights are noticed now
        self._weights = weights
        self._finders = (EyeFinder(), DepthFinder()) if idle_motion else None

    def prepare(self, avatar: Avatar) -> FrameCache[FaceRig]:
        """Compute the tables of the warp and of the idle motion."""
        motion = idle_motion_of(avatar, *self._finders) if self._finders else None
        cache = FrameCache(avatar, make_rig, motion, motion.blinking if motion else None)
        # compiles or loads all that hears and draws before anybody waits for it; in slot 0 the head does not move yet
        make_hearing_ready()
        self._draw(cache, 0 if cache.moving else AWAKE, WIDE_OPEN, CALM, Expression(surprised=1.0))
        return cache

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        """Draw each face with the mouth of its sound."""
        shapes = [mouth_shape(job.window, self._weights) for job in jobs]
        return [
            self._draw(job.prepared, job.position, shape, voice_of(job.window), job.expression)
            for job, shape in zip(jobs, shapes, strict=True)
        ]

    @staticmethod
    def _draw(
        cache: FrameCache[FaceRig],
        position: int,
        shape: MouthShape,
        emphasis: Emphasis,
        expression: Expression = NEUTRAL,
    ) -> I420:
        mouth = pose(cache.at(position), shape)
        if isinstance(cache.idle_motion, PortraitMotion):  # the lips go with the head
            return cache.idle_motion.draw(mouth, position, emphasis, expression)
        rest = cache.idle_frame(position)
        if mouth is None:
            return rest
        picture = rest.copy()
        mouth.draw(picture, still_field(*size_of(rest)))
        return picture
