"""What a picture does by itself: eyelids and head, prepared once, drawn at any moment."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from app.avatars.avatar import Avatar
from app.emphasis import Emphasis
from app.faces.depth import DepthFinder
from app.faces.eyes import EyeFinder
from app.i420 import from_bgr
from app.inference.engine import Job
from app.inference.engines.portrait.backdrop import Backdrop, backdrop_of
from app.inference.engines.portrait.blinks import blink_at
from app.inference.engines.portrait.corners import make_corners
from app.inference.engines.portrait.face_rig import Pose
from app.inference.engines.portrait.field import still_field
from app.inference.engines.portrait.head import displacement, make_head, move_head
from app.inference.engines.portrait.look import Look, look_at
from app.inference.engines.portrait.matte import MovingMask
from app.inference.engines.portrait.moment import Moment, moment
from app.inference.engines.portrait.upper_face import UpperFace
from app.inference.engines.portrait.upper_tables import make_tables
from app.inference.engines.portrait.voice import voice_of
from app.inference.expression import NEUTRAL, Expression
from app.inference.features.window import Window
from app.media import I420, FloatArray, Image

LEAST_CORNERS = 0.01
BLINK_STEPS = 4  # from an open eye to a closed one, where a face only blinks


class PortraitMotion:
    """Makes one picture (BGR, with its mesh (468, 2)) blink, look about, frown, breathe, sway and nod.

    Any thread may draw; nothing is kept between pictures but those of :meth:`blinking`, ``BLINK_STEPS`` at most. The
    same picture always moves in the same way. ``mask``: 255 where the person is; ``backdrop``: what stands still.
    """

    def __init__(
        self,
        image: Image,
        mesh: NDArray[np.float32],
        eyes: EyeFinder,
        depths: DepthFinder,
        mask: NDArray[np.uint8] | None = None,
        backdrop: Backdrop | None = None,
    ) -> None:
        self.still = from_bgr(image)
        self._seed = zlib.crc32(image.tobytes())
        self._backdrop = backdrop
        self._moved = self.still if backdrop is None else from_bgr(backdrop.person)
        self._head = make_head(self._moved, mesh, depths.find(image, mesh))
        self._still_field = still_field(image.shape[1], image.shape[0])
        self._upper = UpperFace(make_tables(image, self.still, eyes.find(image, mesh), mesh))
        self._corners = make_corners(image, mesh)
        self._blinks: dict[int, I420] = {}
        self._mask = mask
        self._moving_mask: MovingMask | None = None  # made when it is asked for

    def emphasis(self, window: Window) -> Emphasis:
        """Return how strongly the face speaks in a window."""
        return voice_of(window)

    def at_rest(self, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL) -> I420:
        """Return the picture with its own mouth, so many slots into its endless time."""
        return self.draw(None, position, emphasis, expression)

    def blinking(self, position: int) -> I420:
        """Return the picture as it is, or as it blinks: one of a few that all share, each drawn once, in 1 ms."""
        step = round(BLINK_STEPS * blink_at(self._seed, position)) if self._upper.blinks else 0
        if not step:
            return self.still
        if step not in self._blinks:
            picture = self.still.copy()
            self._upper.draw(picture, Look(closure=step / BLINK_STEPS), self._still_field)
            self._blinks[step] = picture
        return self._blinks[step]

    def draw(self, mouth: Pose | None, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL) -> I420:
        """Return the picture at a moment; always the same object where nothing moves. ``mouth``: None for its own.

        ``expression``: how the face looks.
        """
        now = moment(self._seed, position, emphasis, expression)
        look = look_at(self._seed, position, emphasis, expression, now.swing)
        field = self._field(now, look)
        upper = self._upper if self._upper.shows(look) else None
        if field is None and upper is None and mouth is None:
            return self.still
        mask = None if self._backdrop is None else self._mask_at(field)
        picture = self._moved.copy()
        if self._head is not None and field is not None:
            move_head(picture, self._head, field)
        if field is None:
            field = self._still_field
        if upper is not None:
            upper.draw(picture, look, field)
        if mouth is not None:
            mouth.draw(picture, field)
        if self._backdrop is not None and mask is not None:
            self._backdrop.put(picture, mask)
        return picture

    def matte(self, job: Job) -> NDArray[np.uint8] | None:
        """Return which part of a job's picture is the person; see :class:`Cutout`."""
        emphasis = self.emphasis(job.window)
        now = moment(self._seed, job.position, emphasis, job.expression)
        return self._mask_at(self._field(now, look_at(self._seed, job.position, emphasis, job.expression, now.swing)))

    def _mask_at(self, field: NDArray[np.float32] | None) -> NDArray[np.uint8] | None:
        """Return which part is the person as the head stands; None where that is not known."""
        if self._mask is None:
            return None
        if self._moving_mask is None:
            self._moving_mask = MovingMask(self._mask, self._head)
        return self._moving_mask.at(field)

    def _field(self, now: Moment, look: Look) -> FloatArray | None:
        """Return how the head moves, and the mouth's corners on it; None where nothing does."""
        field = displacement(self._head, now.swing) if self._head is not None else None
        if self._head is None or self._corners is None or abs(look.corners) < LEAST_CORNERS:
            return field
        corners = self._corners.field(look.corners)
        return corners if field is None else field + corners


def idle_motion_of(avatar: Avatar, eyes: EyeFinder, depths: DepthFinder) -> PortraitMotion | None:
    """Prepare a picture's motion; None for a video, which has its own.

    Raises:
        LandmarkFilesMissing: see the message.
    """
    if avatar.video is not None:
        return None
    backdrop = None if avatar.transparent else backdrop_of(avatar.image, avatar.mask)
    return PortraitMotion(avatar.image, avatar.mesh, eyes, depths, avatar.mask, backdrop)
