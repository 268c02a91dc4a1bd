"""The Wav2Lip engine behind the seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.inference.engine import Job, MelSpan, Portrait
from app.inference.loudness import GATE_FADE_DB, listen
from app.inference.shots import Shots
from app.inference.wav2lip.drawer import Drawer, ModelFace
from app.inference.wav2lip.model import MEL_COLUMNS
from app.inference.wav2lip.paste import FaceRegion, face_box, face_region, model_face, model_input, paste
from app.media import I420, FloatArray, Image

# In training, the window of frame f begins at frame f − 1. (The public inference script begins it at f,
# and its lips run 40 ms early.)
FIRST_FRAME = -1
# A second before it is heard too, to tell speech from what is behind it. A multiple of 5 frames is a whole number
# of columns, so that the model's window lies at the same place in every span.
LOOK_BACK_FRAMES = 25
LOOK_BACK_COLUMNS = LOOK_BACK_FRAMES * 16 // 5
SPAN = MelSpan(FIRST_FRAME - LOOK_BACK_FRAMES, LOOK_BACK_COLUMNS + MEL_COLUMNS)
NEAR = slice(LOOK_BACK_COLUMNS - 3, LOOK_BACK_COLUMNS + 13)  # 200 ms around the frame's middle
FULL_SHARE = 0.4  # of those columns with speech in them: the drawing shows fully


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture's face."""

    face: ModelFace
    region: FaceRegion


class Wav2LipEngine:
    """Draws the lower half of the face with the public model, where somebody speaks."""

    name = "wav2lip"
    span: MelSpan | None = SPAN

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer
        self.max_batch = drawer.max_batch

    def prepare(self, portrait: Portrait) -> Shots[Shot]:
        """Cut the face out; a video's faces are cut out as they come."""
        return Shots(portrait, _shot)

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        """Draw each face; windows without speech cost nothing and leave the picture as it is."""
        images: list[I420] = [job.prepared.rest(job.position) for job in jobs]
        shares = [speech_share(job.window.power) for job in jobs]
        speaking = [i for i, share in enumerate(shares) if share > 0]
        if not speaking:
            return images
        mels = np.stack([jobs[i].window.mel[:, LOOK_BACK_COLUMNS:] for i in speaking])
        shots = [jobs[i].prepared.at(jobs[i].position) for i in speaking]
        drawn = self._drawer.draw(mels, [shot.face for shot in shots])
        for i, shot, half in zip(speaking, shots, drawn, strict=True):
            images[i] = paste(images[i], shot.region, half, shares[i])
        return images


def _shot(image: Image, mesh: NDArray[np.float32]) -> Shot:
    box = face_box(mesh, image.shape[1], image.shape[0])
    face = model_face(image, box)
    return Shot(ModelFace(model_input(face)), face_region(image, mesh, box, face))


def speech_share(power: FloatArray) -> float:
    """How much of the drawing shows, 0…1, from the power of speech in ``SPAN.columns``.

    It follows how much speech lies within 100 ms, so that the mouth fades in and out over several frames and rests
    on breath and noise; the short closures within words are not pauses.
    """
    speech = listen(power)
    if speech is None:
        return 0.0
    above = np.clip((speech.levels_db[NEAR] - speech.gate_db) / GATE_FADE_DB, 0, 1)
    return float(min(1.0, above.mean() / FULL_SHARE))
