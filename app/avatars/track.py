"""One person's face through a video: followed, checked for gaps and cuts, and steadied."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.avatars.picture import MIN_FACE_PX, PictureError
from app.faces.detector import FaceBox
from app.faces.face import FaceFinder
from app.media import VIDEO_FPS, Image

BRIDGED_FRAMES = 5  # without a face at most: the meshes between are filled in from both sides
GIVE_UP_FRAMES = 2 * VIDEO_FPS
CUT_MOVE = 0.5  # face widths between neighbouring frames
CUT_GROWTH = 1.5
STRANGER_MOVE = 1.0  # face widths: further off, without a cut, is somebody else
SAME_MOVE = 0.3
GLANCE_SIDE = 48  # pixels of the small grey picture by which neighbours are compared
GLANCE_MEMORY = 3
CUT_CHANGE = 4.0  # grey levels, on average over the picture
CUT_RISE = 3.0  # times the changes just before: motion gathers speed, a cut comes at once
STEADYING = np.array([1, 4, 6, 4, 1], np.float32) / 16  # binomial: no delay, half as blunt as a plain average


@dataclass(frozen=True, slots=True)
class Place:
    """Where a face is and how large: pixels."""

    x: float
    y: float
    width: float

    @classmethod
    def of(cls, mesh: NDArray[np.float32]) -> Place:
        """Take the bounds of a mesh, float32 (468, 2)."""
        (left, top), (right, bottom) = mesh.min(axis=0).tolist(), mesh.max(axis=0).tolist()
        return cls((left + right) / 2, (top + bottom) / 2, right - left)

    def distance(self, x: float, y: float) -> float:
        """Return how far a point is from the middle, in face widths."""
        return math.hypot(x - self.x, y - self.y) / self.width


class FaceTrack:
    """Follows a face from picture to picture of one size; time is counted in frames of 40 ms.

    Holds one mesh a frame and nothing of the pictures.
    """

    def __init__(self, finder: FaceFinder) -> None:
        self._finder = finder
        self._meshes: list[NDArray[np.float32] | None] = []
        self._last: Place | None = None
        self._strangers: list[FaceBox] = []
        self._missing = 0
        self._glance: NDArray[np.float32] | None = None
        self._changes: deque[float] = deque(maxlen=GLANCE_MEMORY)
        self._cut_at: int | None = None
        self.faces_at_start = 0

    def add(self, image: Image, frames: int) -> None:
        """Look for the face in a BGR picture that is shown for so many frames.

        Raises:
            PictureError: ``no_face``, ``face_too_small``, ``face_lost`` or ``video_cut``, with the time.
        """
        self._compare(image)
        mesh = self._follow(image)
        if mesh is None:
            self._missing += frames
            if self._missing > GIVE_UP_FRAMES:
                raise self._lost("on")
        else:
            if self._missing > BRIDGED_FRAMES:
                raise self._lost(f"to {_seconds(len(self._meshes))}")
            self._missing = 0
        self._meshes += [mesh] * frames

    def finish(self) -> NDArray[np.float32]:
        """Return the meshes of all frames, steadied: float32 (n, 468, 2), pixels.

        Raises:
            PictureError: ``no_face`` or ``face_lost``.
        """
        if self._last is None or self._missing > BRIDGED_FRAMES:
            raise self._lost("to the end")
        return steadied(bridged(self._meshes))

    def _compare(self, image: Image) -> None:
        """Note whether the picture changed at once, as a cut does, since the face was last seen."""
        small = cv2.resize(image, (GLANCE_SIDE, GLANCE_SIDE), interpolation=cv2.INTER_AREA)
        glance = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
        if self._glance is not None:
            change = float(np.abs(glance - self._glance).mean())
            usual = max(self._changes, default=0.0)
            if change > max(CUT_CHANGE, CUT_RISE * usual) and self._cut_at is None:
                self._cut_at = len(self._meshes)
            self._changes.append(change)
        self._glance = glance

    def _follow(self, image: Image) -> NDArray[np.float32] | None:
        boxes = self._finder.find(image)
        if not boxes:
            return None
        box = min(boxes, key=self._away) if self._last else boxes[0]
        mesh = self._finder.mesh(image, box)
        if mesh is None:
            return None
        place = Place.of(mesh)
        if self._last is None:
            self.faces_at_start = len(boxes)
        else:
            moved = self._last.distance(place.x, place.y)
            grown = max(place.width / self._last.width, self._last.width / place.width)
            jumps = moved > CUT_MOVE or grown > CUT_GROWTH
            if jumps and any(_same(box, stranger) for stranger in self._strangers):
                return None
            if jumps and self._cut_at is not None:
                raise _cut(self._cut_at)
            if moved > STRANGER_MOVE:
                return None
        if box.side < MIN_FACE_PX:
            raise _too_small(box, len(self._meshes))
        self._last, self._cut_at = place, None
        self._strangers = [other for other in boxes if other is not box]
        return mesh

    def _away(self, box: FaceBox) -> float:
        assert self._last is not None
        return self._last.distance(box.x + box.width / 2, box.y + box.height / 2)

    def _lost(self, until: str) -> PictureError:
        if self._last is None:
            return PictureError(
                "no_face", "No face was found. Use a video that shows one face from the front, from its start."
            )
        begin = _seconds(len(self._meshes) - self._missing)
        return PictureError(
            "face_lost",
            f"No face from {begin} {until}. Cut that part off, or use a video in which the face is never hidden "
            "or turned away.",
        )


def _same(box: FaceBox, before: FaceBox) -> bool:
    """Tell whether somebody was there before, as large and at the same place."""
    near = math.hypot(box.x - before.x, box.y - before.y) < SAME_MOVE * before.width
    return near and 1 / CUT_GROWTH < box.width / before.width < CUT_GROWTH


def bridged(meshes: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    """Fill what is missing, straight between the neighbours: at least one mesh (468, 2) → float32 (n, 468, 2)."""
    seen = np.array([frame for frame, mesh in enumerate(meshes) if mesh is not None])
    known = np.stack([mesh for mesh in meshes if mesh is not None])
    frames = np.arange(len(meshes))
    after = np.minimum(np.searchsorted(seen, frames), len(seen) - 1)
    before = np.maximum(np.where(seen[after] > frames, after - 1, after), 0)
    span = np.maximum(seen[after] - seen[before], 1)
    share = ((frames - seen[before]) / span).astype(np.float32)[:, None, None]
    return np.asarray(known[before] + (known[after] - known[before]) * share, np.float32)


def steadied(meshes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smooth over time, as the loop plays it: turned back at both ends. float32 (n, 468, 2) of at least 3 frames."""
    margin = len(STEADYING) // 2
    padded = np.pad(meshes, ((margin, margin), (0, 0), (0, 0)), mode="reflect")
    smooth = np.zeros_like(meshes)
    for offset, weight in enumerate(STEADYING):
        smooth += weight * padded[offset : offset + len(meshes)]
    return smooth


def _seconds(frame: int) -> str:
    return f"{frame / VIDEO_FPS:.1f} s"


def _cut(frame: int) -> PictureError:
    return PictureError(
        "video_cut",
        f"There is a cut at {_seconds(frame)}: the face jumps. Use one unbroken take, such as the part before or "
        "after it.",
    )


def _too_small(box: FaceBox, frame: int) -> PictureError:
    return PictureError(
        "face_too_small",
        f"At {_seconds(frame)} the face is {box.side:.0f} pixels wide; at least {MIN_FACE_PX} are needed. "
        "Crop the video closer to the face, or use a larger one.",
    )
