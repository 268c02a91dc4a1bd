"""How far the points of a face's mesh stand out towards who looks.

The mesh's own model tells it (see ``face.py``); avatars keep the points alone, so it is asked again when one is
prepared. So faces that were stored before this was known have a depth as well.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.cpu_network import compile_network
from app.faces.face import CROP_GROWTH, MESH_FILE, MIN_PRESENCE, ask_mesh, landmark_file
from app.faces.known_face import known_face
from app.faces.mesh import CHIN, FOREHEAD, LEFT_CHEEK, LEFT_EYE, RIGHT_CHEEK, RIGHT_EYE
from app.media import Image

NOSE_TIP = 1
DOME, NOSE = 0.50, 0.14  # of a face that the model does not see, in its heights: the forehead's, and more for the nose
NOSE_REACH = 0.10  # around its tip
FLATTEST, DEEPEST = 0.25, 1.2  # heights of a face between the ears and the nose's tip: else the model is wrong


class DepthFinder:
    """Finds the depth of a face whose mesh is known. The model loads at the first use; calls from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Any = None

    def find(self, image: Image, mesh: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how near each point of a BGR picture's mesh (468, 2) is: float32 (468,), pixels, from anywhere.

        Raises:
            LandmarkFilesMissing: see the message.
        """
        known = known_face(image)
        if known is not None and known.depth is not None and np.array_equal(known.mesh, mesh):
            return known.depth
        low, high = mesh.min(axis=0), mesh.max(axis=0)
        centre = (float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2)
        side = max(1.0, float((high - low).max()) * CROP_GROWTH)
        with self._lock:
            points, presence = ask_mesh(self._compiled(), image, centre, side, mesh[[RIGHT_EYE, LEFT_EYE]])
        depth = -points[:, 2]
        stands_out = float(depth[NOSE_TIP] - depth[[RIGHT_CHEEK, LEFT_CHEEK]].mean()) / _height(mesh)
        if presence < MIN_PRESENCE or not FLATTEST < stands_out < DEEPEST:
            return supposed_depth(mesh)
        return np.asarray(depth, np.float32)

    def _compiled(self) -> Any:
        if self._model is None:
            self._model = compile_network(landmark_file(MESH_FILE))
        return self._model


def supposed_depth(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a dome with a nose over a mesh (468, 2): float32 (468,), pixels."""
    height = _height(mesh)
    middle = (mesh[RIGHT_CHEEK] + mesh[LEFT_CHEEK]) / 2
    across = max(1.0, float(np.linalg.norm(mesh[LEFT_CHEEK] - mesh[RIGHT_CHEEK])) / 2)
    away = np.linalg.norm(mesh - middle, axis=1)
    along = (mesh - middle) @ (mesh[LEFT_CHEEK] - mesh[RIGHT_CHEEK]) / (2 * across**2)
    dome = np.sqrt(np.clip(1 - np.square(along), 0, 1)) * np.clip(1 - 0.2 * np.square(away / across), 0.3, 1)
    nose = np.exp(-np.square(np.linalg.norm(mesh - mesh[NOSE_TIP], axis=1) / (NOSE_REACH * height)))
    return np.asarray(height * (DOME * dome + NOSE * nose), np.float32)


def _height(mesh: NDArray[np.float32]) -> float:
    return max(1.0, float(np.linalg.norm(mesh[CHIN] - mesh[FOREHEAD])))
