"""The bundled portraits' landmarks, kept so that a start runs no model.

OpenVINO and the landmark models take 100 MB and some seconds. A server to which nobody uploads a face does without.
``known_face.npz`` is made by ``tools/find_landmarks.py``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.media import Image

FILE = Path(__file__).parent / "known_face.npz"
PARTS = ("mesh", "eyes", "depth", "irises")  # arrays in it, beside the digests


@dataclass(frozen=True, slots=True)
class KnownFace:
    """A picture's landmarks, in pixels.

    ``digest``: of the picture, see :func:`digest_of`. ``mesh``: float32 (468, 2). ``eyes``: float32 (2, 2, 9, 2), the
    person's right one first; the edges of the upper and the lower lid. ``irises``: float32 (2, 5, 2), see
    ``EyeOutline``. ``depth``: float32 (468,), see ``depth.py``. Either is None where the file has none.
    """

    digest: str
    mesh: NDArray[np.float32]
    eyes: NDArray[np.float32]
    depth: NDArray[np.float32] | None
    irises: NDArray[np.float32] | None


def known_face(image: Image) -> KnownFace | None:
    """Return the landmarks of a BGR picture; None where it is none of the bundled ones."""
    return _load().get(digest_of(image))


def digest_of(image: Image) -> str:
    """Return the SHA-256 of a picture's size and pixels."""
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()


@cache
def _load() -> dict[str, KnownFace]:
    if not FILE.is_file():
        return {}
    with np.load(FILE) as stored:
        digests = [str(digest) for digest in stored["digest"]]
        parts = zip(*(stored.get(name, [None] * len(digests)) for name in PARTS), strict=True)
        return {digest: KnownFace(digest, *part) for digest, part in zip(digests, parts, strict=True)}
