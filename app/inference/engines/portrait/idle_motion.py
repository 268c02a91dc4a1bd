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
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.emphasis import emphasis_of
from app.inference.engines.portrait.eyelids import close_eyelids, make_eyelids
from app.inference.engines.portrait.face_rig import Pose
from app.inference.engines.portrait.field import still_field
from app.inference.engines.portrait.head import displacement, make_head, margin_of, move_head, move_patch
from app.inference.engines.portrait.moment import blink_at, moment
from app.inference.expression import NEUTRAL, Expression
from app.inference.features.window import Window
from app.media import I420, Image

LEAST_CLOSURE = 0.01
BLINK_STEPS = 4  # from an open eye to a closed one, where a face only blinks


class PortraitMotion:
    """Makes one picture (BGR, with its mesh (468, 2)) blink, breathe, sway and nod.

    Any thread may draw; nothing is kept between pictures but those of :meth:`blinking`, ``BLINK_STEPS`` at most. The
    same picture always moves in the same way.
    """

    def __init__(self, image: Image, mesh: NDArray[np.float32], eyes: EyeFinder, depths: DepthFinder) -> None:
        self._image, self.still = image, from_bgr(image)
        self._seed = zlib.crc32(image.tobytes())
        self._head = make_head(self.still, mesh, depths.find(image, mesh))
        self._still_field = still_field(image.shape[1], image.shape[0])
        self._eyelids = make_eyelids(image, eyes.find(image, mesh), mesh)
        self._blinks: dict[int, I420] = {}

    def emphasis(self, window: Window) -> Emphasis:
        """Return how strongly the face speaks in a window."""
        return emphasis_of(window.power)

    def at_rest(self, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL) -> I420:
        """Return the picture with its own mouth, so many slots into its endless time."""
        return self.draw(None, position, emphasis, expression)

    def blinking(self, position: int) -> I420:
        """Return the picture as it is, or as it blinks: one of a few that all share, each drawn once, in 2 ms."""
        step = round(BLINK_STEPS * blink_at(self._seed, position)) if self._eyelids else 0
        if not step:
            return self.still
        if step not in self._blinks:
            picture = self.still.copy()
            self._blink(picture, step / BLINK_STEPS, self._still_field)
            self._blinks[step] = picture
        return self._blinks[step]

    def draw(self, mouth: Pose | None, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL) -> I420:
        """Return the picture at a moment; always the same object where nothing moves. ``mouth``: None for its own.

        ``expression``: how the face looks.
        """
        now = moment(self._seed, position, emphasis, expression)
        field = displacement(self._head, now.swing) if self._head is not None else None
        blinks = bool(self._eyelids) and now.blink > LEAST_CLOSURE
        if field is None and not blinks and mouth is None:
            return self.still
        picture = self.still.copy()
        if self._head is not None and field is not None:
            move_head(picture, self._head, field)
        if field is None:
            field = self._still_field
        if blinks:
            self._blink(picture, now.blink, field)
        if mouth is not None:
            mouth.draw(picture, field)
        return picture

    def _blink(self, picture: I420, closure: float, field: NDArray[np.float32]) -> None:
        margin, whole = margin_of(field), Area(0, 0, self._image.shape[1], self._image.shape[0])
        for lids in self._eyelids:
            to = lids.area.grown(margin).even().within(whole)
            place = to.grown(margin).within(whole)
            patch = self._image[place.at].copy()
            patch[lids.area.seen_from(place.left, place.top).at] = close_eyelids(self._image, lids, closure)
            move_patch(picture, patch, place, to, field)


def idle_motion_of(avatar: Avatar, eyes: EyeFinder, depths: DepthFinder) -> PortraitMotion | None:
    """Prepare a picture's motion; None for a video, which has its own.

    Raises:
        LandmarkFilesMissing: see the message.
    """
    return None if avatar.video is not None else PortraitMotion(avatar.image, avatar.mesh, eyes, depths)
