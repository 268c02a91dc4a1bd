"""The outlines of both eyes, closer than the face mesh has them.

The model is MediaPipe's iris landmark file, from the same wheel as the others (Apache-2.0). It takes 64×64 RGB, 0…1,
of a right eye; a left one is mirrored. The first 16 of its 71 points are the lids' edges. Five more are the iris's
middle and four of its rim.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.cpu_network import compile_network
from app.faces.face import landmark_file
from app.faces.known_face import known_face
from app.faces.mesh import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS
from app.media import Image

MODEL_FILE = "iris_landmark.tflite"
SIDE = 64
CROP_WIDTHS = 2.3  # the crop's side, in widths of the eye
CONTOUR_POINTS, IRIS_POINTS = 71, 5
# places in the contour, from the outer corner to the inner
LOWER = (0, 1, 2, 3, 4, 5, 6, 7, 8)
UPPER = (0, 9, 10, 11, 12, 13, 14, 15, 8)


@dataclass(frozen=True, slots=True)
class EyeOutline:
    """The edges of an eye's lids: float32 (9, 2) each, pixels, from the outer corner to the inner.

    ``iris``: float32 (5, 2), its middle and four points of its rim; None where nobody looked for it.
    """

    upper: NDArray[np.float32]
    lower: NDArray[np.float32]
    iris: NDArray[np.float32] | None = None


class EyeFinder:
    """Finds the eyes of a face whose mesh is known. The model loads at the first use; calls from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Any = None

    def find(self, image: Image, mesh: NDArray[np.float32]) -> tuple[EyeOutline, EyeOutline]:
        """Return the person's right and left eye in a BGR picture with its mesh (468, 2).

        Raises:
            LandmarkFilesMissing: see the message.
        """
        known = known_face(image)
        if known is not None and known.irises is not None and np.array_equal(known.mesh, mesh):
            right, left = (EyeOutline(eye[0], eye[1], iris) for eye, iris in zip(known.eyes, known.irises, strict=True))
            return right, left
        with self._lock:
            return (
                self._eye(image, mesh[list(RIGHT_EYE_CORNERS)], mirrored=False),
                self._eye(image, mesh[list(LEFT_EYE_CORNERS)], mirrored=True),
            )

    def _eye(self, image: Image, corners: NDArray[np.float32], mirrored: bool) -> EyeOutline:
        centre = corners.mean(axis=0)
        across = corners[0] - corners[1] if mirrored else corners[1] - corners[0]
        width = max(1.0, float(np.linalg.norm(across)))
        angle = math.degrees(math.atan2(float(across[1]), float(across[0])))
        to_crop = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), angle, SIDE / (CROP_WIDTHS * width))
        to_crop[:, 2] += SIDE / 2 - centre
        if mirrored:
            to_crop[0] *= -1
            to_crop[0, 2] += SIDE - 1
        crop = cv2.warpAffine(image, to_crop, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        answer = self._compiled()([(crop[None, :, :, ::-1] / 255).astype(np.float32)])
        back = cv2.invertAffineTransform(to_crop)
        contour, iris = (
            next(o for o in answer.values() if o.size == count * 3).reshape(-1, 3)[:, :2] @ back[:, :2].T + back[:, 2]
            for count in (CONTOUR_POINTS, IRIS_POINTS)
        )
        points = np.asarray(contour, np.float32)
        return EyeOutline(points[list(UPPER)], points[list(LOWER)], np.asarray(iris, np.float32))

    def _compiled(self) -> Any:
        if self._model is None:
            self._model = compile_network(landmark_file(MODEL_FILE))
        return self._model
