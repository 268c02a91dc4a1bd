"""Avatars as Wav2Lip needs them: what to feed the model, and where its drawing goes, at each moment."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.inference.engine import Clip, Portrait
from app.inference.wav2lip.drawer import ModelFace
from app.inference.wav2lip.paste import FaceRegion, face_box, face_region, model_face, model_input
from app.media import Image

SHOTS_KEPT = 16  # of a video: what sessions at about the same place share, some 6 MB each


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture and its face."""

    image: Image
    face: ModelFace
    region: FaceRegion


class Wav2LipAvatar(Protocol):
    """A picture or a video, prepared."""

    def rest(self, position: int) -> Image:
        """See :class:`app.inference.engine.Prepared`."""
        ...

    def at(self, position: int) -> Shot:
        """Return what is drawn into at a position. On the inference thread only."""
        ...


class Still:
    """A picture: the same shot at all times."""

    def __init__(self, portrait: Portrait) -> None:
        box = face_box(portrait.mesh, portrait.width, portrait.height)
        face = model_face(portrait.image, box)
        region = face_region(portrait.image, portrait.mesh, box, face)
        self._shot = Shot(portrait.image, ModelFace(model_input(face)), region)

    def rest(self, position: int) -> Image:
        """The picture itself."""
        return self._shot.image

    def at(self, position: int) -> Shot:
        """The one shot."""
        return self._shot


class Moving:
    """A video, played forth and back.

    Frames and meshes lie on disk, memory-mapped. A frame's box, mask and features are made when it is first drawn.
    Bound: ``SHOTS_KEPT`` of them, the latest.
    """

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._shots: OrderedDict[int, Shot] = OrderedDict()

    def rest(self, position: int) -> Image:
        """The video's own frame."""
        return np.asarray(self._clip.frames[self._clip.index(position)])

    def at(self, position: int) -> Shot:
        """The frame's shot."""
        index = self._clip.index(position)
        if index not in self._shots:
            self._shots[index] = self._made(index)
        self._shots.move_to_end(index)
        while len(self._shots) > SHOTS_KEPT:
            self._shots.popitem(last=False)
        return self._shots[index]

    def _made(self, index: int) -> Shot:
        image, mesh = self._clip.frames[index], self._clip.meshes[index]
        box = face_box(mesh, image.shape[1], image.shape[0])
        face = model_face(image, box)
        return Shot(image, ModelFace(model_input(face)), face_region(image, mesh, box, face))
