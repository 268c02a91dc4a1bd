"""The Wav2Lip engine behind the seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.avatars.avatar import Avatar
from app.inference.engine import Job
from app.inference.engines.frame_cache import FrameCache
from app.inference.engines.wav2lip.backend import MEL_COLUMNS, Backend, ModelFace
from app.inference.engines.wav2lip.paste import FaceRegion, face_box, face_region, model_face, model_input, paste
from app.inference.features.loudness import GATE_FADE_DB, listen
from app.inference.features.window import MelSpan
from app.media import I420, FloatArray, Image

# In training, the window of frame f begins at frame f − 1. (The public inference script begins it at f,
# and its lips run 40 ms early.)
FIRST_FRAME = -1
# The second before it is heard too, to tell speech from its background. A multiple of 5 frames is a whole number
# of columns, so that the model's window lies at the same place in every span.
LOOK_BACK_FRAMES = 25
LOOK_BACK_COLUMNS = LOOK_BACK_FRAMES * 16 // 5
SPAN = MelSpan(FIRST_FRAME - LOOK_BACK_FRAMES, LOOK_BACK_COLUMNS + MEL_COLUMNS)
NEAR = slice(LOOK_BACK_COLUMNS - 3, LOOK_BACK_COLUMNS + 13)  # 200 ms around the frame's middle
FULL_SHARE = 0.4  # of those columns, with speech in them: from there the drawing shows fully


@dataclass(frozen=True, slots=True)
class PreparedFrame:
    """One picture's face."""

    face: ModelFace
    region: FaceRegion


class Wav2LipEngine:
    """Draws the lower half of the face with the public model, where somebody speaks."""

    name = "wav2lip"
    span: MelSpan | None = SPAN

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.max_batch = backend.max_batch

    def prepare(self, avatar: Avatar) -> FrameCache[PreparedFrame]:
        """Cut the face out; a video's faces are cut out as they are drawn."""
        return FrameCache(avatar, _prepared_frame)

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        """Draw each face; windows without speech cost nothing and leave the picture as it is."""
        images: list[I420] = [job.prepared.idle_frame(job.position) for job in jobs]
        shares = [speech_share(job.window.power) for job in jobs]
        speaking = [i for i, share in enumerate(shares) if share > 0]
        if not speaking:
            return images
        mels = np.stack([jobs[i].window.mel[:, LOOK_BACK_COLUMNS:] for i in speaking])
        frames = [jobs[i].prepared.at(jobs[i].position) for i in speaking]
        drawn = self._backend.draw(mels, [frame.face for frame in frames])
        for i, frame, half in zip(speaking, frames, drawn, strict=True):
            images[i] = paste(images[i], frame.region, half, shares[i])
        return images


def _prepared_frame(image: Image, mesh: NDArray[np.float32]) -> PreparedFrame:
    box = face_box(mesh, image.shape[1], image.shape[0])
    face = model_face(image, box)
    return PreparedFrame(ModelFace(model_input(face)), face_region(image, mesh, box, face))


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
