"""Which pixels of a picture are the person: a matte from the face's mesh and the picture's colours, without a model.

A prior of head, hair, neck and shoulders is laid around the mesh. GrabCut (Rother, Kolmogorov and Blake, 2004) cuts the
person out along the colours from there, and along the cut each pixel's share is read from where its colour lies between
the person's and the background's beside it. That fails where the two look alike, and :attr:`Matte.sureness` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.matting import Mask, shares
from app.faces.mesh import CHIN, FOREHEAD, LEFT_CHEEK, OVAL, RIGHT_CHEEK
from app.media import Image

Plane = NDArray[Any]

FACE_PX = 96  # of a face's height, where the person is cut out
MOST_PX = 420  # of the longest side there
ROUNDS = 4  # of GrabCut
GOOD = 0.85  # sureness from which nothing needs to be said of a matte
USABLE = 0.68  # below, it has taken in some of the background, or left some of the person out


@dataclass(frozen=True, slots=True)
class Matte:
    """``alpha``: uint8 (height, width), 255 where the person is. ``sureness``: 0…1, how far that can be trusted."""

    alpha: Mask
    sureness: float


def find_person(image: Image, mesh: NDArray[np.float32]) -> Matte:
    """Cut the person with the mesh (468, 2) out of a BGR picture. Takes a second; pure."""
    body = _Body.of(mesh)
    height, width = image.shape[:2]
    scale = min(1.0, FACE_PX / body.height_px, MOST_PX / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    at = _Body.of((mesh + 0.5) * (np.array(size) / (width, height)) - 0.5)
    cuts = [_cut(small, at, roomy) for roomy in (False, True)]
    inside = np.asarray(cv2.resize(cuts[0].astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC))
    alpha, clear = shares(image, inside, body.height_px)
    return Matte(alpha, min(_agreement(*cuts), clear, _plausible(cuts[0], at)))


@dataclass(frozen=True, slots=True)
class _Body:
    """Where a face stands. ``down`` is the way from forehead to chin; all in pixels."""

    oval: Plane
    middle: Plane
    chin: Plane
    down: Plane
    height_px: float
    width_px: float

    @classmethod
    def of(cls, mesh: Plane) -> _Body:
        chin, forehead = mesh[CHIN], mesh[FOREHEAD]
        height = max(1.0, float(np.linalg.norm(chin - forehead)))
        width = max(0.6 * height, float(np.linalg.norm(mesh[LEFT_CHEEK] - mesh[RIGHT_CHEEK])))
        down = (chin - forehead) / height
        return cls(mesh[list(OVAL)], (chin + forehead) / 2, chin, down, height, width)

    def seen_from_chin(self, shape: tuple[int, ...]) -> tuple[Plane, Plane]:
        """Return of every pixel how far it lies beside the chin, in widths of the face, and below, in heights."""
        y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
        x, y = x - self.chin[0], y - self.chin[1]
        # shoulders stand level, whichever way the head is tilted
        lean = np.clip(-y / self.height_px, 0, 1)
        along = y * (1 + lean * (self.down[1] - 1)) + x * lean * self.down[0]
        across = x * (1 + lean * (self.down[1] - 1)) - y * lean * self.down[0]
        return np.abs(across) / self.width_px, along / self.height_px


def _cut(small: Image, body: _Body, roomy: bool) -> NDArray[np.bool_]:
    """Return which pixels are the person's, bool (rows, columns). ``roomy``: begin with a wider guess."""
    x, y = body.seen_from_chin(small.shape)
    more = 0.14 if roomy else 0.0
    face = np.zeros(small.shape[:2], np.uint8)
    cv2.fillPoly(face, [np.round(body.oval).astype(np.int32)], 1)
    core = (face > 0) | ((x < 0.24) & (y > -0.2) & (y < 0.3)) | ((x < 0.45) & (y > 0.55))
    head = np.hypot(x / (0.66 + more), (y + 0.62) / (0.78 + more)) < 1
    neck = (x < 0.42 + more) & (y > -0.3)
    shoulders = (y > 0.25 - more / 2) & (x < 0.40 + more + 2.4 * (y - 0.25 + more / 2))
    # hair may reach as far as this, and nothing of a person farther
    hull = np.hypot(x / 1.25, (y + 0.55) / 1.25) < 1
    hull |= (x < 1.25) & (y > -0.55)
    hull |= (y > 0.0) & (x < 1.25 + 3.0 * y)
    marks = np.full(small.shape[:2], cv2.GC_PR_BGD, np.uint8)
    marks[head | neck | shoulders] = cv2.GC_PR_FGD
    marks[~hull] = cv2.GC_BGD
    marks[core] = cv2.GC_FGD
    if not (marks == cv2.GC_BGD).any():  # a face that fills the picture: its corners are the only guess
        marks[(y < -1.1) & (x > 0.8)] = cv2.GC_BGD
    if not ((marks == cv2.GC_BGD) | (marks == cv2.GC_PR_BGD)).any():
        return np.ones(small.shape[:2], np.bool_)
    cv2.setRNGSeed(1)  # its clusters begin at random: the same picture shall always give the same matte
    background, person = np.zeros((1, 65)), np.zeros((1, 65))
    lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2LAB), np.uint8)
    cv2.grabCut(lab, marks, (0, 0, 1, 1), background, person, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return _whole((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD), core, body.height_px)


def _whole(cut: NDArray[np.bool_], core: NDArray[np.bool_], height_px: float) -> NDArray[np.bool_]:
    """Keep what hangs together with the face, without holes and specks."""
    reach = max(1, round(0.02 * height_px))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    opened = cv2.morphologyEx(cut.astype(np.uint8), cv2.MORPH_OPEN, kernel) | core.astype(np.uint8)
    _, labels = cv2.connectedComponents(opened, connectivity=4)
    kept = np.isin(labels, np.unique(labels[core])) & (opened > 0)
    # holes that are small; a larger one may be the background between an arm and the body
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8), connectivity=4)
    for hole in range(1, count):
        left, top, wide, high, area = stats[hole]
        inner = left > 0 and top > 0 and left + wide < cut.shape[1] and top + high < cut.shape[0]
        if inner and area < (0.25 * height_px) ** 2:
            kept |= labels == hole
    return np.asarray(kept, np.bool_)


def _agreement(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return 1 where another first guess leads to the same cut."""
    common = float((one & other).sum()) / max(1, int((one | other).sum()))
    return float(np.clip((common - 0.80) / 0.17, 0, 1))


def _plausible(cut: NDArray[np.bool_], body: _Body) -> float:
    """Return 1 for what looks like a person: no wall beside the head, and all of a head."""
    x, y = body.seen_from_chin(cut.shape)
    beside = (x > 1.0) & (x < 1.6) & (y < -0.25)
    above = (x < 1.2) & (y < -1.6)
    wall = beside | above
    spilt = float(cut[wall].mean()) if wall.any() else 0.0
    head = np.hypot(x / 0.50, (y + 0.55) / 0.62) < 1
    lacking = 1 - float(cut[head].mean()) if head.any() else 0.0
    return float(np.clip(1.2 - 4 * spilt - 6 * lacking, 0, 1))
