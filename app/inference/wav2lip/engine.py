"""The Wav2Lip engine behind the seam: a first, direct version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from app.inference.engine import Job, MelSpan, Portrait
from app.inference.mel import SILENT_COLUMN
from app.inference.wav2lip.model import FACE_SIDE, MEL_COLUMNS, Wav2Lip
from app.media import FloatArray, Image

# In training, the window of frame f begins at frame f − 1. (The public inference script begins it at f,
# and its lips run 40 ms early.)
FIRST_FRAME = -1
BOTTOM_PADDING = 0.06  # of the face's height, below the chin: the public script's 10 pixels on its examples
SOFT_EDGE = 0.12  # of the box, over which the drawn half fades into the picture
QUIET_MEL = SILENT_COLUMN + 0.8  # a window whose mean is below this holds no speech; 10 dB above nothing


@dataclass(frozen=True, slots=True)
class Wav2LipAvatar:
    """One face, ready. ``face``: float32 (6, 96, 96), 0…1. ``cover``: float32 (rows, columns, 1), 0…1.

    ``top``, ``left``: where the box lies in the picture. Only its lower half is ever changed.
    """

    image: Image
    face: torch.Tensor
    cover: FloatArray
    top: int
    left: int

    @property
    def idle(self) -> Image:
        """The picture itself."""
        return self.image


class Wav2LipEngine:
    """Draws the lower half of the face with the public model."""

    name = "wav2lip"
    span: MelSpan | None = MelSpan(FIRST_FRAME, MEL_COLUMNS)
    max_batch = 8

    def __init__(self, model: Wav2Lip, device: str) -> None:
        self._model = model
        self._device = torch.device(device)
        self._placed = False

    def prepare(self, portrait: Portrait) -> Wav2LipAvatar:
        """Cut the face out and mask it."""
        low, high = portrait.mesh.min(axis=0), portrait.mesh.max(axis=0)
        high[1] += BOTTOM_PADDING * (high[1] - low[1])
        left, top = (int(v) for v in np.maximum(np.floor(low), 0))
        right, bottom = (int(v) for v in np.minimum(np.ceil(high), (portrait.width, portrait.height)))
        box = portrait.image[top:bottom, left:right]
        face = cv2.resize(box, (FACE_SIDE, FACE_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        masked = face.copy()
        masked[FACE_SIDE // 2 :] = 0
        planes = np.concatenate([masked, face], axis=2).transpose(2, 0, 1)
        return Wav2LipAvatar(
            portrait.image, torch.from_numpy(np.ascontiguousarray(planes)), _cover(*box.shape[:2]), top, left
        )

    def render(self, jobs: Sequence[Job]) -> list[Image]:
        """Draw each face; windows without speech leave the picture as it is."""
        images: list[Image] = [job.prepared.image for job in jobs]
        speaking = [i for i, job in enumerate(jobs) if float(job.window.mel.mean()) > QUIET_MEL]
        if not speaking:
            return images
        if not self._placed:
            self._model.to(self._device)
            self._placed = True
        mel = torch.from_numpy(np.stack([jobs[i].window.mel for i in speaking])[:, None])
        faces = torch.stack([jobs[i].prepared.face for i in speaking])
        with torch.inference_mode():
            drawn = self._model(mel.to(self._device), faces.to(self._device)).cpu().numpy()
        for i, planes in zip(speaking, drawn, strict=True):
            images[i] = _paste(jobs[i].prepared, planes.transpose(1, 2, 0) * 255)
        return images


def _paste(avatar: Wav2LipAvatar, drawn: FloatArray) -> Image:
    rows, columns = avatar.cover.shape[:2]
    at = (slice(avatar.top, avatar.top + rows), slice(avatar.left, avatar.left + columns))
    large = cv2.resize(drawn, (columns, rows), interpolation=cv2.INTER_CUBIC)
    frame = avatar.image.copy()
    frame[at] = np.clip(large * avatar.cover + frame[at] * (1 - avatar.cover), 0, 255).astype(np.uint8)
    return frame


def _cover(rows: int, columns: int) -> FloatArray:
    """Return how much of the drawn face shows: the lower half, fading at all its edges."""
    y = (np.arange(rows, dtype=np.float32) + 0.5)[:, None] / rows
    x = (np.arange(columns, dtype=np.float32) + 0.5)[None] / columns
    inside = np.minimum(np.minimum(y - 0.5, 1 - y), np.minimum(x, 1 - x) + 0 * y) / SOFT_EDGE
    t = np.clip(inside, 0, 1)
    return np.asarray((t * t * (3 - 2 * t))[..., None], np.float32)
