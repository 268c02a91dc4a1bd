"""BlazeFace's files: the picture as they take it, and the faces in what they answer. Runs no network itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from app.media import FloatArray, Image

MIN_SCORE = 0.6
OVERLAP = 0.3  # two boxes that share more than this are one face
ANSWER_POINTS = 8  # centre (from the anchor), size, then six points of the face, the eyes first


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A face: its box in pixels, and both eyes' centres (the person's right one first)."""

    x: float
    y: float
    width: float
    height: float
    score: float
    right_eye: tuple[float, float]
    left_eye: tuple[float, float]

    @property
    def side(self) -> float:
        """The smaller side of the box, in pixels."""
        return min(self.width, self.height)

    def overlap(self, other: FaceBox) -> float:
        """Return the shared area as a part of the smaller box's: a box inside another is the same face."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if width <= 0 or height <= 0:
            return 0.0
        return width * height / min(self.width * self.height, other.width * other.height)


@dataclass(frozen=True, slots=True)
class Detector:
    """One BlazeFace file: its input side and its anchors per cell as (cells a side, anchors a cell)."""

    file: str
    side: int
    grids: tuple[tuple[int, int], ...]

    def takes(self, image: Image) -> FloatArray:
        """Scale a BGR picture into the upper left of the square that the file takes: float32 (side, side, 3), −1…1."""
        height, width = image.shape[:2]
        scale = self.side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        square = np.zeros((self.side, self.side, 3), np.float32)
        square[: size[1], : size[0]] = small[:, :, ::-1] / 127.5 - 1
        return square

    def boxes(self, outputs: Iterable[FloatArray], image: Image) -> list[FaceBox]:
        """Read the file's answer to a picture: (1, anchors, 16) values and (1, anchors, 1) scores, in any order."""
        by_width = {output.shape[-1]: output[0] for output in outputs}
        values, scores = by_width[2 * ANSWER_POINTS], 1 / (1 + np.exp(-np.clip(by_width[1][:, 0], -80, 80)))
        good = np.flatnonzero(scores >= MIN_SCORE)
        anchors = self._anchors()[good]
        places = values[good].reshape(len(good), ANSWER_POINTS, 2) / self.side
        side = max(image.shape[:2])
        return [
            _box(place, anchor, float(score), side)
            for place, anchor, score in zip(places, anchors, scores[good], strict=True)
        ]

    def _anchors(self) -> FloatArray:
        grids = []
        for cells, per_cell in self.grids:
            middles = (np.arange(cells, dtype=np.float32) + 0.5) / cells
            x, y = np.meshgrid(middles, middles)
            grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
        return np.concatenate(grids)


# near faces, and small ones in large pictures
DETECTORS = (
    Detector("face_detection_back.tflite", 256, ((16, 2), (8, 6))),
    Detector("face_detection_full_range.tflite", 192, ((48, 1),)),
)


def distinct(boxes: list[FaceBox]) -> list[FaceBox]:
    """Return each face once, by its surest box, the largest first."""
    kept: list[FaceBox] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if all(box.overlap(other) < OVERLAP for other in kept):
            kept.append(box)
    return sorted(kept, key=lambda box: -box.width * box.height)


def _box(place: FloatArray, anchor: FloatArray, score: float, side: float) -> FaceBox:
    """Read one face: ``place`` float32 (8, 2), see ``ANSWER_POINTS``, in sides of the picture."""
    (x, y), (width, height) = (place[0] + anchor) * side, place[1] * side
    right, left = (place[2] + anchor) * side, (place[3] + anchor) * side
    return FaceBox(
        x=float(x - width / 2),
        y=float(y - height / 2),
        width=float(width),
        height=float(height),
        score=score,
        right_eye=(float(right[0]), float(right[1])),
        left_eye=(float(left[0]), float(left[1])),
    )
